"""The emulator that we use: avt, asciinema's, without scrollback."""

from typing import Final

import avt

from cctm.screen.avt_screen import RowReader, read_screen
from cctm.screen.emulator import Screen
from cctm.screen.picture import Cursor

# avt keeps every row that is scrolled away until it is through with a text, at 24 bytes a cell.
SCROLLED_CELLS: Final = 2 * 1024 * 1024
SCROLLING_CHARS: Final = 5  # of the shortest sequence that scrolls a whole screen of ten rows or more
LEAST_CHARS: Final = 64


def text_at_once(cols: int, rows: int) -> int:
    """How many characters an emulator of this size is fed at once."""
    worst = cols * max(1, rows // SCROLLING_CHARS)  # cells that one character may scroll away
    return max(LEAST_CHARS, SCROLLED_CELLS // worst)


class AvtEmulator:
    """An Emulator. Should avt fail, nothing is left on the screen."""

    def __init__(self, cols: int, rows: int) -> None:
        self.failure: BaseException | None = None
        self._size = (cols, rows)
        self._begin()

    def _begin(self) -> None:
        self._vt = avt.Vt(*self._size, 0)
        self._at_once = text_at_once(*self._size)
        self._reader = RowReader()

    def feed(self, text: str) -> None:
        """Take the next text."""
        try:
            if len(text) <= self._at_once:
                self._vt.feed_str(text)
                return
            for start in range(0, len(text), self._at_once):
                self._vt.feed_str(text[start : start + self._at_once])
        except BaseException as error:  # noqa: BLE001 - raised again unless it is avt's
            self._survive(error)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size."""
        self._size = (cols, rows)
        self._at_once = text_at_once(cols, rows)
        try:
            self._vt.resize(cols, rows)
        except BaseException as error:  # noqa: BLE001
            self._survive(error)

    def _survive(self, error: BaseException) -> None:
        # What Rust panics with is no Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise error
        self.failure = error
        self._begin()

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        try:
            return self._read_cursor()
        except BaseException as error:  # noqa: BLE001
            self._survive(error)
            return self._read_cursor()

    def _read_cursor(self) -> Cursor:
        cursor = self._vt.cursor
        return Cursor(cursor.col, cursor.row, cursor.visible)

    def all_text(self) -> str:
        """A text with all characters that are kept."""
        try:
            return self._vt.dump()
        except BaseException as error:  # noqa: BLE001
            self._survive(error)
            return ""

    def screen(self) -> Screen:
        """What is kept now."""
        try:
            return read_screen(self._vt, self._reader)
        except BaseException as error:  # noqa: BLE001
            self._survive(error)
            return read_screen(self._vt, self._reader)
