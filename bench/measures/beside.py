"""Echo in one terminal while another floods, on the same server.

The flooding terminal has nobody attached: what is measured is the server's fairness, not the bench's reading. It
goes on through the round; how much it printed meanwhile is in the table, for a fair server starves neither.
"""

import itertools
import random
import time
from dataclasses import dataclass
from pathlib import Path

from bench.contenders import Contender, Offer
from bench.errors import Refused
from bench.measures.echo import ECHO_COLUMNS, echo_figures, type_keys
from bench.measures.setting import Setting, attached, rows
from bench.programs import ECHO, READY, flood_file, flood_while
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs

MB = 1_000_000
SETTLE_S = 0.3


@dataclass(slots=True)
class Flood:
    """One flooding terminal: runs while *running* exists, and counts in *count* the files it printed."""

    text: Path
    running: Path
    count: Path

    def printed_bytes(self) -> int:
        return (self.count.stat().st_size if self.count.exists() else 0) * self.text.stat().st_size


def beside(setting: Setting) -> Section:
    rounds, keys = setting.round_count(7, 3), setting.choose(80, 40)
    text = flood_file(setting.scratch / "beside.txt", MB)
    runs: Runs[list[float]] = Runs()
    rates: dict[str, list[float]] = {}
    numbers = itertools.count(1)
    chance = random.Random(3)
    with (
        setting.open("beside", Offer.BESIDE) as contenders,
        attached(contenders, ECHO, READY, runs) as outers,
    ):

        def once(contender: Contender) -> list[float]:
            outer, number = outers[contender.name], next(numbers)
            flood = Flood(text, setting.scratch / f"running{number}", setting.scratch / f"count{number}")
            flood.running.touch()
            try:
                contender.open_beside(flood_while(flood.text, flood.running, flood.count))
                outer.rest(SETTLE_S)
                start, before = time.perf_counter(), flood.printed_bytes()
                taken = type_keys(outer, keys, chance)
                printed, seconds = flood.printed_bytes() - before, time.perf_counter() - start
            finally:
                flood.running.unlink()
            if printed == 0:
                raise Refused([contender.name], "the other terminal printed nothing")
            rates.setdefault(contender.name, []).append(printed / MB / seconds)
            outer.rest(SETTLE_S)
            return taken

        runs.interleave(contenders, rounds, once, setting.progress)

    def figures(name: str) -> dict[str, float | None]:
        return {**echo_figures(runs, name), "flood": sum(rates[name]) / len(rates[name])}

    return Section(
        title=f"beside: echo in one terminal while another floods; {rounds} rounds of {keys} keys",
        columns=(*ECHO_COLUMNS, Column("flood", "flood MB/s", 1)),
        rows=rows(contenders, runs, figures),
        budgets=(Budget("echo beside a flood, p99", (Limit("p99", Side.AT_MOST, 10, "ms"),)),),
        raw={"rounds": rounds, "keys": keys, "unit": "ms", "samples": runs.samples, "flood_mb_per_s": rates},
    )
