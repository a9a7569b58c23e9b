"""Frames: when painted clients are painted.

The first change after a pause is painted at once, by the view itself; what follows too soon waits here until it is due.
Nothing wakes while nothing changes.
"""

import logging
from typing import Final, Protocol

import trio

LOG = logging.getLogger(__name__)

FRAME_S: Final = 1 / 60
# After a frame that changed little, such as an echoed key, the next may follow sooner: nobody types that fast, and a
# flood changes much.
LITTLE_BYTES: Final = 512
UNSHOWN_TEXT: Final = "it cannot be shown here, see daemon.log"
LITTLE_S: Final = FRAME_S / 8


def pause_after(n_bytes: int) -> float:
    """Seconds from a frame of so many bytes to the next."""
    return LITTLE_S if n_bytes <= LITTLE_BYTES else FRAME_S


class Framed(Protocol):
    """Something that is painted."""

    def frame(self) -> None:
        """Paint what changed."""

    def release(self, why: str) -> None:
        """Paint nothing more, for *why*."""


class Frames:
    """Who is to be painted, and when."""

    def __init__(self) -> None:
        self._due: dict[Framed, float] = {}
        self._wake = trio.Event()

    def soon(self, view: Framed, at: float) -> None:
        """Paint *view* at that time of trio's clock, or before if that was said before."""
        if view not in self._due:
            self._due[view] = at
            self._wake.set()

    def never(self, view: Framed) -> None:
        """*view* is gone."""
        self._due.pop(view, None)

    async def run(self) -> None:
        """Paint frames, for ever."""
        while True:
            if self._due:
                with trio.move_on_at(min(self._due.values())):
                    await self._wake.wait()
            else:
                await self._wake.wait()
            self._wake = trio.Event()
            now = trio.current_time()
            for view in [view for view, at in self._due.items() if at <= now]:
                del self._due[view]
                self._paint(view)

    def _paint(self, view: Framed) -> None:
        """One that cannot be painted keeps no other from it."""
        try:
            view.frame()
        except Exception:
            LOG.exception("a client cannot be painted")
            view.release(UNSHOWN_TEXT)
