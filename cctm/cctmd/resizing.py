"""Resizing: while a window is dragged it has another size a thousand times a second; the terminal has one each frame.

    quiet ──offer──► applied at once ──offer, within a frame──► waits, the newest only ──the frame is due──► applied

Invariant: the last size is applied, whatever came before it.
"""

from collections.abc import Callable

import trio

from cctm.cctmd.frames import FRAME_S, Frames

Size = tuple[int, int]


class Resizing:
    """The sizes of one client's window."""

    def __init__(self, frames: Frames, apply: Callable[[Size], None]) -> None:
        self._frames = frames
        self._apply = apply
        self._newest: Size | None = None  # that is not applied yet
        self._next_at = 0.0

    def offer(self, window: Size) -> None:
        """The window has this size now."""
        self._newest = window
        if trio.current_time() >= self._next_at:
            self.frame()
        else:
            self._frames.soon(self, self._next_at)

    def frame(self) -> None:
        """Apply the newest size, unless that is done."""
        self._frames.never(self)
        if self._newest is not None:
            window, self._newest = self._newest, None
            self._next_at = trio.current_time() + FRAME_S
            self._apply(window)

    def release(self, _why: str) -> None:
        """A size could not be applied: the next one may be."""
        self.forget()

    def forget(self) -> None:
        """The window is nobody's any more."""
        self._frames.never(self)
        self._newest = None
