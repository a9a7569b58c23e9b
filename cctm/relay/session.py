"""One connection: a task that receives, and a task that sends.

    receive: message ─► Serving ─► effects ─► room
    send:    control, receipts, live messages, the rest of a large record, then records where the cursors are

**Invariants**

- The receiving task never waits for a send. What it queues is bounded (outbox.py). Records are not queued: they are
  pulled when the socket has taken the last.
- What comes in one go is verified, stored and passed on in one go: one signature vouches for all of it.
- A refusal is the last that is sent, and sent within 5 seconds, or not.
- Whoever does not show a key within 10 seconds is let go.
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol

import trio

from cctm.protocol.admission import Verb
from cctm.protocol.errors import MalformedError
from cctm.protocol.ids import LogId, WriterId
from cctm.protocol.sync.messages import (
    TABLE,
    AccessStored,
    Append,
    AppendPart,
    Entries,
    Fetch,
    Live,
)
from cctm.protocol.sync.messages import (
    Tail as Follow,
)
from cctm.protocol.sync.records import Gathered, Joiner, Records
from cctm.protocol.sync.serving import Admit, Do, Effect, End, Keep, Reason, Reply, Serving, State
from cctm.relay import refusals
from cctm.relay.cursors import Cursor, Cursors
from cctm.relay.database import LogState
from cctm.relay.journal import Journal
from cctm.relay.limits import Buckets
from cctm.relay.memory import Allowance
from cctm.relay.metrics import Metrics
from cctm.relay.outbox import Outbox
from cctm.relay.refusals import RefusedError
from cctm.relay.room import Room
from cctm.relay.rooms import Rooms
from cctm.relay.store import Store
from cctm.relay.tail import News, Tail

HANDSHAKE_S: Final = 10.0
ENDING_S: Final = 5.0
MESSAGE_COST_BYTES: Final = 256  # what a message costs besides its bytes, of the rate


class Closed(Exception):  # noqa: N818  it is no error
    """The connection is gone."""


class Socket(Protocol):
    """A WebSocket."""

    async def receive(self) -> bytes | str:
        """The next message. Raises Closed."""

    async def send(self, frame: bytes) -> None:
        """Send a message, and what `offer` left. Raises Closed."""

    def offer(self, framed: bytes) -> bool:
        """Send a message, framed already, if nothing has to be waited for; False: it was not sent."""

    @property
    def has_next(self) -> bool:
        """Whether another message has come already."""

    @property
    def has_rest(self) -> bool:
        """Whether a part of what `offer` took is still to be sent."""

    async def flush(self) -> None:
        """Send that. Raises Closed."""


@dataclass(frozen=True, slots=True)
class Relay:
    """What all connections share."""

    rooms: Rooms
    store: Store
    rates: Buckets  # bytes, by member
    joining: Allowance  # bytes, of incomplete records
    metrics: Metrics
    journal: Journal


class Session:
    """One connection."""

    def __init__(self, socket: Socket, serving: Serving, relay: Relay) -> None:
        self._socket = socket
        self._serving = serving
        self._relay = relay
        self._room: Room | None = None
        self._joiner = Joiner()
        self._cursors = Cursors()
        self._outbox = Outbox(relay.metrics)
        self._parts: Iterator[bytes] = iter(())
        self._gathered = Gathered()
        self._wake = trio.Event()
        self._is_waiting = False  # the sending task, for something to send
        self._is_ending = False
        self._scope = trio.CancelScope()

    # --- as a room knows it

    @property
    def member(self) -> WriterId:
        assert self._serving.member is not None  # it has shown its key
        return self._serving.member

    @property
    def verbs(self) -> Verb:
        return self._serving.verbs

    def tell(self, frame: bytes) -> None:
        self._outbox.tell(frame)
        self._wake.set()

    def receipt(self, state: LogState) -> None:
        self._outbox.receipt(state)
        self._wake.set()

    def live(self, frame: bytes) -> None:
        self._outbox.live(frame)
        self._wake.set()

    def news(self, news: News) -> None:
        if not self._is_waiting or self._wake.is_set():
            self._wake.set()
            return
        # It waits, so it is level with all that it follows, and only this log is news. Most readers' sockets are empty,
        # too: no task needs to run for them.
        cursor = self._cursors.of(news.tail.log)
        if cursor is None:
            return
        if cursor.next == news.first and news.framed is not None and self._socket.offer(news.framed):
            cursor.next = news.end
            self._relay.metrics.sent_bytes += len(news.framed)
            if not self._socket.has_rest:
                return
        self._wake.set()

    def allow(self, verbs: Verb) -> None:
        if self.verbs & ~verbs:
            self.refuse(
                RefusedError(
                    Reason.NOT_ALLOWED,
                    "The host changed what this key may do.",
                    "Ask the terminal's host for a new link." if not verbs else "Connect again.",
                )
            )
        else:
            self._serving.verbs = verbs

    def refuse(self, refusal: RefusedError) -> None:
        self._perform(self._serving.refuse(refusal.reason, refusal.what, refusal.advice))

    # --- receiving

    async def run(self) -> None:
        """Serve until one side ends it."""
        self._relay.metrics.connections += 1
        try:
            async with AsyncExitStack() as uses:
                with self._scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._send_all)
                        await self._receive_all(uses)
        finally:
            self._relay.joining.take(-self._joiner.held_bytes)
            self._relay.metrics.connections -= 1

    async def _receive_all(self, uses: AsyncExitStack) -> None:
        with trio.CancelScope(deadline=trio.current_time() + HANDSHAKE_S) as handshake:
            try:
                while not self._is_ending:
                    data = await self._socket.receive()
                    await self._take(data, uses)
                    if handshake.deadline != inf and self._serving.state is State.OPEN:
                        handshake.deadline = inf
            except Closed:
                await self._append_last()
                self._scope.cancel()
            except RefusedError as refusal:
                self.refuse(refusal)
        if handshake.cancelled_caught:
            self._end()

    async def _take(self, data: bytes | str, uses: AsyncExitStack) -> None:
        if isinstance(data, str):
            raise RefusedError(Reason.PROTOCOL, "Text was sent.", "Send binary messages.")
        self._relay.metrics.received_bytes += len(data)
        for effect in self._serving.receive_untrusted(data):
            if isinstance(effect, Admit):
                await self._admit(effect, uses)
            elif isinstance(effect, Do):
                if not isinstance(effect.message, Append | AppendPart):
                    await self._append_gathered()
                await self._do(effect.message)
            else:
                self._perform([effect])
        if not self._socket.has_next:
            await self._append_gathered()
        if self._serving.state is State.OPEN:
            bucket = self._relay.rates.of(self.member)
            wait_s = bucket.take(len(data) + MESSAGE_COST_BYTES, trio.current_time())
            if wait_s > 0:
                await trio.sleep(wait_s)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Reply(message):
                    self.tell(TABLE.encode(message))
                case Keep(access, signed):
                    assert self._room is not None  # it is open
                    self._room.keep(
                        access, signed, lambda version: self.tell(TABLE.encode(AccessStored(version)))
                    )
                case End():
                    self._note_refusal()
                    self._end()
                case _:
                    raise AssertionError(effect)

    def _end(self) -> None:
        self._is_ending = True
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + ENDING_S)
        self._wake.set()

    def _note_refusal(self) -> None:
        refused = self._serving.refused
        if refused is not None:
            self._relay.metrics.refused[refused] += 1
            self._relay.journal.note(
                "refused",
                reason=refused.name.lower(),
                channel=self._serving.channel,
                member=self._serving.member,
            )

    async def _admit(self, admit: Admit, uses: AsyncExitStack) -> None:
        async with AsyncExitStack() as entered:
            room = await entered.enter_async_context(self._relay.rooms.using(admit.channel))
            verbs = await room.admit(admit.member, admit.invite)  # whoever is refused uses it no longer
            await uses.enter_async_context(entered.pop_all())
        self._perform(self._serving.admitted(verbs, room.access_version))
        self._room = room
        room.join(self)
        uses.callback(self._leave, room)
        for message in room.rows():
            self.tell(TABLE.encode(message))
        self._relay.metrics.opened += 1
        self._relay.journal.note("opened", channel=admit.channel, member=admit.member)

    def _leave(self, room: Room) -> None:
        room.leave(self)
        self._relay.journal.note("left", channel=room.channel, member=self.member)

    async def _do(self, message: Append | AppendPart | Fetch | Follow | Live) -> None:
        room = self._room
        assert room is not None  # it is open
        match message:
            case Append() | AppendPart():
                run = self._join(message)
                if run is not None and not self._gathered.add(run):
                    await self._append_gathered()
                    self._gathered.add(run)
            case Fetch(log, first, number):
                self._fetch(room.tails.get(LogId(log)), log, first, number)
            case Follow(log, first):
                tail = room.tails.get(LogId(log))
                if tail is not None and not self._cursors.follow(Cursor.tailing(tail, first)):
                    raise refusals.too_much("Too many logs are followed.", "Follow fewer at a time.")
                self._wake.set()
            case Live():
                self._relay.metrics.live += 1
                room.live(self, message)

    async def _append_gathered(self) -> None:
        run = self._gathered.take()
        if run is not None:
            assert self._room is not None  # it is open
            await self._relay.store.room()
            await self._room.append(self, run)

    async def _append_last(self) -> None:
        with suppress(RefusedError):  # nobody is there to hear it
            await self._append_gathered()

    def _join(self, message: Append | AppendPart) -> Records | None:
        before = self._joiner.held_bytes
        try:
            run = self._joiner.take_untrusted(message)
        except MalformedError as error:
            raise refusals.not_understood(error) from None
        if not self._relay.joining.take(self._joiner.held_bytes - before):
            raise refusals.too_much("The relay has too much to put together.", "Try again later.")
        return run

    def _fetch(self, tail: Tail | None, log: bytes, first: int, number: int) -> None:
        if tail is None:
            self.tell(TABLE.encode(Entries(log, first, [])))
        elif not self._cursors.fetch(Cursor.fetching(tail, first, number)):
            raise refusals.too_much("Too much is asked for at a time.", "Wait for answers first.")
        self._wake.set()

    # --- sending

    async def _send_all(self) -> None:
        with suppress(Closed):
            while True:
                self._wake = trio.Event()
                frame = self._next_queued()
                if frame is None and not self._is_ending:
                    frame = await self._next_record_or_refusal()
                if frame is not None:
                    await self._socket.send(frame)
                    self._relay.metrics.sent_bytes += len(frame)
                elif self._is_ending:
                    break
                elif self._socket.has_rest:
                    await self._socket.flush()
                else:
                    self._is_waiting = True
                    await self._wake.wait()
                    self._is_waiting = False
        self._scope.cancel()

    def _next_queued(self) -> bytes | None:
        return self._outbox.next(is_ending=self._is_ending)

    async def _next_record_or_refusal(self) -> bytes | None:
        try:
            return await self._next_record()
        except RefusedError as refusal:
            self.refuse(refusal)
            return self._next_queued()

    async def _next_record(self) -> bytes | None:
        frame = next(self._parts, None)
        if frame is not None:
            return frame
        cursor = self._cursors.next()
        if cursor is None:
            return None
        if cursor.lags:
            return self._skip(cursor)
        if not cursor.has_more:  # a fetch, from behind the log's end
            return self._finish(cursor)
        assert self._room is not None
        records = await self._room.read(cursor.tail, cursor.next, cursor.until)
        frames = iter(cursor.tail.frames(cursor.next, records))
        self._advance(cursor, len(records))
        self._parts = frames
        return next(self._parts)

    def _advance(self, cursor: Cursor, number: int) -> None:
        cursor.next += number
        if cursor.is_over and cursor.next >= cursor.asked_end:
            self._cursors.finish(cursor)

    def _finish(self, cursor: Cursor) -> bytes:
        self._cursors.finish(cursor)
        return TABLE.encode(Entries(cursor.tail.log, cursor.next, []))

    def _skip(self, cursor: Cursor) -> bytes:
        told, grant = cursor.skip()
        if grant is not None:
            self._cursors.first(grant)
        self._relay.metrics.lagged += 1
        return TABLE.encode(told)
