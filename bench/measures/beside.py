"""Echo in one terminal while another floods, on the same server.

The flooding terminal has nobody attached: what is measured is the server's fairness, not the bench's reading.
How much it printed meanwhile is in the table: a fair server starves neither.
"""

import itertools
import random
import time

from bench.contenders import Contender, Offer
from bench.errors import RefusedError
from bench.measures.echo import ECHO_COLUMNS, Keys, echo_figures, echo_samples, type_keys
from bench.measures.setting import Setting, attached, rows
from bench.programs import ECHO, READY, Flood, flood_file
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs

MB = 1_000_000
SETTLE_S = 0.3


def beside(setting: Setting) -> Section:
    rounds, keys = setting.round_count(7, 3), setting.choose(80, 40)
    text = flood_file(setting.scratch / "beside.txt", MB)
    runs: Runs[Keys] = Runs()
    rates: dict[str, list[float]] = {}
    numbers = itertools.count(1)
    chance = random.Random(3)
    with (
        setting.open("beside", Offer.BESIDE) as contenders,
        attached(contenders, ECHO, READY, runs) as outers,
    ):

        def once(contender: Contender) -> Keys:
            outer, number = outers[contender.name], next(numbers)
            flood = Flood(text, setting.scratch / f"beside{number}")
            command = flood.start()
            try:
                contender.open_beside(command)
                outer.rest(SETTLE_S)
                start, before = time.perf_counter(), flood.printed_bytes()
                taken = type_keys(outer, keys, chance)
                printed, seconds = flood.printed_bytes() - before, time.perf_counter() - start
            finally:
                flood.stop()
            if printed == 0:
                raise RefusedError("beside", "the other terminal printed nothing")
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
        raw={
            "rounds": rounds,
            "keys": keys,
            "unit": "ms",
            "samples": echo_samples(runs),
            "flood_mb_per_s": rates,
        },
    )
