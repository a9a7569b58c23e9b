"""Sealing: when what was added to a terminal's record is sealed.

    a key's echo ─► printed ─► turn over: at once, if the terminal was quiet or a batch is full
    a flood, an event ─► printed, touched ─► the next tick, 8 ms after the first of them

Invariants: whatever was added is sealed at the latest by the tick after it, unless recording is held. While nothing is
added, nothing wakes.
"""

from collections.abc import Iterable
from typing import Final

import trio

from cctm.cctmd.recorder import BATCH_US
from cctm.cctmd.terminal import Terminal

KEYFRAME_BYTES: Final = 4 * 1024 * 1024  # of output between two keyframes


class Sealing:
    """The terminals to whose records something was added."""

    def __init__(self) -> None:
        self._touched: set[Terminal] = set()
        self._tick = trio.Event()

    def printed(self, terminal: Terminal) -> None:
        """Output was added to *terminal*; `turn_over` follows."""
        self._touched.add(terminal)

    def touch(self, terminal: Terminal) -> None:
        """Something other than output was added to *terminal*: seal it with the next tick."""
        self._touched.add(terminal)
        self._tick.set()

    def ended(self, terminal: Terminal) -> None:
        """All of *terminal* is sealed by its end."""
        self._touched.discard(terminal)

    def turn_over(self) -> None:
        """Seal what was quiet; the rest waits for the tick."""
        for terminal in [terminal for terminal in self._touched if terminal.recorder.due]:
            if not terminal.waits_for_more:
                self._touched.discard(terminal)
            _seal(terminal)
        if self._touched:
            self._tick.set()

    async def tick(self) -> None:
        """Seal what was touched, 8 ms after the first touch, for ever."""
        while True:
            await self._tick.wait()
            await trio.sleep(BATCH_US / 1e6)
            self._tick = trio.Event()
            touched, self._touched = self._touched, set()
            for terminal in touched:
                with terminal.contained():
                    terminal.turn_over()
                _seal(terminal)
                if terminal.waits_for_more:
                    self.touch(terminal)


def _seal(terminal: Terminal) -> None:
    with terminal.contained():
        terminal.recorder.seal()
        terminal.keyframe(KEYFRAME_BYTES)


def seal_now(terminals: Iterable[Terminal]) -> None:
    """Hand everything that was added to *terminals* to storage, to be stored before it waits for more."""
    for terminal in terminals:
        with terminal.contained():
            terminal.seal_now()
