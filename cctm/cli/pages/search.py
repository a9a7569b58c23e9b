"""Search: the next line with a text, block by block, so that a long search can be shown and stopped."""

from enum import Enum
from typing import TYPE_CHECKING

from cctm.cli.pages.scroll import Spot

if TYPE_CHECKING:
    from cctm.cli.record import Lines


class Towards(Enum):
    """In which direction."""

    BEGINNING = "↑"
    END = "↓"

    @property
    def other(self) -> "Towards":
        """The other one."""
        return Towards.END if self is Towards.BEGINNING else Towards.BEGINNING


def places_of(wanted: str, line: str) -> list[tuple[int, int]]:
    """Where *wanted* stands in *line*. Small letters stand for capitals too, as long as there is no capital."""
    if not wanted:
        return []
    if wanted == wanted.lower():
        lowered = line.lower()
        line = lowered if len(lowered) == len(line) else line
    found = []
    at = line.find(wanted)
    while at >= 0:
        found.append((at, at + len(wanted)))
        at = line.find(wanted, at + len(wanted))
    return found


class Search:
    """A search that is under way: call `step` until `is_over`."""

    def __init__(self, source: "Lines", wanted: str, towards: Towards, start: Spot) -> None:
        """
        Args:
            start: the first line that is looked at.
        """
        self._source = source
        self._wanted = wanted
        self._towards = towards
        self.block = start.block
        self._line: int | None = start.line
        self.found: Spot | None = None
        self.is_over = False

    def step(self) -> None:
        """Look through one block."""
        lines = self._source.lines(self.block) if self.block >= 0 else None
        if lines is None:
            self.is_over = True
            return
        if self._towards is Towards.END:
            numbers = range(self._line or 0, len(lines))
        else:
            last = len(lines) - 1 if self._line is None else min(self._line, len(lines) - 1)
            numbers = range(last, -1, -1)
        for number in numbers:
            if places_of(self._wanted, lines[number]):
                self.found = Spot(self.block, number)
                self.is_over = True
                return
        self.block += -1 if self._towards is Towards.END else 1
        self._line = None
