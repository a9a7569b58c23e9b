"""Frames: painted clients are painted at most 60 times a second.

The first change after a pause is painted at once, by the view itself; what follows within a frame waits here for the
frame's end. Nothing wakes while nothing changes.
"""

from typing import Final, Protocol

import trio

FRAME_S: Final = 1 / 60


class Framed(Protocol):
    """Something that is painted."""

    def frame(self) -> None:
        """Paint what changed."""


class Frames:
    """Who is to be painted with the next frame."""

    def __init__(self) -> None:
        self._due: set[Framed] = set()
        self._wake = trio.Event()

    def soon(self, view: Framed) -> None:
        """Paint *view* with the next frame."""
        self._due.add(view)
        self._wake.set()

    def never(self, view: Framed) -> None:
        """*view* is gone."""
        self._due.discard(view)

    async def run(self) -> None:
        """Paint frames, for ever."""
        while True:
            await self._wake.wait()
            await trio.sleep(FRAME_S)
            self._wake = trio.Event()
            due, self._due = self._due, set()
            for view in due:
                view.frame()
