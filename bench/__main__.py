"""python -m bench: the table on stdout, progress on stderr, the raw figures into --json FILE."""

import argparse
import contextlib
import gc
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import TypeVar

from bench import machine
from bench.contenders import CONTENDERS, Contender
from bench.machine import Ticks
from bench.measures import MEASURES, Setting
from bench.relays import RELAYS
from bench.results import PRODUCT, Section
from bench.table import head, render

C = TypeVar("C", bound=Contender)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="The same work through cctm and its peers, in one run. docs/bench.md explains the table.",
    )
    names = ",".join(MEASURES)
    peers = list(dict.fromkeys(kind.name for kind in (*CONTENDERS, *RELAYS)))
    parser.add_argument("--only", type=_some_of(list(MEASURES)), metavar="LIST", help=f"of {names}")
    parser.add_argument(
        "--with",
        dest="contenders",
        type=_some_of(peers),
        metavar="LIST",
        help=f"of {','.join(peers)}",
    )
    parser.add_argument("--rounds", type=_positive, metavar="N", help="instead of each measure's own number")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and a smaller flood: a minute, rougher figures"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there")
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="where sockets and records go for the run"
    )
    return parser.parse_args()


def _some_of(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return chosen

    return parse


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: not a number of rounds")
    return int(text)


class Progress:
    """One line on stderr, rewritten; nothing where stderr is no terminal but the measures' names."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._measure = ""

    def begin(self, measure: str) -> None:
        self._measure = measure
        if self._live:
            self._show(measure)
        else:
            print(f"{measure} ...", file=sys.stderr, flush=True)

    def step(self, text: str) -> None:
        if self._live:
            self._show(f"{self._measure}: {text}")

    def end(self) -> None:
        if self._live:
            self._show("")

    @staticmethod
    def _show(text: str) -> None:
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def present(kinds: Iterable[type[C]], wanted: list[str] | None) -> tuple[tuple[type[C], ...], dict[str, str]]:
    """The contenders that can run, and a line on each."""
    chosen = [kind for kind in kinds if wanted is None or kind.name in wanted]
    versions = {kind: kind.version() for kind in chosen}
    lines = {kind.name: versions[kind] or kind.how_to_get() for kind in chosen}
    return tuple(kind for kind in chosen if versions[kind] is not None), lines


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, _terminate)  # so that what was started is ended
    measures = options.only or list(MEASURES)
    contenders, lines = present(CONTENDERS, options.contenders) if {*measures} - {"relay"} else ((), {})
    relays, more = present(RELAYS, options.contenders) if "relay" in measures else ((), {})
    lines |= more
    progress = Progress()
    gc.disable()  # a collection would fall into somebody's figure
    with tempfile.TemporaryDirectory(prefix="cctm-bench-", dir=options.scratch) as scratch:
        before = Ticks.now()
        facts = {**machine.facts(Path(scratch)), "run": "quick: rougher figures" if options.quick else "full"}
        print(head(f"{PRODUCT} and its peers, side by side", [*facts.items(), *lines.items()]), flush=True)
        setting = Setting(contenders, relays, Path(scratch), options.rounds, options.quick, progress.step)
        sections: dict[str, Section] = {}
        try:
            for name in measures:
                progress.begin(name)
                sections[name] = MEASURES[name](setting)
                progress.end()
                print("\n" + render(sections[name]), flush=True)
        except KeyboardInterrupt:
            progress.end()
            print("Stopped; the table ends here.", file=sys.stderr)
            return 130
        finally:
            if options.json:
                options.json.write_text(as_json(facts, lines, sections))
        print(f"\nprocessor time that the host gave to others: {Ticks.now().stolen_since(before)}")
    return 0


def as_json(facts: dict[str, str], lines: dict[str, str], sections: dict[str, Section]) -> str:
    measures = {
        name: {
            "title": section.title,
            "figures": {row.name: dict(row.figures) for row in section.rows if not row.failure},
            "failures": {row.name: row.failure for row in section.rows if row.failure},
            "budgets": dict(section.verdicts()),
            "raw": section.raw,
        }
        for name, section in sections.items()
    }
    return json.dumps({"machine": facts, "contenders": lines, "measures": measures}, indent=1) + "\n"


def _terminate(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
