"""Flood: `cat` of a file of coloured text in an attached terminal.

From typing a line to reading the marker printed after the last byte; and, for those that record, to the last
growth of the record on disk.
"""

import itertools
import statistics
import time
from dataclasses import asdict, dataclass

from bench.contenders import Contender, Offer
from bench.measures.setting import Setting, attached, rows, to_yardstick
from bench.outer import Outer
from bench.programs import READY, flood_done, flood_file, flood_on_request
from bench.results import Budget, Column, Limit, Section, Side
from bench.rounds import Runs

MB = 1_000_000
TIMEOUT_S = 120.0
# A record that has not grown for so long is taken as complete; the wait itself is not counted.
SETTLED_S = 0.25


@dataclass(frozen=True, slots=True)
class Flooded:
    seen_s: float
    recorded_s: float | None
    record_bytes: int | None


def last_growth_ns(contender: Contender, outer: Outer, since_ns: int) -> int:
    """When the record last grew, *since_ns* at the earliest."""
    size, last = contender.record_bytes(), since_ns
    while time.perf_counter_ns() - last < SETTLED_S * 1e9:
        outer.rest(0.001)
        if (now_size := contender.record_bytes()) != size:
            size, last = now_size, time.perf_counter_ns()
    return last


def flood(setting: Setting) -> Section:
    rounds, size = setting.round_count(7, 3), setting.choose(20, 4) * MB
    text = flood_file(setting.scratch / "flood.txt", size)
    length = text.stat().st_size
    runs: Runs[Flooded] = Runs()
    numbers = itertools.count(1)
    with (
        setting.open("flood") as contenders,
        attached(contenders, flood_on_request(text), READY, runs) as outers,
    ):

        def once(contender: Contender) -> Flooded:
            outer, number = outers[contender.name], next(numbers)
            outer.rest(0.1)
            records = Offer.RECORD in contender.offers
            before = contender.record_bytes() if records else 0
            start = time.perf_counter_ns()
            outer.write(b"%d\r" % number)
            seen = outer.wait_for(flood_done(number), TIMEOUT_S)
            if not records:
                return Flooded((seen - start) / 1e9, None, None)
            recorded = last_growth_ns(contender, outer, seen)
            grown = contender.record_bytes() - before
            return Flooded((seen - start) / 1e9, (recorded - start) / 1e9 if grown else None, grown)

        runs.interleave(contenders, rounds, once, setting.progress)

    def figures(name: str) -> dict[str, float | None]:
        samples = runs.samples[name]
        recorded = [one.recorded_s for one in samples if one.recorded_s is not None]
        stored = [one.record_bytes for one in samples if one.record_bytes is not None]
        return {
            "seen": length / MB / statistics.median(one.seen_s for one in samples),
            "ratio": to_yardstick(runs, name, lambda one: 1 / one.seen_s),
            "recorded": length / MB / statistics.median(recorded) if len(recorded) == len(samples) else None,
            "recorded ratio": recorded_to_yardstick(runs, name) if len(recorded) == len(samples) else None,
            "stored": statistics.median(stored) / length if stored else None,
        }

    return Section(
        title=f"flood: cat of {length / MB:.0f} MB of coloured text, attached; {rounds} rounds",
        columns=(
            Column("seen", "seen MB/s", 1),
            Column("ratio", "seen × tmux", 2),
            Column("recorded", "recorded MB/s", 1),
            Column("recorded ratio", "recorded × tmux seen", 2),
            Column("stored", "record / output", 2),
        ),
        rows=rows(contenders, runs, figures),
        budgets=(
            Budget("flood, seen", (Limit("ratio", Side.AT_LEAST, 1.3, "× tmux"),)),
            Budget("flood, recorded", (Limit("recorded ratio", Side.AT_LEAST, 1.3, "× tmux"),)),
        ),
        raw={
            "rounds": rounds,
            "bytes": length,
            "samples": {name: [asdict(one) for one in samples] for name, samples in runs.samples.items()},
        },
    )


def recorded_to_yardstick(runs: Runs[Flooded], name: str) -> float | None:
    """The time until recorded, by the time until the yardstick's output (it records nothing) was seen."""
    recorded: Runs[float] = Runs(failures=runs.failures)
    for other, samples in runs.samples.items():
        recorded.samples[other] = [
            one.seen_s if one.recorded_s is None else one.recorded_s for one in samples
        ]
    return to_yardstick(recorded, name, lambda seconds: 1 / seconds)
