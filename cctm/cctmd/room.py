"""Watches the free space and the quotas (SPEC.md §6.5): recording waits rather than loses.

the storage thread says stalled / resumed ─┐
every second: free space ──────────────────┼─► hold or release terminals; tell their clients and listings
stored bytes of each terminal: its quota ──┘
"""

import contextlib
import logging
import os
from typing import Final

import trio

from cctm.archive.room import Limits, free_space
from cctm.cctmd.terminal import Held, Terminal
from cctm.cctmd.terminals import Terminals
from cctm.protocol.keys import ChannelId

LOG = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
PATIENCE_S: Final = 5.0

ROOM_TEXT: Final = (
    "The disk is nearly full: programs wait until there is room. See `cctm du` and `cctm prune`."
)
STALLED_TEXT: Final = "The record cannot be written ({}): programs wait until it can."
RESUMED_TEXT: Final = "Recording goes on."


class RoomWatch:
    """Decides once a second whether recording must wait."""

    def __init__(self, archive: str, limits: Limits) -> None:
        self._archive = archive
        self._limits = limits
        self._failure = ""
        self._told = ""
        self._parked: set[ChannelId] = set()

    def stalled(self, error: OSError) -> None:
        """Storage cannot write. Called on the storage thread."""
        self._failure = os.strerror(error.errno or 0).lower()

    def resumed(self) -> None:
        """Storage writes again. Called on the storage thread."""
        self._failure = ""

    def parked(self, channel: ChannelId, error: OSError) -> None:
        """The files of one channel cannot be written. Called on the storage thread."""
        LOG.error("terminal %s cannot be written: %s", channel.hex()[:8], error)
        self._parked.add(channel)

    def unparked(self, channel: ChannelId) -> None:
        """They can be again. Called on the storage thread."""
        self._parked.discard(channel)

    async def watch(self, terminals: Terminals) -> None:
        """Hold and release, for ever."""
        while True:
            await self.look(terminals)
            await trio.sleep(INTERVAL_S)

    async def _is_short(self) -> bool:
        """Whether too little is free. Asked in a thread: a file system that hangs must not stop the daemon."""
        is_short = True  # what cannot be asked cannot be written to
        with trio.move_on_after(PATIENCE_S), contextlib.suppress(OSError):
            space = await trio.to_thread.run_sync(free_space, self._archive, abandon_on_cancel=True)
            is_short = self._limits.missing_bytes(space) > 0
        return is_short

    async def look(self, terminals: Terminals) -> None:
        """Hold or release every terminal."""
        is_short = await self._is_short()
        terminals.stalled = self._failure or (Held.ROOM.value if is_short else "")
        for terminal in list(terminals.running.values()):
            with terminal.contained():
                self._hold_or_release(terminal, is_short=is_short)
        self._tell(terminals, is_short=is_short)

    def _hold_or_release(self, terminal: Terminal, *, is_short: bool) -> None:
        if is_short:
            terminal.hold(Held.ROOM)
        else:
            terminal.release(Held.ROOM)
        if terminal.channel in self._parked:
            terminal.hold(Held.FILES)
        else:
            terminal.release(Held.FILES)
        if terminal.ending is not None or not self._limits.is_over_quota(terminal.stored_bytes):
            terminal.release(Held.QUOTA)
        else:
            terminal.hold_at_quota()

    def _tell(self, terminals: Terminals, *, is_short: bool) -> None:
        """Say once what changed for all."""
        if terminals.stalled == self._told:
            return
        self._told = terminals.stalled
        if not terminals.stalled:
            text = RESUMED_TEXT
        elif is_short and not self._failure:
            text = ROOM_TEXT
        else:
            text = STALLED_TEXT.format(self._failure)
        for terminal in terminals.running.values():
            terminal.say(text)
