"""pyte's screen, with what it lacks: the alternate screen, SU and SD, REP, tabs to the left, soft reset.

Different from pyte's: DECSC saves one cursor for each screen, not a stack of them; NEL returns the carriage; a wide
character that does not fit into a row goes to the next.
"""

from collections import defaultdict
from collections.abc import Callable

import pyte
from pyte import charsets, modes
from pyte.screens import Char, Cursor, Savepoint, StaticDefaultDict
from wcwidth import wcwidth

Line = StaticDefaultDict[int, Char]
Cells = dict[int, Line]


class PyteScreen(pyte.Screen):
    """pyte's screen, with what it lacks."""

    def reset(self) -> None:
        super().reset()
        self.g1_charset = charsets.LAT1_MAP
        self.savepoints: list[Savepoint] = []
        self.other: tuple[Cells, list[Savepoint]] | None = (
            None  # the primary screen's cells and saved cursor, while hidden
        )

    def draw(self, data: str) -> None:
        for char in data:
            if self.cursor.x == self.columns - 1 and wcwidth(char) == 2:
                self.cursor.x = self.columns if modes.DECAWM in self.mode else self.columns - 2
            super().draw(char)

    def save_cursor(self) -> None:
        self.savepoints.clear()
        super().save_cursor()
        self.savepoints[0] = self.savepoints[0]._replace(
            cursor=_copied(self.cursor, min(self.cursor.x, self.columns - 1))
        )

    def restore_cursor(self) -> None:
        if not self.savepoints:
            self.select_graphic_rendition(0)
        kept, hidden = list(self.savepoints), self.cursor.hidden
        super().restore_cursor()
        self.cursor.hidden = hidden
        self.savepoints = [point._replace(cursor=_copied(point.cursor, point.cursor.x)) for point in kept]

    def cursor_to_line(self, line: int | None = None) -> None:
        top = self.margins.top if self.margins is not None and modes.DECOM in self.mode else 0
        self.cursor.y = top + (line or 1) - 1
        self.ensure_vbounds()

    def insert_lines(self, count: int | None = None) -> None:
        self._fill()
        super().insert_lines(count)

    def delete_lines(self, count: int | None = None) -> None:
        self._fill()
        super().delete_lines(count)

    def _fill(self) -> None:
        """Have a line in each row: pyte forgets to move one that was never printed on."""
        for row in range(self.lines):
            self.buffer[row]

    def next_line(self) -> None:
        self.carriage_return()
        self.index()

    def scroll_up(self, count: int | None = None) -> None:
        self._scrolled(self.delete_lines, count)

    def scroll_down(self, count: int | None = None) -> None:
        self._scrolled(self.insert_lines, count)

    def _scrolled(self, change: Callable[[int], None], count: int | None) -> None:
        x, y = self.cursor.x, self.cursor.y
        self.cursor.y = self.margins.top if self.margins is not None else 0
        change(min(count or 1, self.lines))
        self.cursor.x, self.cursor.y = x, y

    def repeat(self, count: int | None = None) -> None:
        if self.cursor.x:
            self.draw((self.buffer[self.cursor.y][self.cursor.x - 1].data or " ") * (count or 1))

    def tabs(self, count: int | None = None) -> None:
        for _ in range(min(count or 1, self.columns)):
            self.tab()

    def tabs_back(self, count: int | None = None) -> None:
        for _ in range(min(count or 1, self.columns)):
            self.cursor.x = max((stop for stop in self.tabstops if stop < self.cursor.x), default=0)

    def soft_reset(self) -> None:
        self.mode -= {modes.IRM, modes.DECOM}
        self.mode |= {modes.DECAWM, modes.DECTCEM}
        self.cursor.hidden = False
        self.margins = None
        self.charset = 0
        self.g0_charset = self.g1_charset = charsets.LAT1_MAP
        self.select_graphic_rendition(0)
        self.savepoints.clear()

    def show_alternate(self) -> None:
        if self.other is None:
            self.other = (self.buffer, self.savepoints)
            self.buffer = defaultdict(lambda: StaticDefaultDict(self.default_char))
            self.savepoints = []

    def show_primary(self) -> None:
        if self.other is not None:
            self.buffer, self.savepoints = self.other
            self.other = None


def _copied(cursor: Cursor, x: int) -> Cursor:
    copy = Cursor(x, cursor.y, cursor.attrs)
    copy.hidden = cursor.hidden
    return copy
