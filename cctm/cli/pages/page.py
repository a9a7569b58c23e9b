"""What all pages have in common."""

from enum import Enum, auto
from typing import ClassVar

from cctm.cli.pages.effects import Closed, Effect


class Cover(Enum):
    """What of the terminal's screen a page covers."""

    SCREEN = auto()
    LAST_ROW = auto()


class Page:
    """Something that the client shows. A page is drawn again after each key, and when the window changes."""

    cover = Cover.SCREEN
    renewal_s: ClassVar[float | None] = None  # how old it may grow; None: as old as it likes

    def draw(self, cols: int, rows: int) -> bytes:
        """Everything that is to be seen in a window of this size."""
        raise NotImplementedError

    def take(self, key: str) -> Effect | None:
        """The user pressed *key* (keystrokes.py). What the page comes to, if that is clear now."""
        raise NotImplementedError

    def renewal(self) -> Effect:
        """What brings the page up to date."""
        return Closed()

    @property
    def waits_for(self) -> int | None:
        """A descriptor: once it can be read, call `arrived`. None: it waits for nothing."""
        return None

    def arrived(self) -> None:
        """What it waited for can be read."""

    def leave(self) -> None:
        """It is not shown any more."""

    @property
    def is_busy(self) -> bool:
        """Whether there is work to do: call `work` until there is not. A key may end it."""
        return False

    def work(self) -> None:
        """Do a part of it, short enough that nobody waits."""
