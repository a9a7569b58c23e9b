"""Echo: the time from typing a key to reading it back, through an attached client.

    write(master) → client → server → inner PTY → cat → inner PTY → server → client → read(master)

Keys come 2 to 10 ms apart, irregularly, so that no timer of a contender is hit always or never. Before each
the bench runs its own code warm, on a pipe: after a sleep it is slow for tens of microseconds, which would be
in every figure. The last of these round trips is the bench's own share: the row `the bench`.
"""

import random
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bench.contenders import Contender
from bench.measures.setting import Setting, attached, rows, to_yardstick
from bench.outer import Loopback, Outer
from bench.programs import ECHO, READY
from bench.results import Budget, Column, Limit, Row, Section, Side
from bench.rounds import Runs, percentile

# In no host name, status line or escape sequence that a contender prints by itself.
KEYS: Final = (b"~", b"&", b"^", b"|")
WARM_UPS: Final = 3
LINE_KEYS: Final = 61  # then Enter, so that lines do not wrap
SPACING_S: Final = (0.002, 0.010)


@dataclass(frozen=True, slots=True)
class Keys:
    """Milliseconds until each key was read back: through a contender, and through a pipe just before."""

    through: list[float]
    bench: list[float]


def type_keys(outer: Outer, count: int, chance: random.Random) -> Keys:
    taken = Keys([], [])
    with Loopback() as loop:
        for number in range(count):
            if number % LINE_KEYS == LINE_KEYS - 1:
                outer.write(b"\r")
            outer.rest(chance.uniform(*SPACING_S))
            key = KEYS[number % len(KEYS)]
            *_, own_ns = [loop.key_ns(key) for _ in range(WARM_UPS)]
            taken.bench.append(own_ns / 1e6)
            taken.through.append(outer.key_ns(key) / 1e6)
    return taken


def echo_figures(runs: Runs[Keys], name: str) -> dict[str, float | None]:
    """Percentiles over all keys of all rounds; ratios round by round."""
    return {
        **percentiles([key for sample in runs.samples[name] for key in sample.through]),
        "p50 ratio": to_yardstick(runs, name, lambda sample: statistics.median(sample.through)),
        "p99 ratio": to_yardstick(runs, name, lambda sample: percentile(sample.through, 0.99)),
    }


def percentiles(keys: list[float]) -> dict[str, float | None]:
    return {"p50": percentile(keys, 0.50), "p99": percentile(keys, 0.99), "max": max(keys)}


def echo_rows(contenders: Iterable[Contender], runs: Runs[Keys]) -> tuple[Row, ...]:
    own = [key for samples in runs.samples.values() for sample in samples for key in sample.bench]
    return (
        *((Row("the bench", percentiles(own)),) if own else ()),
        *rows(contenders, runs, lambda name: echo_figures(runs, name)),
    )


def echo_samples(runs: Runs[Keys]) -> dict[str, list[list[float]]]:
    return {name: [sample.through for sample in samples] for name, samples in runs.samples.items()}


ECHO_COLUMNS: Final = (
    Column("p50", "p50 ms", 3),
    Column("p99", "p99 ms", 3),
    Column("max", "max ms", 2),
    Column("p50 ratio", "p50 × tmux", 2),
    Column("p99 ratio", "p99 × tmux", 2),
)


def echo(setting: Setting) -> Section:
    rounds, keys = setting.round_count(10, 3), setting.choose(80, 50)
    runs: Runs[Keys] = Runs()
    chance = random.Random(1)
    with setting.open("echo") as contenders, attached(contenders, ECHO, READY, runs) as outers:

        def once(contender: Contender) -> Keys:
            outer = outers[contender.name]
            outer.rest(0.02)  # what came while the others had their turn
            return type_keys(outer, keys, chance)

        runs.interleave(contenders, rounds, once, setting.progress)
    return Section(
        title=f"echo: one key through the attached client; {rounds} rounds of {keys} keys",
        columns=ECHO_COLUMNS,
        rows=echo_rows(contenders, runs),
        budgets=(
            Budget(
                "echo p50",
                (Limit("p50 ratio", Side.AT_MOST, 4, "× tmux"), Limit("p50", Side.AT_MOST, 0.3, "ms")),
            ),
            Budget("echo p99", (Limit("p99", Side.AT_MOST, 2, "ms"),)),
        ),
        raw={"rounds": rounds, "keys": keys, "unit": "ms", "samples": echo_samples(runs)},
    )
