"""Enlisting: those who come by a link enrol, and a grant lets them in.

    the gate ─Enlist─► waiting ─ENLISTING_S─► one change of the members: one grant for all who came together

Whom there is no room for is refused. Nobody is told whose request is one too many: whoever has a link asks again.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from cctm.cctmd.once import Once
from cctm.cctmd.terminal import Terminal
from cctm.protocol.errors import CctmError, LocalError
from cctm.protocol.live.decisions import Enlist
from cctm.protocol.members import Guest, Members

LOG = logging.getLogger(__name__)

ENLISTING_S: Final = 0.2  # those who enrol within it get one grant
MOST_ENLISTING: Final = 64


class Enlisting:
    """Of one shared terminal."""

    def __init__(
        self, terminal: Terminal, lock: trio.Lock, change: Callable[[Members], Awaitable[None]]
    ) -> None:
        """
        Args:
            lock: held while *change* runs, and by whoever else changes the members.
            change: has the members be these, on disk and in a grant; may raise OSError, CctmError.
        """
        self._terminal = terminal
        self._lock = lock
        self._change = change
        self._waiting: list[Enlist] = []
        self._came = trio.Event()
        self._refusing = Once()

    def wants(self, enlist: Enlist) -> None:
        """Somebody wants to be let in."""
        if len(self._waiting) < MOST_ENLISTING:
            self._waiting.append(enlist)
            self._came.set()

    async def run(self) -> None:
        """Let in whoever enrolled, those who come together at once, until cancelled."""
        while True:
            await self._came.wait()
            await trio.sleep(ENLISTING_S)
            self._came = trio.Event()
            waiting, self._waiting = self._waiting, []
            async with self._lock:
                await self.let_in(waiting)

    async def let_in(self, waiting: Sequence[Enlist]) -> None:
        """Have those of *waiting* for whom there is room be guests; the lock is held."""
        known = members = self._terminal.recorder.keys.members
        if self._terminal.ending is not None:  # no grant can name them
            return
        for enlist in waiting:
            try:
                members = members.with_newcomer(
                    Guest(enlist.sign_key, enlist.box_key, enlist.link, enlist.label)
                )
            except LocalError as error:
                self._refuse(enlist.label, error)
        if members != known:
            self._refusing.went_well()
            try:
                await self._change(members)
            except (OSError, CctmError):
                LOG.exception("terminal %s: guests cannot be let in", self._terminal.log_name)

    def _refuse(self, label: str, error: LocalError) -> None:
        """Whoever has a link asks again and again; the host's user hears of it once."""
        if self._refusing.is_new(str(error)):
            LOG.info("terminal %s: a guest is not let in: %s", self._terminal.log_name, error)
            self._terminal.say(f"{label} is not let in: {error}. `cctm who` lists those who are.")
