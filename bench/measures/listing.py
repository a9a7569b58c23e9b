"""ls: the wall time of the command that lists terminals, a process each time, with one terminal to list.

Beside it, what a process and a Python that do nothing cost. The server runs; files are in the page cache.
"""

import os
import shutil
import statistics
import sys
import time
from dataclasses import dataclass

from bench.contenders import Offer
from bench.errors import RefusedError
from bench.measures.setting import Setting, rows, to_yardstick
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs, percentile


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    argv: list[str]
    env: dict[str, str]


def wall_ms(command: Command) -> float:
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    start = time.perf_counter_ns()
    pid = os.posix_spawnp(command.argv[0], command.argv, command.env, file_actions=null)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    taken = (time.perf_counter_ns() - start) / 1e6
    # screen -ls has used its exit status for counts and for success.
    if status != 0 and command.name != "screen":
        raise RefusedError(f"{command.name} ls", f"exit status {status}")
    return taken


def listing(setting: Setting) -> Section:
    rounds = setting.round_count(20, 5)
    runs: Runs[float] = Runs()
    env = dict(os.environ)
    commands = [
        Command("true", [shutil.which("true") or "true"], env),
        Command("python -c pass", [sys.executable, "-c", "pass"], env),
    ]
    with setting.open("ls", Offer.LIST) as contenders:
        for contender in contenders:
            runs.attempt(contender.name, contender.warm)
            commands.append(Command(contender.name, contender.listing(), dict(contender.env)))
        runs.interleave(commands, rounds, wall_ms, setting.progress)

    def figures(name: str) -> dict[str, float | None]:
        return {
            "median": statistics.median(runs.samples[name]),
            "p90": percentile(runs.samples[name], 0.9),
            "python ratio": runs.ratio(name, "python -c pass", float),
            "ratio": to_yardstick(runs, name, float),
        }

    return Section(
        title=f"ls: list the terminals, a process each time; {rounds} rounds",
        columns=(
            Column("median", "median ms", 1),
            Column("p90", "p90 ms", 1),
            Column("python ratio", "× python", 2),
            Column("ratio", "× tmux", 2),
        ),
        rows=rows(commands, runs, figures),
        budgets=(Budget("cctm ls", (Limit("median", Side.AT_MOST, 120, "ms"),)),),
        raw={"rounds": rounds, "unit": "ms", "samples": runs.samples},
    )
