"""Relay: one writer, many readers, through the product's relay and through two peers on Node.

    take    the writer appends entries of 256 bytes: all at once, each in a message, until all receipts are there; then
            as its client sends what has been waiting; then one by one
    spread  1,000 readers: each message when all have the one before (nothing can be batched); then all at once
    join    a newcomer connects, and waits for the newest screen, with 1 MB and with 1 GB of history
    idle    5,000 connections that say nothing: what each adds to the server's memory

Readers are raw sockets in two other processes, the same for all. On a machine of two cores they share one with the
bench, and the server has the other.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from bench import processes
from bench.errors import BenchError
from bench.measures.setting import Setting
from bench.relays import RelayContender
from bench.relays.base import PAYLOAD_BYTES
from bench.relays.readers import Readers
from bench.results import PRODUCT, Budget, Column, Limit, Row, Section, Side
from bench.rounds import Runs

MB: Final = 1_000_000
SHORT, LONG = "1 MB", "1 GB"
POLL_S: Final = 0.005  # of readers that are not waited for one by one
SETTLE_S: Final = 1.0
QUIET_S: Final = 0.1
BETTER: Final = "× the better peer"

COLUMNS: Final = (
    Column("taken", "taken/s", 0),
    Column("waiting", "waiting/s", 0),
    Column("receipt", "receipt ms", 2),
    Column("by one", "by one/s", 0),
    Column("at once", "at once/s", 0),
    Column("cpu", "CPU µs each", 1),
    *(Column(label, f"join ms, {label}", 1) for label in (SHORT, LONG)),
    Column("idle", "idle KiB", 1),
)
MORE: Final = (
    ("taken", "messages taken"),
    ("waiting", "messages taken that waited"),
    ("by one", "spread one by one"),
    ("at once", "spread at once"),
)
LESS: Final = ((SHORT, f"join, {SHORT}"), (LONG, f"join, {LONG}"), ("idle", "idle connection"))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Taken:
    per_s: float
    waiting_per_s: float
    receipt_ms: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Deliveries a second, by one and all at once; of the first, what the server's processor took for each."""

    by_one_per_s: float
    at_once_per_s: float
    cpu_us: float
    load_share: float  # of two cores that the readers' processes took, all at once


@dataclass(frozen=True, slots=True)
class Sizes:
    messages: int
    receipts: int  # waited for one by one
    readers: int
    steps: int  # messages spread one by one
    idle: int
    history: dict[str, int]


def take(relay: RelayContender, sizes: Sizes) -> Taken:
    with relay.writing() as writer:
        rates = []
        for append in (relay.append, relay.append_waiting):
            messages = relay.messages(sizes.messages)
            start = time.perf_counter_ns()
            rates.append(sizes.messages / ((append(writer, messages) - start) / 1e9))
        waits = []
        for message in relay.messages(sizes.receipts):
            start = time.perf_counter_ns()
            waits.append((relay.append(writer, [message]) - start) / 1e6)
    return Taken(*rates, statistics.median(waits))


def spread(relay: RelayContender, sizes: Sizes) -> Spread:
    with relay.writing() as writer, Readers(relay.reading(), sizes.readers) as readers:
        steps = relay.messages(sizes.steps)
        readers.watch([message.mark for message in steps], 0.0)
        time.sleep(QUIET_S)
        cpu_ns, start = relay.cpu_ns(), time.perf_counter_ns()
        for message in steps:
            writer.send(message.data)
            end = readers.seen().at_ns
        by_one = sizes.steps * sizes.readers
        by_one_per_s = by_one / ((end - start) / 1e9)
        cpu_us = (relay.cpu_ns() - cpu_ns) / 1e3 / by_one

        writer.pump(b"", relay.receipts(steps))
        flood = relay.messages(sizes.steps)
        readers.watch([flood[-1].mark], POLL_S)
        time.sleep(QUIET_S)
        start = time.perf_counter_ns()
        relay.append(writer, flood)
        seen = readers.seen()
        wall_ns = seen.at_ns - start
    return Spread(by_one_per_s, by_one / (wall_ns / 1e9), cpu_us, seen.cpu_ns / wall_ns / 2)


def join(relay: RelayContender) -> float:
    start = time.perf_counter_ns()
    with relay.joining()() as connection:
        connection.read_until(relay.shown)
        return (time.perf_counter_ns() - start) / 1e6


def idle(relay: RelayContender, count: int) -> float:
    """KiB of each connection."""
    if not processes.available():
        raise BenchError("needs /proc/PID/smaps_rollup")
    before = relay.pss_bytes()
    with Readers(relay.reading(), count):
        time.sleep(SETTLE_S)
        return (relay.pss_bytes() - before) / 1024 / count


class Parts:
    """The measure's parts, each interleaved by itself."""

    def __init__(self, setting: Setting, sizes: Sizes, rounds: int) -> None:
        self._setting = setting
        self._sizes = sizes
        self._rounds = rounds
        self.taken: Runs[Taken] = Runs()
        self.spread: Runs[Spread] = Runs()
        self.joined: dict[str, Runs[float]] = {label: Runs() for label in sizes.history}
        self.idle: Runs[float] = Runs()

    @property
    def all(self) -> dict[str, Runs[Any]]:
        return {"take": self.taken, "spread": self.spread, "idle": self.idle, **self.joined}

    def raw(self) -> dict[str, object]:
        return {
            part: {
                "failures": runs.failures,
                "samples": {
                    name: [one if isinstance(one, float) else asdict(one) for one in samples]
                    for name, samples in runs.samples.items()
                },
            }
            for part, runs in self.all.items()
        }

    def run(self) -> None:
        progress = self._setting.progress
        with self._running("relay", (self.taken, self.spread, self.idle)) as relays:
            self.taken.interleave(relays, self._rounds, lambda one: take(one, self._sizes), progress)
            self.spread.interleave(relays, self._rounds, lambda one: spread(one, self._sizes), progress)
        with self._running("relay idle", (self.idle,)) as relays:
            self.idle.interleave(relays, 1, lambda one: idle(one, self._sizes.idle), progress)
        for label, size in self._sizes.history.items():
            runs = self.joined[label]
            with self._running(f"relay {label}", (runs,), size) as relays:
                lasting = [one for one in relays if one.has_history]
                runs.interleave(lasting, self._rounds * 3, join, progress)

    @contextmanager
    def _running(
        self, part: str, all_runs: tuple[Runs[Any], ...], history_bytes: int = 0
    ) -> Iterator[list[RelayContender]]:
        """Those that are to be measured, each started anew; who does not start has failed in *all_runs*."""
        with ExitStack() as stack:
            relays = [
                stack.enter_context(kind(self._setting.scratch / part / kind.name))
                for kind in self._setting.relays
                if kind.has_history or not history_bytes
            ]
            for one in relays:
                self._setting.progress(f"{part}: start of {one.name}")
                first, *others = all_runs
                if not first.attempt(one.name, lambda one=one: one.start(history_bytes)):  # type: ignore[misc]
                    for runs in others:
                        runs.failures.setdefault(one.name, first.failures[one.name])
            yield relays


def relay(setting: Setting) -> Section:
    rounds = setting.round_count(5, 1)
    sizes = (
        Sizes(300, 10, 40, 10, 40, {SHORT: MB, LONG: 4 * MB})
        if setting.quick
        else Sizes(10_000, 100, 1_000, 100, 5_000, {SHORT: MB, LONG: 1000 * MB})
    )
    parts = Parts(setting, sizes, rounds)
    parts.run()
    more: dict[str, Callable[[str], float | None]] = {
        "taken": _median(parts.taken, lambda one: one.per_s),
        "waiting": _median(parts.taken, lambda one: one.waiting_per_s),
        "by one": _median(parts.spread, lambda one: one.by_one_per_s),
        "at once": _median(parts.spread, lambda one: one.at_once_per_s),
    }
    less: dict[str, Callable[[str], float | None]] = {
        "receipt": _median(parts.taken, lambda one: one.receipt_ms),
        "cpu": _median(parts.spread, lambda one: one.cpu_us),
        **{label: _median(runs, float) for label, runs in parts.joined.items()},
        "idle": _median(parts.idle, float),
    }
    names = [kind.name for kind in setting.relays]
    found = {name: {key: figure(name) for key, figure in (more | less).items()} for name in names}
    for key in more | less:
        peers = [value for name in names if name != PRODUCT and (value := found[name][key]) is not None]
        if peers and PRODUCT in found and (ours := found[PRODUCT][key]) is not None:
            found[PRODUCT][f"{key} ratio"] = ours / (max(peers) if key in more else min(peers))
    return Section(
        title=(
            f"relay: 1 writer, {sizes.readers} readers, {PAYLOAD_BYTES}-byte messages; {rounds} rounds;"
            f" {sizes.idle} idle connections; 1 GB: {sizes.history[LONG] / MB:.0f} MB"
        ),
        columns=COLUMNS,
        rows=tuple(_row(name, found[name], parts) for name in names),
        budgets=(
            *(Budget(f"{what}", (Limit(f"{key} ratio", Side.AT_LEAST, 1, BETTER),)) for key, what in MORE),
            *(Budget(f"{what}", (Limit(f"{key} ratio", Side.AT_MOST, 1, BETTER),)) for key, what in LESS),
        ),
        raw=parts.raw(),
    )


def _median(runs: Runs[T], figure: Callable[[T], float]) -> Callable[[str], float | None]:
    def of(name: str) -> float | None:
        samples = runs.samples.get(name)
        return statistics.median(map(figure, samples)) if samples and name not in runs.failures else None

    return of


def _row(name: str, figures: dict[str, float | None], parts: Parts) -> Row:
    """All figures that there are; or why there are none."""
    if any(value is not None for value in figures.values()):
        return Row(name, figures)
    return Row(
        name, failure=next(runs.failures[name] for runs in parts.all.values() if name in runs.failures)
    )
