"""The emulator that we use: avt, asciinema's, without scrollback."""

import avt

from cctm.screen.avt_screen import RowReader, read_screen
from cctm.screen.emulator import Screen


class AvtEmulator:
    """An Emulator."""

    def __init__(self, cols: int, rows: int) -> None:
        self._vt = avt.Vt(cols, rows, 0)
        self._reader = RowReader()

    def feed(self, text: str) -> None:
        """Take the next text."""
        self._vt.feed_str(text)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size."""
        self._vt.resize(cols, rows)

    def screen(self) -> Screen:
        """What is kept now."""
        return read_screen(self._vt, self._reader)
