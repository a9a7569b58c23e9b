"""A choice among rows: which one is marked, and which ones are in sight."""

from dataclasses import dataclass
from typing import Final

STEPS: Final = {"up": -1, "k": -1, "down": 1, "j": 1}
PAGES: Final = {"page up": -1, "page down": 1}
ENDS: Final = {"home": False, "g": False, "end": True, "G": True}


@dataclass(slots=True)
class Choice:
    """The row *at* of *count* is marked."""

    count: int
    at: int = 0
    top: int = 0
    height: int = 1  # how many rows were in sight last time

    def move(self, key: str) -> bool:
        """Move the mark; False if *key* is for something else."""
        if key in STEPS:
            self.at += STEPS[key]
        elif key in PAGES:
            self.at += PAGES[key] * max(1, self.height - 1)
        elif key in ENDS:
            self.at = self.count if ENDS[key] else 0
        else:
            return False
        self.recount(self.count)
        return True

    def recount(self, count: int) -> None:
        """There are *count* rows now."""
        self.count = count
        self.at = max(0, min(self.at, count - 1))

    def in_sight(self, height: int) -> range:
        """The rows that *height* rows of a window show; the marked one is among them."""
        self.height = max(1, height)
        self.top = max(min(self.top, self.at), self.at - self.height + 1, 0)
        self.top = max(0, min(self.top, self.count - self.height))
        return range(self.top, min(self.count, self.top + self.height))
