"""The daemon: what belongs to one running process, and how it ends.

stop     the keeper is told to start no other (Scope.ALL: terminals are ended, then the keeper too); attached clients
         are let go: those who are not come back, and have the next one started; exit
restart  exit; the keeper starts the next daemon, which takes up where this one stopped
either   everything that was read is stored first
"""

import logging
import os
from typing import Protocol

import trio

from cctm import __version__
from cctm.cctmd.ending import end_terminal
from cctm.cctmd.frames import Frames
from cctm.cctmd.joining.mirrors import Mirrors
from cctm.cctmd.services import RefusedError, Services
from cctm.cctmd.sharing.sharing import Sharing
from cctm.cctmd.stage import Stage
from cctm.cctmd.terminals import Terminals
from cctm.home import Home
from cctm.keeper import wire
from cctm.protocol.control import replies
from cctm.protocol.control.values import Reason, Scope

LOG = logging.getLogger(__name__)
STORED_S = 60.0
STOPPED = "the daemon was stopped; the terminal goes on"


class Connected(Protocol):
    """A client's session, as far as the daemon has to know it."""

    def release(self, why: str) -> None:
        """End the session."""


class Daemon:
    """One running daemon."""

    def __init__(self, services: Services, terminals: Terminals, sharing: Sharing) -> None:
        self.services = services
        self.terminals = terminals
        self.sharing = sharing
        self.mirrors = Mirrors(terminals)
        self.sessions: set[Connected] = set()
        self.leaving = trio.Event()
        self.frames = Frames()
        self._since_us = services.clock.wall_us()

    @property
    def home(self) -> Home:
        return self.services.home

    def status(self) -> replies.Status:
        """What `cctm daemon status` shows."""
        return replies.Status(
            daemon_pid=os.getpid(),
            keeper_pid=self.terminals.link.keeper_pid,
            build=__version__,
            since_us=self._since_us,
            terminals=len(self.terminals.alive()),
            clients=sum(len(stage.viewers) for stage in self._stages()),
            stalled=self.terminals.stalled,
        )

    def _stages(self) -> list[Stage]:
        return [*self.terminals.alive(), *self.mirrors.mirrors.values()]

    async def stop(self, scope: Scope) -> None:
        """End this daemon for good.

        Raises:
            RefusedError: a terminal does not end.
        """
        if scope is Scope.ALL:
            await self._end_terminals()
            self.terminals.link.part(wire.Quit())
        else:
            self.terminals.link.part(wire.Stop())
            for stage in self._stages():
                for viewer in list(stage.viewers):
                    viewer.release(STOPPED)
        self.leaving.set()

    async def _end_terminals(self) -> None:
        failures: list[RefusedError] = []

        async def end(terminal: object) -> None:
            try:
                await end_terminal(self.terminals, terminal)  # type: ignore[arg-type]
            except RefusedError as refused:
                failures.append(refused)

        async with trio.open_nursery() as nursery:
            for terminal in self.terminals.alive():
                nursery.start_soon(end, terminal)
        if failures:
            raise failures[0]
        with trio.move_on_after(STORED_S):
            await self.terminals.all_concluded()
            return
        raise RefusedError(
            Reason.NO_ROOM, "The end of some terminals cannot be stored.", "Free some space, and try again."
        )

    def restart(self, scope: Scope) -> None:
        """Make room for a fresh daemon, and (Scope.ALL) for fresh code in the keeper."""
        if scope is Scope.ALL:
            self.terminals.link.part(wire.Upgrade(()))
        self.leaving.set()
