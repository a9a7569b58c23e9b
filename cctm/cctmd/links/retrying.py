"""When to try again: later and later, never all at once, for ever.

    failed ─► a pause of 0.5 s … ─► failed ─► of 1 s ─► … of 10 s, each between its half and its whole
    open for 5 s ─► the next failure begins anew
    somebody types meanwhile ─► the pause ends, at the earliest a second after it began

Jitter keeps a relay that comes back from being dialled by all terminals of all hosts in the same moment. A line that is
cut again and again, and works in between, is not made to wait longer each time.
"""

import random
from collections.abc import Callable
from typing import Final

import trio

FIRST_S: Final = 0.5
MOST_S: Final = 10.0
STEADY_S: Final = 5.0  # a connection that held for so long was none of those that fail
HURRIED_S: Final = 1.0


class Retrying:
    """One connection's pauses."""

    def __init__(self, draw: Callable[[], float] = random.random, most_s: float = MOST_S) -> None:
        """
        Args:
            draw: a number from 0 to 1.
            most_s: no pause is longer.
        """
        self._draw = draw
        self._most_s = most_s
        self._failures = 0
        self._opened_s: float | None = None
        self._cut_short = trio.Event()
        self._pausing: tuple[trio.CancelScope, float] | None = None  # and since when

    def next_pause_s(self, lasted_s: float) -> float:
        """How long to wait after a connection that was open for *lasted_s*, 0 if it never was."""
        if lasted_s >= STEADY_S:
            self._failures = 0
        whole_s = min(self._most_s, FIRST_S * (1 << self._failures))
        if whole_s < self._most_s:
            self._failures += 1
        return whole_s * (1 + self._draw()) / 2

    def opened(self) -> None:
        """The connection is there: from here on it lasts."""
        self._opened_s = trio.current_time()

    async def pause(self, at_least_s: float = 0.0) -> None:
        """Wait after an attempt that failed, or a connection that ended: for a while, or until `now`."""
        lasted_s = 0.0 if self._opened_s is None else trio.current_time() - self._opened_s
        self._opened_s = None
        with trio.move_on_after(max(at_least_s, self.next_pause_s(lasted_s))) as scope:
            self._pausing = scope, trio.current_time()
            await self._cut_short.wait()
        self._pausing = None
        self._cut_short = trio.Event()

    def hurry(self) -> None:
        """Somebody waits: have the pause end soon."""
        if self._pausing is not None:
            scope, began_s = self._pausing
            scope.deadline = min(scope.deadline, began_s + HURRIED_S)

    def now(self) -> None:
        """Cut the pause short, or leave the next one out."""
        self._failures = 0
        self._cut_short.set()
