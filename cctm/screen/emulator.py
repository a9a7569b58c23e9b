"""Emulators: what a fold asks of the library that keeps its cells.

Text in, a Screen out. The text is clean (sequences.py): 7-bit sequences only, no DEL, marks as clusters (marks.py).
"""

from dataclasses import dataclass
from typing import Protocol

from cctm.screen.picture import Cursor, Row


@dataclass(frozen=True, slots=True)
class SavedCursor:
    """What DECSC saved: place, pen, origin mode and wrapping."""

    col: int
    row: int
    pen: str
    origin: bool
    wrap: bool


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything that an emulator keeps. Rows are those of `picture`; *alternate* is None while it is not shown."""

    size: tuple[int, int]
    primary: tuple[Row, ...]
    alternate: tuple[Row, ...] | None
    cursor: Cursor
    pen: str
    saved: SavedCursor | None
    saved_alternate: SavedCursor | None
    tabs: tuple[int, ...] | None
    margins: tuple[int, int] | None
    drawing: tuple[bool, bool]
    shifted: bool
    origin: bool
    wrap: bool
    insert: bool
    newline: bool

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows of the buffer that is shown."""
        return self.primary if self.alternate is None else self.alternate


class Emulator(Protocol):
    """Keeps cells."""

    failure: BaseException | None  # for which everything that was kept is lost; what came since is kept

    def feed(self, text: str) -> None:
        """Take the next text."""

    def resize(self, cols: int, rows: int) -> None:
        """Take another size."""

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is: cheaper than asking for all."""

    def screen(self) -> Screen:
        """What is kept now."""

    def all_text(self) -> str:
        """A text with all characters that are kept, in any order: cheaper than asking for all."""
