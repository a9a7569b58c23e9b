"""Scroll: rows of a record that is folded to a window's width, from any spot, in both directions.

    Spot = block (0 is the last), line in it, row of that line

Invariant: only the blocks around a spot are asked for.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from cctm.cli.columns import rows_of

if TYPE_CHECKING:
    from cctm.cli.record import Lines


class Spot(NamedTuple):
    """A row of the record."""

    block: int
    line: int
    row: int = 0


class Shown(NamedTuple):
    """A row as it is shown: where it is, and from which to which character of its line."""

    spot: Spot
    line: str
    start: int
    end: int


class Scroll:
    """The rows of *source*, *cols* columns wide."""

    def __init__(self, source: "Lines", cols: int) -> None:
        self._source = source
        self.cols = cols

    def first(self) -> Spot:
        """Where the record begins."""
        return next(self._lines_down(Spot(self._source.oldest(), 0)), Spot(0, 0))

    def last(self) -> Spot:
        """Its last row."""
        line = next(self._lines_up(Spot(-1, 0)), None)
        return Spot(0, 0) if line is None else line._replace(row=len(self._starts(line)) - 1)

    def up(self, spot: Spot, rows: int) -> Spot:
        """The row so many rows before *spot*, or the first."""
        while rows > 0:
            if spot.row >= rows:
                return spot._replace(row=spot.row - rows)
            line = next(self._lines_up(spot), None)
            if line is None:
                return spot._replace(row=0)
            rows -= spot.row + 1
            spot = line._replace(row=len(self._starts(line)) - 1)
        return spot

    def down(self, spot: Spot, rows: int) -> Spot:
        """The row so many rows behind *spot*, or the last."""
        while rows > 0:
            last = len(self._starts(spot)) - 1
            if spot.row + rows <= last:
                return spot._replace(row=spot.row + rows)
            line = next(self._lines_down(spot._replace(line=spot.line + 1)), None)
            if line is None:
                return spot._replace(row=last)
            rows -= last - spot.row + 1
            spot = line
        return spot

    def rows(self, top: Spot, count: int) -> list[Shown]:
        """At most *count* rows from *top* on."""
        found: list[Shown] = []
        for line in self._lines_down(top._replace(row=0)):
            text = self._text(line)
            starts = self._starts(line)
            skipped = top.row if line[:2] == top[:2] else 0
            for row in range(min(skipped, len(starts) - 1), len(starts)):
                if len(found) == count:
                    return found
                end = starts[row + 1] if row + 1 < len(starts) else len(text)
                found.append(Shown(line._replace(row=row), text, starts[row], end))
        return found

    def _lines_down(self, spot: Spot) -> Iterator[Spot]:
        """Lines from *spot* on, towards the end."""
        block, line = spot.block, spot.line
        while block >= 0:
            for number in range(line, len(self._source.lines(block) or ())):
                yield Spot(block, number)
            block, line = block - 1, 0

    def _lines_up(self, spot: Spot) -> Iterator[Spot]:
        """Lines before *spot*, towards the beginning."""
        block, line = spot.block, spot.line
        while True:
            for number in range(line - 1, -1, -1):
                yield Spot(block, number)
            block += 1
            lines = self._source.lines(block)
            if lines is None:
                return
            line = len(lines)

    def _text(self, spot: Spot) -> str:
        lines = self._source.lines(spot.block) or ()
        return lines[spot.line] if spot.line < len(lines) else ""

    def _starts(self, spot: Spot) -> list[int]:
        return rows_of(self._text(spot), self.cols)
