"""Past: what lies before what is stored of a joined terminal, fetched when somebody asks, the newest first.

    newest_missing ─► dial ─► Recall ─► verified ─► what our secrets open ─► segments ─► newest_missing …
                                                      └─ the rest was not shared: that is the end

A connection of its own: neither what it brings nor what is wrong with it touches the one by which the screen lives.

Invariants: nothing is fetched unasked. One piece is in memory, of two terminals at most. What does not fit together
with what is here, or does not open, is not stored: a relay that lies has made the loading fail.
"""

import logging
import time
from dataclasses import replace
from typing import Final

import trio

from cctm.archive.catalogue import Joined
from cctm.archive.past import Missing, newest_missing, ref_of
from cctm.archive.storage import LogRef
from cctm.cctmd.groups import first
from cctm.cctmd.joining.mirror import Mirror
from cctm.cctmd.links.connection import Connection, LinkError, dial
from cctm.cctmd.links.pacing import Paced
from cctm.cctmd.links.resources import read_aside
from cctm.cctmd.services import wait_for
from cctm.cctmd.terminals import Terminals
from cctm.protocol.control.replies import Recalled
from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import RemoteError
from cctm.protocol.keys import ChannelId, EpochSecret, KeyId
from cctm.protocol.sync.messages import Entries, EntryPart
from cctm.protocol.sync.past import (
    FIRST_NUMBER,
    Absent,
    Excess,
    Gap,
    Outcome,
    Piece,
    Recall,
    check_opening_untrusted,
    next_number,
)

LOG = logging.getLogger(__name__)

AT_ONCE: Final = 2  # terminals
SETTLE_S: Final = 2.0
LONG_S: Final = 3.0  # after which whoever waits hears how much came
SILENT_S: Final = 30.0  # without a message
PIECE_S: Final = 120.0  # whatever else the relay says meanwhile: others wait for their turn
FEWER: Final = 8

NOT_SHARED: Final = "The history before joining was not shared."
ABSENT: Final = "The relay does not have what was before."
SILENT: Final = "The relay does not answer. Try again."
LIES: Final = "The relay sends what the host did not write: the history before is not loaded."
AWAY: Final = "The history before is not loaded. {}"
FORGOTTEN: Final = "It was removed, joined anew, or has ended meanwhile. Try again."
FULL: Final = "The history before is not loaded: {}."


class _StopError(Exception):
    """No more of it, and why."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _EnoughError(Exception):
    """Enough for now."""


class Past:
    """Of all that was joined."""

    def __init__(self, terminals: Terminals, mirrors: dict[ChannelId, Mirror]) -> None:
        """
        Args:
            mirrors: those that did not end.
        """
        self._terminals = terminals
        self._services = terminals.services
        self._mirrors = mirrors
        self._turns = trio.Semaphore(AT_ONCE)
        self._busy: dict[ChannelId, trio.Lock] = {}
        self._numbers: dict[ChannelId, int] = {}  # how many entries to ask for
        self._unshared: dict[
            ChannelId, tuple[Gap, frozenset[KeyId]]
        ] = {}  # before what nothing can be opened

    async def recall(self, channel: ChannelId, most_bytes: int) -> Recalled:
        """Fetch about *most_bytes* of what lies before what is stored of *channel*, which was joined."""
        async with self._busy.setdefault(channel, trio.Lock()), self._turns:
            with trio.move_on_after(SETTLE_S):
                await self._terminals.settle()
            before = self._file_bytes(channel)
            is_more, why = False, ""
            try:
                await self._fetch(channel, most_bytes)
            except* (_EnoughError, _StopError, LinkError, RemoteError, OSError) as errors:
                is_more, why = _said(channel, first(errors))
            return Recalled(is_more, max(0, self._file_bytes(channel) - before), why)

    async def _fetch(self, channel: ChannelId, most_bytes: int) -> None:
        """
        Raises:
            _EnoughError, _StopError: there is more.
            LinkError, RemoteError, OSError: it cannot be had.
        """
        missing = await self._missing(channel)
        joined, secrets = await self._known(channel)
        if missing is None or joined is None:
            return
        keys = frozenset(secret.key_id for secret in secrets)
        if self._unshared.get(channel) == (missing.gap, keys):
            raise _StopError(NOT_SHARED)
        device = joined.keys if joined.is_enrolled else joined.link(channel).device
        until_s = trio.current_time() + LONG_S
        async with dial(joined.origin, channel, device) as connection:
            paced = Paced(connection.receive, time.thread_time)
            taken = 0
            while missing is not None:
                self._check_room(channel)
                taken += await self._take(channel, missing, connection, paced, secrets)
                if taken >= most_bytes or trio.current_time() >= until_s:
                    raise _EnoughError
                missing = await self._missing(channel)

    async def _missing(self, channel: ChannelId) -> Missing | None:
        archive = self._services.home.archive
        return await read_aside(lambda: newest_missing(archive, channel))

    async def _known(self, channel: ChannelId) -> tuple[Joined | None, list[EpochSecret]]:
        catalogue = self._services.catalogue
        mirror = self._mirrors.get(channel)
        if mirror is not None:
            return mirror.joined, list(mirror.granted.secrets.values())
        read = self._services.storage.run_aside(
            lambda: (catalogue.joined(channel), catalogue.epochs(channel))
        )
        return await wait_for(read)

    async def _take(
        self,
        channel: ChannelId,
        missing: Missing,
        connection: Connection,
        paced: Paced,
        secrets: list[EpochSecret],
    ) -> int:
        """Fetch the end of what is *missing*, and store it. How many bytes that is."""
        gap, ref, mirror = missing.gap, missing.ref, self._mirrors.get(channel)
        opening: list[tuple[LogRef, int, list[bytes]]] = []
        if ref is None:
            first = await self._piece(
                channel, replace(gap, floor=0, end=1, head=None), connection, paced, secrets
            )
            ref = ref_of(channel, gap.log, check_opening_untrusted(channel, missing.owner, gap.log, first))
            opening = [(ref, 1, list(first.records))]
            gap = replace(gap, floor=1)
        piece = Piece(gap.end, (), ())
        if gap.end > gap.floor:
            piece = await self._piece(channel, gap, connection, paced, secrets)
        keys = frozenset(secret.key_id for secret in secrets)
        locked = [
            at
            for at, sealed in enumerate(piece.entries)
            if sealed.entry.kind is not EntryKind.OPEN and sealed.entry.key_id not in keys
        ]
        records = list(piece.records[locked[-1] + 1 :] if locked else piece.records)
        stored = 0
        if records or (opening and not locked):
            if self._mirrors.get(channel) is not mirror:
                raise _StopError(FORGOTTEN)
            segments = [*opening, *([(ref, missing.number, records)] if records else [])]
            stored = await wait_for(self._services.storage.fill(segments))
            self._count(channel, stored)
        if locked:
            left = await self._missing(channel)
            if left is not None:
                self._unshared[channel] = left.gap, keys
            raise _StopError(NOT_SHARED)
        return stored

    async def _piece(
        self, channel: ChannelId, gap: Gap, connection: Connection, paced: Paced, secrets: list[EpochSecret]
    ) -> Piece:
        number = self._numbers.get(channel, FIRST_NUMBER)
        recall = Recall(channel, gap, number)
        await connection.send(recall.ask)
        match await outcome_in_time(recall, paced):
            case None:
                self._numbers[channel] = max(1, number // FEWER)  # it may be a slow line
                raise _StopError(SILENT)
            case Absent():
                # Of a log that was shared, all was: a relay that has its beginning lacks, or withholds, the rest.
                is_shared = gap.floor > 0 or any(secret.number == 1 for secret in secrets)
                raise _StopError(ABSENT if is_shared else NOT_SHARED)
            case Excess():
                self._numbers[channel] = max(1, number // FEWER)
                raise _EnoughError
            case Piece() as piece:
                self._numbers[channel] = next_number(number, sum(map(len, piece.records)))
                return piece

    # --- room

    def _check_room(self, channel: ChannelId) -> None:
        if self._terminals.stalled:
            raise _StopError(FULL.format(self._terminals.stalled))
        # What comes must find room beside what was.
        if self._services.limits.is_over_quota(self._file_bytes(channel) * 4 // 3):
            raise _StopError(FULL.format("quota reached"))

    def _file_bytes(self, channel: ChannelId) -> int:
        mirror = self._mirrors.get(channel)
        return self._terminals.file_bytes.get(channel, 0) if mirror is None else mirror.keeping.file_bytes

    def _count(self, channel: ChannelId, n_bytes: int) -> None:
        mirror = self._mirrors.get(channel)
        if mirror is not None:
            mirror.keeping.file_bytes += n_bytes
        else:
            self._terminals.file_bytes[channel] = self._file_bytes(channel) + n_bytes


async def outcome_in_time(recall: Recall, paced: Paced) -> Outcome | None:
    """What comes of *recall*; None: the relay is silent, or takes too long.

    Raises:
        LinkError, RemoteError: it is away, or lies.
    """
    with trio.move_on_after(PIECE_S):
        while True:
            with trio.move_on_after(SILENT_S) as silence:
                message = await paced.receive()
            if silence.cancelled_caught:
                return None
            outcome = recall.take_untrusted(message) if isinstance(message, Entries | EntryPart) else None
            if outcome is not None:
                return outcome
    return None


def _said(channel: ChannelId, error: BaseException) -> tuple[bool, str]:
    """Whether there is more to be had, and what to tell whoever asked."""
    match error:
        case _EnoughError():
            return True, ""
        case _StopError():
            return False, error.why
        case LinkError():
            return False, AWAY.format(error.what)
        case OSError():
            return False, FULL.format(error.strerror)
        case _:
            LOG.warning("terminal %s: the relay lies about the past: %r", channel.hex()[:8], error)
            return False, LIES
