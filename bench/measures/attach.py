"""Attach: from starting the client to the terminal's screen, with little history behind it and with much.

    a terminal prints 1 MB (or 1 GB), then a marker ─► nobody attached ─► attach ─► the marker is shown ─► hang up

Includes the client's own start.
"""

from typing import Final

from bench.contenders import Contender, Offer
from bench.measures.lengths import columns_by, figures_by
from bench.measures.setting import Setting, rows
from bench.outer import Outer
from bench.programs import BEHIND, flood_file, long_history
from bench.results import YARDSTICK, Budget, Limit, Section, Side
from bench.rounds import Runs

TIMEOUT_S: Final = 15.0
FILLING_S: Final = 300.0
TEXT_BYTES: Final = 1_000_000
SHORT, LONG = "1 MB", "1 GB"


def attach(setting: Setting) -> Section:
    rounds = setting.round_count(15, 5)
    copies = {SHORT: 1, LONG: setting.choose(1000, 50)}
    text = flood_file(setting.scratch / "history.txt", TEXT_BYTES)
    parts: dict[str, Runs[float]] = {}
    for label, count in copies.items():
        runs = parts[label] = Runs()
        with setting.open(f"attach {count}", Offer.ATTACH) as contenders:
            argv = long_history(text, count)

            def fill(contender: Contender, argv: list[str] = argv) -> None:
                with Outer(contender.attached(argv), contender.env) as outer:
                    outer.wait_for(BEHIND, FILLING_S)
                    outer.rest(0.5)

            def once(contender: Contender) -> float:
                with Outer(contender.attach_again(), contender.env) as outer:
                    shown_ns = outer.wait_for(BEHIND, TIMEOUT_S)
                    outer.rest(0.05)
                return (shown_ns - outer.spawned_ns) / 1e6

            for contender in contenders:
                runs.attempt(contender.name, lambda contender=contender: fill(contender))  # type: ignore[misc]
            runs.interleave(contenders, rounds, once, setting.progress)

    return Section(
        title=f"attach: from starting the client to the screen; {rounds} rounds; 1 GB: {copies[LONG]} times 1 MB",
        columns=columns_by("tmux", copies),
        rows=rows(contenders, parts[LONG], figures_by(YARDSTICK, parts)),
        budgets=tuple(
            Budget(f"attach, {label}", (Limit(label, Side.AT_MOST, 150, "ms"),)) for label in copies
        ),
        raw={
            "rounds": rounds,
            "unit": "ms",
            "samples": {label: runs.samples for label, runs in parts.items()},
        },
    )
