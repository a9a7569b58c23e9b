"""One open connection of an uplink: three tasks, and what they share.

    receive        receipts, what the relay shows as ours, live messages ─► host
    send_urgent    questions, live messages, the access list
    send_records   what Outgoing hands out

**Invariants**

- The receiving task waits for no send. It alone says why the connection ends: a refusal is heard before the end is
  noticed.
- Of what a relay says nothing is kept that grows: rows are counted, live messages are paced.
- No live message is passed on before it is known what the relay has of our own logs: a restored backup must not revive
  who was removed (SPEC.md §16.9).
"""

import time
from collections import deque
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from cctm.cctmd.links.connection import Connection
from cctm.cctmd.links.failures import LinkDownError, silent
from cctm.cctmd.links.outgoing import Outgoing, OutgoingLog
from cctm.cctmd.links.pacing import Paced
from cctm.cctmd.links.urgent import Urgent
from cctm.protocol.errors import MalformedError
from cctm.protocol.ids import ChannelId, LogId, WriterId
from cctm.protocol.sync.followed import Ask
from cctm.protocol.sync.messages import AccessStored, Entries, EntryPart, LiveFrom, Logs, Stored
from cctm.protocol.sync.records import cut_appends
from cctm.protocol.sync.uploading import AppendFrom, Diverged, Effect, State, UnknownOwnLog, Uploading
from cctm.protocol.tables import Message

LISTING_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a relay has of ours."""

    is_copy: bool  # there is what our key signed and this home does not know: it is a copy, or was restored
    highest_generation: int  # of the logs among that; 0: there are none
    access_version: int  # as the relay says; one that is not below it is not taken


class Host(Protocol):
    """Whoever shares the channel. None of these may wait or raise."""

    def known_logs(self) -> Collection[LogId]:
        """All logs that this home has ever begun in the channel, whether they are shared or not."""

    def found(self, found: Found) -> None:
        """Said once for each connection, before the first live message; again, if a copy turns up later."""

    def live_came(self, who: WriterId, data: bytes) -> None:
        """A live message, and who the relay says that it is of."""

    def access_stored(self, version: int) -> None:
        """The relay says that it lets in by the access list of this version, also after a power failure."""


class Upload:
    """One connection. `take_stock` first, then `run`."""

    def __init__(
        self,
        channel: ChannelId,
        owner: WriterId,
        connection: Connection,
        outgoing: Outgoing,
        urgent: Urgent,
        host: Host,
    ) -> None:
        self.access_stored = connection.access_version  # on the relay's disk
        self.on_change = trio.Event()  # set, and another, when more is known to be delivered
        self._connection = connection
        self._paced = Paced(connection.receive, time.thread_time)
        self._outgoing = outgoing
        self._urgent = urgent
        self._host = host
        self._uploading = Uploading(channel, owner, outgoing.logs.values(), host.known_logs())
        self._asks: deque[Message] = deque()
        self._is_saying = False
        self._is_copy = False
        self._highest_generation = 0
        self._there: dict[LogId, int] = {}  # entries of each log that the relay had, or stored
        self._was_found = False

    @property
    def is_delivered(self) -> bool:
        """Whether the relay has stored all that was sealed, and the newest access list."""
        return (
            not self._is_saying
            and self._urgent.is_empty
            and self.access_stored >= self._urgent.version
            and self._outgoing.is_stored(self._there)
        )

    async def take_stock(self) -> None:
        """Hear what the relay has, and see from where to go on.

        Raises:
            LinkError, MalformedError, ChainError
        """
        with trio.move_on_after(LISTING_S):
            while self._uploading.state is State.LISTING:
                message = await self._paced.receive()
                if isinstance(message, Logs):
                    for row in message.rows:
                        if LogId(row.log) in self._outgoing.logs:
                            await self._outgoing.note_head(LogId(row.log), row.size)
                    self._perform(self._uploading.take_untrusted(message))
                elif not isinstance(message, LiveFrom):  # those are for who listens later
                    raise MalformedError(f"{type(message).__name__} now")
            return
        raise silent(self._connection.origin)

    async def run(self) -> None:
        """Until it ends, which raises LinkError, MalformedError or ChainError."""
        self._urgent.begin(self._connection.access_version)
        self._find()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_urgent)
            nursery.start_soon(self._send_records)
            await self._receive()

    def begun(self, log: OutgoingLog) -> None:
        """A log was begun that goes to the relay, too."""
        self._perform(self._uploading.took(log))

    # --- receiving

    async def _receive(self) -> None:
        while True:
            message = await self._paced.receive()
            match message:
                case LiveFrom(who, data):
                    if self._was_found:
                        self._host.live_came(WriterId(who), data)
                case AccessStored(version):
                    self.access_stored = version
                    self._host.access_stored(version)
                case Logs() | Stored() | Entries() | EntryPart():
                    self._perform(self._uploading.take_untrusted(message))
                    self._there |= self._uploading.stored
                    self._find()
                case _:
                    raise MalformedError(f"{type(message).__name__} now")
            self._change()

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case AppendFrom(log, seq):
                    self._there[log] = seq
                    self._outgoing.take(log, seq)
                case Ask(message):
                    self._asks.append(message)
                    self._urgent.wake()
                case UnknownOwnLog(_, generation):
                    self._highest_generation = max(self._highest_generation, generation)
                    self._find_copy()
                case Diverged():
                    self._find_copy()

    def _find_copy(self) -> None:
        self._is_copy = True
        self._was_found = False

    def _find(self) -> None:
        """Tell the host what the relay has, once that is clear."""
        if not self._was_found and not self._uploading.is_asking:
            self._was_found = True
            version = self._connection.access_version
            self._host.found(Found(self._is_copy, self._highest_generation, version))

    def _change(self) -> None:
        changed, self.on_change = self.on_change, trio.Event()
        changed.set()

    # --- sending: why it fails is heard by who receives

    async def _send_urgent(self) -> None:
        with suppress(LinkDownError):
            while True:
                await self._urgent.wait()
                self._is_saying = True
                while (message := self._next_urgent()) is not None:
                    await self._connection.send(message)
                self._is_saying = False
                self._change()

    def _next_urgent(self) -> Message | None:
        return self._asks.popleft() if self._asks else self._urgent.next()

    async def _send_records(self) -> None:
        with suppress(LinkDownError):
            while True:
                for message in cut_appends(await self._outgoing.next()):
                    await self._connection.send(message)
