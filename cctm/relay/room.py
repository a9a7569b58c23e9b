"""A room: one channel in use. Who is connected, and what goes from whom to whom.

    append ─► verified ─► Tail ─┬─► readers: sent to at once where the socket is empty, or else woken to pull
                                └─► store ─► committed ─► receipts
    live   ─► from members to the owner's connections, from the owner to one or all
    access ─► in force at once ─► stored ─► AccessStored

**Invariants**

- Records are passed on as soon as they are verified, before they are stored. Should the disk refuse, the room is given
  up, everybody in it is let go, and the next room is what the disk has. That is never a fork: whoever got more than the
  disk has, got what the writer signed.
- What is stored is never replaced: a different record at a known place is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from cctm.protocol.admission import AccessList, Verb, decode_access_untrusted, invite_hash
from cctm.protocol.entry import decode_record_untrusted
from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.ids import ChannelId, LogId, WriterId, channel_id
from cctm.protocol.sync.messages import TABLE, Live, LiveFrom, LogRow, Logs
from cctm.protocol.sync.records import Records
from cctm.protocol.sync.serving import Reason
from cctm.relay import refusals
from cctm.relay.database import (
    LOG_OVERHEAD_BYTES,
    NEW_CHANNEL,
    RECORD_OVERHEAD_BYTES,
    ChannelState,
    LogState,
    UninvitedError,
)
from cctm.relay.memory import TailMemory
from cctm.relay.metrics import Metrics
from cctm.relay.options import Options
from cctm.relay.refusals import RefusedError
from cctm.relay.store import Maker, Outcome, Store
from cctm.relay.tail import News, Tail

MOST_LOGS: Final = 16_384  # of one channel
ROWS: Final = 4_096  # in one message
_READ_BYTES: Final = 256 * 1024
_DAY_S: Final = 86_400
_AT_ONCE: Final = 64  # readers


class Peer(Protocol):
    """A connection, as a room knows it."""

    @property
    def member(self) -> WriterId: ...

    @property
    def verbs(self) -> Verb: ...

    def tell(self, frame: bytes) -> None:
        """Send a message, before all records."""

    def receipt(self, state: LogState) -> None:
        """So much of a log that it appended to is stored."""

    def live(self, frame: bytes) -> None:
        """Send a live message, if there is room."""

    def news(self, news: News) -> None:
        """There are records for it, if it follows their log."""

    def allow(self, verbs: Verb) -> None:
        """It may do this from now on."""

    def refuse(self, refusal: RefusedError) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all rooms share."""

    store: Store
    options: Options
    metrics: Metrics
    wall_us: Callable[[], int]
    memory: TailMemory


class Room:
    """One channel in use."""

    def __init__(self, channel: ChannelId, found: ChannelState | None, around: Surroundings) -> None:
        state = found or NEW_CHANNEL
        self.channel = channel
        self.exists = found is not None
        self.access = decode_access_untrusted(state.access) if state.access else None
        self.tails = {log.log: Tail(channel, log.log, log) for log in state.logs}
        self.peers: set[Peer] = set()
        self._owners: set[Peer] = set()  # of them
        self.users = 0
        self._stored_bytes = state.stored_bytes
        self._around = around
        self._signed = state.access
        self._invite: bytes | None = None
        self._appenders: dict[LogId, set[Peer]] = {}
        self._locks: dict[LogId, trio.Lock] = {}
        self._unstored = 0  # writes
        self._broken: RefusedError | None = None
        self._used_on = 0  # day
        self.on_idle: Callable[[], None] = lambda: None

    # --- who may come in

    async def admit(self, member: WriterId, invite: bytes | None) -> Verb:
        """What *member* may do here.

        Raises:
            RefusedError: nothing. Whoever is neither the owner nor on the list learns nothing of the channel.
        """
        if channel_id(member) == self.channel:
            if not self.exists:
                await self._check_invite(invite)
            return Verb.READ | Verb.APPEND | Verb.LIVE
        verbs = self.access.verbs_of(member) if self.access is not None else Verb(0)
        if not verbs:
            raise refusals.not_allowed()
        if self.has_expired():
            raise refusals.expired()
        return verbs

    async def _check_invite(self, invite: bytes | None) -> None:
        self._invite = None if invite is None else invite_hash(invite)
        if not self._around.options.invite_only:
            return
        if self._invite is None or not await self._around.store.is_invited(self._invite, self._now_s()):
            raise refusals.uninvited()

    def has_expired(self) -> bool:
        """Whether only the owner is let in."""
        expires_us = None if self.access is None else self.access.expires_us
        return expires_us is not None and self._around.wall_us() >= expires_us

    def let_expired_go(self) -> None:
        """End the connections of all but the owner, if the access list has expired."""
        if self.has_expired():
            for peer in self.peers - self._owners:
                peer.refuse(refusals.expired())

    @property
    def is_closed(self) -> bool:
        """Whether nobody is to have the channel any more."""
        return self.exists and self.access is not None and self.access.is_closed

    @property
    def access_version(self) -> int:
        return 0 if self.access is None else self.access.version

    def rows(self) -> Sequence[Logs]:
        """The channel's logs, for one who just came in."""
        rows: list[LogRow] = [tail.row for tail in self.tails.values()]
        cuts = [rows[at : at + ROWS] for at in range(0, len(rows), ROWS)] or [[]]
        return [Logs(cut, more=number < len(cuts)) for number, cut in enumerate(cuts, 1)]

    # --- the access list

    def keep(self, access: AccessList, signed: bytes, on_stored: Callable[[int], None]) -> None:
        """Let *access* be in force, if it is newer.

        Args:
            on_stored: called with the version that is in force, once it is on the disk.
        """
        if self.access is not None and access.version <= self.access.version:
            version = self.access.version
            self._submit_access(self._signed or signed, version, on_stored)
            return
        self.access = access
        self._signed = signed
        self._submit_access(signed, access.version, on_stored)
        for peer in self.peers - self._owners:
            peer.allow(access.verbs_of(peer.member))
        self.let_expired_go()

    def _submit_access(self, signed: bytes, version: int, on_stored: Callable[[int], None]) -> None:
        self._unstored += 1
        self._around.store.put_access(
            self.channel,
            signed,
            self._maker(),
            lambda outcome: self._written(outcome, lambda: on_stored(version)),
        )

    # --- records

    async def append(self, peer: Peer, run: Records) -> None:
        """Take records of a log of *peer*'s own.

        Raises:
            RefusedError: they are not its to write, do not continue the log, or there is no room.
        """
        if not run.records:
            raise RefusedError(Reason.PROTOCOL, "No record was sent.", "Use a version that fits.")
        async with self._locks.setdefault(run.log, trio.Lock()):
            if self._broken is not None:
                raise self._broken
            tail = self.tails.get(run.log) or Tail(self.channel, run.log)
            if tail.writer not in {None, peer.member}:
                raise refusals.not_allowed()
            if run.first > tail.size:
                raise refusals.hole(tail.size)
            known = run.records[: tail.size - run.first]
            await self._compare(tail, run.first, known)
            fresh = run.records[len(known) :]
            if fresh:
                first = tail.size
                self._take(peer, tail, fresh)
                await self._tell_readers(tail.news(first))
            self._appenders.setdefault(run.log, set()).add(peer)
            if tail.stored == tail.size:
                peer.receipt(tail.state)

    async def _compare(self, tail: Tail, first: int, known: Sequence[bytes]) -> None:
        """See that *known* are the records that are there."""
        at = 0
        while at < len(known):
            here = await self.read(tail, first + at, first + len(known))
            if list(known[at : at + len(here)]) != list(here):
                raise refusals.fork()
            at += len(here)

    async def read(self, tail: Tail, first: int, end: int) -> Sequence[bytes]:
        """Records of *tail* from *first* on, before *end*: as many as go into a message, or a single one."""
        if first >= tail.first:
            return tail.from_memory(first, end)
        found = await self._around.store.records(tail.log, first, min(end, tail.stored), _READ_BYTES)
        self._around.memory.note(tail)
        if not found:
            raise RefusedError(Reason.LEAVING, "The relay lacks what it has stored.", "Try again later.")
        return found

    def _take(self, peer: Peer, tail: Tail, fresh: Sequence[bytes]) -> None:
        is_new = tail.size == 0
        cost = sum(map(len, fresh)) + RECORD_OVERHEAD_BYTES * len(fresh) + LOG_OVERHEAD_BYTES * is_new
        self._check_room(cost, is_new)
        try:
            tail.admit_untrusted([decode_record_untrusted(record) for record in fresh], fresh)
        except MalformedError as error:
            raise refusals.not_understood(error) from None
        except ChainError as error:
            raise refusals.no_continuation(error) from None
        if is_new:
            if tail.writer != peer.member:
                raise refusals.not_allowed()
            self.tails[tail.log] = tail
            self._announce(tail)
        self._stored_bytes += cost
        state = tail.state
        self._unstored += 1
        self._around.store.append(
            self.channel,
            state,
            fresh,
            cost,
            self._maker(),
            lambda outcome: self._written(outcome, lambda: self._note_stored(tail, state)),
        )

    async def _tell_readers(self, news: News) -> None:
        # Also when the sender goes in the middle of it: who is not told now would wait for the next record.
        with trio.CancelScope(shield=True):
            for number, reader in enumerate(list(self.peers), 1):
                reader.news(news)
                if number % _AT_ONCE == 0:  # whoever else has something to do does it
                    await trio.lowlevel.checkpoint()

    def _check_room(self, cost: int, is_new: bool) -> None:  # noqa: FBT001
        options = self._around.options
        if self._stored_bytes + cost > options.channel_bytes or (is_new and len(self.tails) >= MOST_LOGS):
            raise refusals.channel_is_full()
        if self._around.metrics.stored_bytes + cost > options.total_bytes:
            raise refusals.relay_is_full()

    def _announce(self, tail: Tail) -> None:
        frame = TABLE.encode(Logs([tail.row], more=False))
        for peer in self.peers:
            peer.tell(frame)

    def _note_stored(self, tail: Tail, state: LogState) -> None:
        tail.note_stored(state.size)
        self._around.memory.note(tail)
        for peer in self._appenders.get(tail.log, ()):
            peer.receipt(state)

    def _written(self, outcome: Outcome, then: Callable[[], None]) -> None:
        self._unstored -= 1
        if outcome is None:
            self.exists = True
            if self._broken is None:
                then()
        elif isinstance(outcome, UninvitedError):
            self._break(refusals.uninvited())
        else:
            self._break(refusals.disk_refuses())
        self.on_idle()

    def _break(self, why: RefusedError) -> None:
        """What is in memory is not what will be on the disk: everybody begins again."""
        if self._broken is not None:
            return
        self._broken = why
        for peer in list(self.peers):
            peer.refuse(why)

    @property
    def is_broken(self) -> bool:
        return self._broken is not None

    @property
    def is_settled(self) -> bool:
        return self._unstored == 0

    def give_up_memory(self) -> None:
        """Nobody uses it any more."""
        for tail in self.tails.values():
            self._around.memory.forget(tail)

    # --- live messages

    def live(self, peer: Peer, message: Live) -> None:
        """Pass on a live message: the owner's to one or all, others' to the owner."""
        frame = TABLE.encode(LiveFrom(peer.member, message.data))
        if channel_id(peer.member) == self.channel:
            for other in self.peers - {peer}:
                if message.to in {b"", other.member}:
                    other.live(frame)
        else:
            for owner in self._owners:
                owner.live(frame)

    # --- coming and going

    def _note_use(self) -> None:
        today = self._now_s() // _DAY_S
        if self.exists and today != self._used_on:
            self._used_on = today
            self._around.store.touch([self.channel], self._now_s())

    def join(self, peer: Peer) -> None:
        self.peers.add(peer)
        if channel_id(peer.member) == self.channel:
            self._owners.add(peer)
        self._note_use()

    def leave(self, peer: Peer) -> None:
        self.peers.discard(peer)
        self._owners.discard(peer)
        self._note_use()
        for appenders in self._appenders.values():
            appenders.discard(peer)

    def _maker(self) -> Maker:
        return Maker(self._now_s(), self._invite, by_invite=self._around.options.invite_only)

    def _now_s(self) -> int:
        return self._around.wall_us() // 1_000_000
