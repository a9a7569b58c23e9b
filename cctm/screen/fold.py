"""The fold: what a terminal's output comes to.

    bytes ─► UTF-8 ─► clean text ─┬► emulator ─► cells
                                  └► whole sequences ─► modes, title;  the rest is pending

Invariants: any bytes are taken, in any pieces, and nothing raises; a fold's size is bounded by its columns and
rows, not by what it was fed. Invalid UTF-8 becomes U+FFFD.
"""

import codecs
from typing import Final, Self

from cctm.screen.avt_emulator import AvtEmulator
from cctm.screen.emulator import Emulator, Screen
from cctm.screen.modes import Modes
from cctm.screen.picture import Cursor, Picture
from cctm.screen.sequences import bounded, cleaned, unfinished
from cctm.screen.title import Title

MAX_COLS: Final = 1000
MAX_ROWS: Final = 1000
MIN_COLS: Final = 2  # a wide character must have room


class Fold:
    """One terminal's screen, modes and title."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = within_limits(cols, rows)
        self.modes = Modes()
        self._title = Title()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._emulator: Emulator = AvtEmulator(self.cols, self.rows)
        self._picture: Picture | None = None

    @classmethod
    def from_dump(cls, cols: int, rows: int, dump: bytes) -> Self:
        """The fold of which *dump* was made, at the same size."""
        fold = cls(cols, rows)
        fold.feed(dump)
        return fold

    def feed(self, data: bytes) -> None:
        """Take the next output."""
        text = cleaned(self._decoder.decode(data))
        if not text:
            return
        self._picture = None
        self._emulator.feed(text)
        if self._pending:
            text = self._pending + text
        elif "\x1b" not in text:
            return
        end = unfinished(text)
        self._pending = bounded(text[end:])
        whole = text[:end]
        self.modes.feed(whole.encode())
        self._title.feed(whole)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size, cut to what a fold can have."""
        size = within_limits(cols, rows)
        if size != (self.cols, self.rows):
            self.cols, self.rows = size
            self._emulator.resize(*size)
            self._picture = None

    @property
    def title(self) -> str:
        """The title, without control characters."""
        return self._title.text

    @property
    def titles(self) -> Title:
        """The title and those below it on the stack."""
        return self._title

    @property
    def pending(self) -> bytes:
        """The bytes of an unfinished sequence, and of an unfinished UTF-8 character."""
        return self._pending.encode() + self._decoder.getstate()[0]

    def screen(self) -> Screen:
        """Everything that the emulator keeps."""
        return self._emulator.screen()

    def picture(self) -> Picture:
        """What is shown. The same object as long as nothing is fed."""
        if self._picture is None:
            screen = self.screen()
            self._picture = Picture(
                self.cols,
                self.rows,
                screen.shown,
                Cursor(screen.cursor.col, screen.cursor.row, screen.cursor.visible),
                self.modes.client,
                self.title,
            )
        return self._picture


def within_limits(cols: int, rows: int) -> tuple[int, int]:
    """A size that a fold can have."""
    return min(max(cols, MIN_COLS), MAX_COLS), min(max(rows, 1), MAX_ROWS)
