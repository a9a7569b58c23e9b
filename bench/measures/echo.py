"""Echo: the time from typing a key to reading it back, through an attached client.

    write(master) → client → server → inner PTY → cat → inner PTY → server → client → read(master)

Keys come 2 to 10 ms apart, irregularly, so that no timer of a contender is hit always or never.
"""

import random
import statistics
from typing import Final

from bench.contenders import Contender
from bench.measures.setting import Setting, attached, rows, to_yardstick
from bench.outer import Outer
from bench.programs import ECHO, READY
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs, percentile

# In no host name, status line or escape sequence that a contender prints by itself.
KEYS: Final = (b"~", b"&", b"^", b"|")
LINE_KEYS = 61  # then Enter, so that lines do not wrap
SPACING_S: Final = (0.002, 0.010)


def type_keys(outer: Outer, count: int, chance: random.Random) -> list[float]:
    """Type *count* keys; milliseconds until each was read back."""
    taken = []
    for number in range(count):
        outer.rest(chance.uniform(*SPACING_S))
        if number % LINE_KEYS == LINE_KEYS - 1:
            outer.write(b"\r")
            outer.rest(SPACING_S[1])
        taken.append(outer.key_ns(KEYS[number % len(KEYS)]) / 1e6)
    return taken


def echo_figures(runs: Runs[list[float]], name: str) -> dict[str, float | None]:
    """Percentiles over all keys of all rounds; ratios round by round."""
    keys = [key for sample in runs.samples[name] for key in sample]
    return {
        "p50": percentile(keys, 0.50),
        "p99": percentile(keys, 0.99),
        "max": max(keys),
        "p50 ratio": to_yardstick(runs, name, statistics.median),
        "p99 ratio": to_yardstick(runs, name, lambda sample: percentile(sample, 0.99)),
    }


ECHO_COLUMNS: Final = (
    Column("p50", "p50 ms", 3),
    Column("p99", "p99 ms", 3),
    Column("max", "max ms", 2),
    Column("p50 ratio", "p50 × tmux", 2),
    Column("p99 ratio", "p99 × tmux", 2),
)


def echo(setting: Setting) -> Section:
    rounds, keys = setting.round_count(10, 3), setting.choose(80, 50)
    runs: Runs[list[float]] = Runs()
    chance = random.Random(1)
    with setting.open("echo") as contenders, attached(contenders, ECHO, READY, runs) as outers:

        def once(contender: Contender) -> list[float]:
            outer = outers[contender.name]
            outer.rest(0.02)  # what came while the others had their turn
            return type_keys(outer, keys, chance)

        runs.interleave(contenders, rounds, once, setting.progress)
    return Section(
        title=f"echo: one key through the attached client; {rounds} rounds of {keys} keys",
        columns=ECHO_COLUMNS,
        rows=rows(contenders, runs, lambda name: echo_figures(runs, name)),
        budgets=(
            Budget(
                "echo p50",
                (Limit("p50 ratio", Side.AT_MOST, 4, "× tmux"), Limit("p50", Side.AT_MOST, 0.3, "ms")),
            ),
            Budget("echo p99", (Limit("p99", Side.AT_MOST, 2, "ms"),)),
        ),
        raw={"rounds": rounds, "keys": keys, "unit": "ms", "samples": runs.samples},
    )
