"""Spawn: from starting the client to the first prompt in a new terminal, the server already running.

Includes the client's own start. dtach and the recorders have no server; screen starts one for each session.
"""

import statistics

from bench.contenders import Contender
from bench.measures.setting import Setting, rows, to_yardstick
from bench.outer import Outer
from bench.programs import PROMPT, SHELL
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs, percentile

TIMEOUT_S = 15.0
BASE = "bare"


def spawn(setting: Setting) -> Section:
    rounds = setting.round_count(15, 5)
    runs: Runs[float] = Runs()
    with setting.open("spawn") as contenders:
        for contender in contenders:
            runs.attempt(contender.name, contender.warm)

        def once(contender: Contender) -> float:
            with Outer(contender.attached(SHELL), contender.env) as outer:
                prompted = outer.wait_for(PROMPT, TIMEOUT_S)
                outer.rest(0.05)
                outer.write(b"exit\r")
                outer.wait_end(TIMEOUT_S)
                return (prompted - outer.spawned_ns) / 1e6

        runs.interleave(contenders, rounds, once, setting.progress)

    def figures(name: str) -> dict[str, float | None]:
        return {
            "median": statistics.median(runs.samples[name]),
            "p90": percentile(runs.samples[name], 0.9),
            "bare ratio": runs.ratio(name, BASE, float),
            "ratio": to_yardstick(runs, name, float),
        }

    return Section(
        title=f"spawn: a new terminal with bash, to its first prompt; {rounds} rounds",
        columns=(
            Column("median", "median ms", 1),
            Column("p90", "p90 ms", 1),
            Column("bare ratio", "× bare", 2),
            Column("ratio", "× tmux", 2),
        ),
        rows=rows(contenders, runs, figures),
        budgets=(
            Budget("spawn to prompt", (Limit("median", Side.AT_MOST, 50, "ms"),)),
            Budget("spawn to prompt", (Limit("bare ratio", Side.AT_MOST, 3, "× bare fork and exec"),)),
        ),
        raw={"rounds": rounds, "unit": "ms", "samples": runs.samples},
    )
