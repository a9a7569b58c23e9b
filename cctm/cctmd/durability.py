"""Durability: what the storage thread has stored, and what follows from it.

    storage thread ─► durable ─► (one wake-up for all that a sync stored) ─► ACK to the keeper
                                                                         ├─► quota reached? the terminal waits
                                                                         ├─► a checkpoint at the begin of a log, every
                                                                         │   4 MiB of output, and when somebody asks
                                                                         └─► its end is stored: concluded

Without its checkpoint nobody could tell a log whose end was cut off, or that is gone, from one that was never longer.

Invariant: the keeper is told of nothing that would not survive a power failure.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Final

import trio

from cctm.archive.catalogue import Checkpoint, KeyframePlace
from cctm.cctmd.keeper_link import KeeperLink
from cctm.cctmd.recorder import Durable
from cctm.cctmd.services import Services, wait_for
from cctm.cctmd.terminal import Terminal
from cctm.keeper import wire
from cctm.protocol.errors import CctmError
from cctm.protocol.keys import ChannelId

LOG = logging.getLogger(__name__)

CHECKPOINT_BYTES: Final = 4 * 1024 * 1024


class Durability:
    """Passes on what storage reports, from its thread to trio's."""

    def __init__(
        self,
        services: Services,
        link: KeeperLink,
        running: Mapping[ChannelId, Terminal],
        conclude: Callable[[Terminal, Durable], None],
    ) -> None:
        """
        Args:
            conclude: called once for a terminal that has ended, when all of it is stored.
        """
        self._services = services
        self._link = link
        self._running = running
        self._conclude = conclude
        self._token = trio.lowlevel.current_trio_token()
        self._inbox: deque[tuple[ChannelId, Durable]] = deque()
        self._woken = False
        self._closed = False

    def durable(self, channel: ChannelId, durable: Durable) -> None:
        """An entry of *channel* survives a power failure. Called on the storage thread."""
        self._inbox.append((channel, durable))
        if not self._woken:
            self._woken = True
            self._token.run_sync_soon(self._take)

    def close(self) -> None:
        """Tell nobody of what is stored from now on."""
        self._closed = True

    def _take(self) -> None:
        self._woken = False  # before looking: what is added from now on wakes again
        if self._closed:
            return
        newest: dict[Terminal, Durable] = {}
        while self._inbox:
            channel, durable = self._inbox.popleft()
            terminal = self._running.get(channel)
            if terminal is None:
                continue  # it did not start, and was taken back
            terminal.stored_bytes += durable.place.end - durable.place.start
            if durable.keyframe is not None:
                self._remember(durable.keyframe)
            if terminal.on_durable is not None:
                terminal.on_durable(durable)
            before = newest.get(terminal)
            if before is not None and before.head.log != durable.head.log:
                self._follow(terminal, before)  # the end of a log that was left
            newest[terminal] = durable
        for terminal, durable in newest.items():
            self._follow(terminal, durable)

    def _remember(self, keyframe: KeyframePlace) -> None:
        self._services.storage.run_aside(lambda: self._services.catalogue.put_keyframe(keyframe))

    def _follow(self, terminal: Terminal, durable: Durable) -> None:
        terminal.durable_offset = durable.offset
        self._link.send(wire.Ack(wire.StreamId(terminal.stream), durable.offset))
        if terminal.ending is None:
            if self._services.limits.is_over_quota(terminal.stored_bytes):
                terminal.hold_at_quota()
        elif not terminal.recorder.pending and durable.head.size == terminal.recorder.sealed_size:
            terminal.unnoted = None
            self._conclude(terminal, durable)
            return
        left = terminal.unnoted
        if left is not None and left.head.log != durable.head.log:
            self._note([terminal])
        terminal.unnoted = durable
        begins = terminal.noted_log != durable.head.log
        if begins or durable.offset - terminal.checkpointed >= CHECKPOINT_BYTES:
            self._note([terminal])

    async def note_all(self) -> None:
        """Have the catalogue know of everything that is stored."""
        try:
            await wait_for(self._note([it for it in self._running.values() if it.unnoted is not None]))
        except (OSError, CctmError) as error:
            LOG.warning("the catalogue cannot be written: %s", error)

    def _note(self, terminals: Sequence[Terminal]) -> "Future[None]":
        known = []
        for terminal in terminals:
            durable, terminal.unnoted = terminal.unnoted, None
            assert durable is not None
            terminal.checkpointed = durable.offset
            terminal.noted_log = durable.head.log
            known.append(checkpoint(terminal, durable))
        catalogue = self._services.catalogue

        def write() -> None:
            with catalogue.transaction():
                for each in known:
                    catalogue.put_checkpoint(each)

        return self._services.storage.run_aside(write)


def checkpoint(terminal: Terminal, durable: Durable) -> Checkpoint:
    """What the catalogue remembers of the log behind *durable*."""
    recorder = terminal.recorder
    is_all = durable.place.ref == recorder.log and durable.head.size == recorder.sealed_size
    return Checkpoint(
        durable.place.ref,
        durable.head.size,
        durable.head.head,
        terminal.stream,
        durable.offset,
        durable.place.segment,
        durable.place.end,
        ended=(terminal.ending.how, terminal.ending.code) if terminal.ending is not None and is_all else None,
    )
