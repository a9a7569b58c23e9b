"""Join: from starting `cctm join LINK` to the terminal's screen, with little history behind it and with much.

    a terminal is shared, prints 1 MB (or 1 GB), then a marker ─► all of it is at the relay
    a guest who was never there: join ─► the marker is shown ─► hang up ─► rm

Includes the client's own start; both daemons and the relay run on this machine. `python -c pass` beside it is what a
Python that does nothing takes; no peer shows a terminal's past to who joins it.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.contenders.cctm import Cctm
from bench.measures.lengths import columns_by, figures_by
from bench.measures.setting import Setting, rows
from bench.outer import Outer
from bench.programs import BEHIND, flood_file, long_history
from bench.relays.base import LOCALHOST
from bench.relays.ours import OurRelay
from bench.results import PRODUCT, Budget, Limit, Section, Side
from bench.rounds import Runs

TIMEOUT_S: Final = 15.0
FILLING_S: Final = 900.0
TEXT_BYTES: Final = 1_000_000
SHORT, LONG = "1 MB", "1 GB"
PYTHON: Final = "python -c pass"


@dataclass(frozen=True, slots=True)
class _Runner:
    name: str
    once_ms: Callable[[], float]


def join(setting: Setting) -> Section:
    rounds = setting.round_count(15, 5)
    copies = {SHORT: 1, LONG: setting.choose(1000, 20)}
    text = flood_file(setting.scratch / "joined.txt", TEXT_BYTES)
    parts = {
        label: _join_to(setting, setting.scratch / f"join {count}", long_history(text, count), rounds)
        for label, count in copies.items()
        if Cctm in setting.contenders
    }

    names = [_Runner(name, float) for name in (PYTHON, PRODUCT)]
    return Section(
        title=f"join: from starting the client to the screen, as a guest who was never there; {rounds} rounds; "
        f"1 GB: {copies[LONG]} times 1 MB",
        columns=columns_by("python", copies),
        rows=rows(names, parts[LONG], figures_by(PYTHON, parts)) if parts else (),
        budgets=tuple(Budget(f"join, {label}", (Limit(label, Side.AT_MOST, 300, "ms"),)) for label in copies),
        raw={
            "rounds": rounds,
            "unit": "ms",
            "samples": {label: runs.samples for label, runs in parts.items()},
        },
    )


def _join_to(setting: Setting, place: Path, argv: list[str], rounds: int) -> Runs[float]:
    """The rounds of one length of history."""
    runs: Runs[float] = Runs()
    with OurRelay(place / "relay") as relay, Cctm(place / "host") as host, Cctm(place / "guest") as guest:

        def begin() -> str:
            relay.start()
            guest.warm()
            go = place / "go"
            link = host.share_soon(f"http://{LOCALHOST}:{relay.port}", _when(go, argv))
            # One more guest has to see the end: then all of it is at the relay.
            with Outer(guest.joining(link, "first"), guest.env) as outer:
                outer.rest(1.0)
                go.touch()
                outer.wait_for(BEHIND, FILLING_S)
            guest.forget_joined()
            return link

        links: list[str] = []
        if runs.attempt(PRODUCT, lambda: links.append(begin())):
            number = iter(range(rounds))

            def once_ms() -> float:
                with Outer(guest.joining(links[0], f"guest{next(number)}"), guest.env) as outer:
                    shown_ns = outer.wait_for(BEHIND, TIMEOUT_S)
                    outer.rest(0.05)
                guest.forget_joined()
                return (shown_ns - outer.spawned_ns) / 1e6

            runners = [_Runner(PYTHON, _python_ms), _Runner(PRODUCT, once_ms)]
            runs.interleave(runners, rounds, lambda runner: runner.once_ms(), setting.progress)
    return runs


def _when(go: Path, argv: list[str]) -> list[str]:
    """*argv*, once there is a file *go*."""
    return ["sh", "-c", 'while [ ! -e "$0" ]; do sleep 0.1; done; exec "$@"', str(go), *argv]


def _python_ms() -> float:
    start_ns = time.perf_counter_ns()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return (time.perf_counter_ns() - start_ns) / 1e6
