"""The emulator that we use: avt, asciinema's, without scrollback."""

import avt

from cctm.screen.avt_screen import RowReader, read_screen
from cctm.screen.emulator import Screen
from cctm.screen.picture import Cursor


class AvtEmulator:
    """An Emulator."""

    def __init__(self, cols: int, rows: int) -> None:
        self._size = (cols, rows)
        self._vt = avt.Vt(cols, rows, 0)
        self._reader = RowReader()

    def feed(self, text: str) -> None:
        """Take the next text. Should avt panic, nothing is left on the screen."""
        try:
            self._vt.feed_str(text)
        except BaseException as error:  # noqa: BLE001 - raised again unless it is a panic
            self._survive(error)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size. Should avt panic, nothing is left on the screen."""
        self._size = (cols, rows)
        try:
            self._vt.resize(cols, rows)
        except BaseException as error:  # noqa: BLE001 - raised again unless it is a panic
            self._survive(error)

    def _survive(self, error: BaseException) -> None:
        # What Rust panics with is no Exception, and its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise error
        self._vt = avt.Vt(*self._size, 0)

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        cursor = self._vt.cursor
        return Cursor(cursor.col, cursor.row, cursor.visible)

    def screen(self) -> Screen:
        """What is kept now."""
        return read_screen(self._vt, self._reader)
