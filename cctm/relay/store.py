"""The store: what a relay keeps, and the one task that has it written.

    any task                                   the writing task, in a thread
    append, put_access ─► waiting … ─────────► all that waits, in one transaction ─► done(None), in order
    channel, records   ─► a reading connection of their own, in a thread

While one transaction is synchronised the next gathers: one sync for all that came meanwhile.

**Invariants**

- `done(None)` is called after the commit: what it was called for survives a power failure.
- If the disk refuses, nothing of the transaction is stored, and everybody who waits for it hears the error.
- Writes for one channel are applied in the order of asking.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import trio

from cctm.protocol.ids import ChannelId, LogId
from cctm.relay.database import ChannelState, Database, LogState, NotWrittenError
from cctm.relay.metrics import Metrics

MOST_WAITING_BYTES: Final = 64 * 1024 * 1024  # who appends waits while there is more
READERS: Final = 4
_WRITE_BYTES: Final = 512  # what a write weighs besides its records

T = TypeVar("T")
Outcome = OSError | NotWrittenError | None
Done = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Maker:
    """What it takes to make a channel that is not there yet."""

    now_s: int
    invite_hash: bytes | None
    by_invite: bool


@dataclass(frozen=True, slots=True)
class _Write:
    apply: Callable[[Database], None]
    done: Done
    weight_bytes: int
    stored_bytes: int


class Store:
    """One relay's. `run` must be running for anything to be written."""

    def __init__(self, path: str, metrics: Metrics) -> None:
        """
        Raises:
            OSError: it cannot be used.
        """
        self._path = path
        self._writer = Database(path)
        self._idle_readers: list[Database] = []
        self._reading = trio.CapacityLimiter(READERS)
        self._metrics = metrics
        self._waiting: list[_Write] = []
        self._waiting_bytes = 0
        self._wake = trio.Event()
        self._written = trio.Event()
        self._is_writing = False
        self.failure: OSError | None = None  # of the newest transaction
        metrics.stored_bytes = self._writer.total_bytes()

    def close(self) -> None:
        self._writer.close()
        for reader in self._idle_readers:
            reader.close()

    # --- writing

    def append(
        self,
        channel: ChannelId,
        state: LogState,
        records: Sequence[bytes],
        cost_bytes: int,
        maker: Maker,
        done: Done,
    ) -> None:
        """Add *records* to a log, which is in *state* then."""

        def apply(database: Database) -> None:
            _ensure(database, channel, maker)
            database.append(channel, state, records, cost_bytes)

        self._submit(_Write(apply, done, _WRITE_BYTES + cost_bytes, cost_bytes))
        self._metrics.records_stored += len(records)

    def put_access(self, channel: ChannelId, signed: bytes, maker: Maker, done: Done) -> None:
        """Keep an access list instead of the one before."""

        def apply(database: Database) -> None:
            _ensure(database, channel, maker)
            database.put_access(channel, signed)

        self._submit(_Write(apply, done, _WRITE_BYTES + len(signed), 0))

    def touch(self, channels: Sequence[ChannelId], now_s: int) -> None:
        """*channels* are in use now."""

        def apply(database: Database) -> None:
            for channel in channels:
                database.touch(channel, now_s)

        self._submit(_Write(apply, lambda _: None, _WRITE_BYTES, 0))

    def remove(self, channel: ChannelId, stored_bytes: int) -> None:
        """Delete a channel that nobody uses."""
        self._submit(
            _Write(lambda database: database.remove(channel), lambda _: None, _WRITE_BYTES, -stored_bytes)
        )

    def _submit(self, write: _Write) -> None:
        self._waiting.append(write)
        self._waiting_bytes += write.weight_bytes
        self._metrics.stored_bytes += write.stored_bytes
        self._wake.set()

    async def room(self) -> None:
        """Wait until little enough waits to be written."""
        while self._waiting_bytes > MOST_WAITING_BYTES:
            await self._written.wait()

    async def settle(self) -> None:
        """Wait until all that waits now is written; what is asked for meanwhile is not waited for."""
        if self._waiting or self._is_writing:
            is_written = trio.Event()
            self._submit(_Write(lambda _: None, lambda _: is_written.set(), 0, 0))
            await is_written.wait()

    async def run(self) -> None:
        """Write what comes."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            batch, self._waiting = self._waiting, []
            if not batch:
                continue
            self._is_writing = True
            # Not cancelled: a thread that commits cannot be.
            outcomes = await trio.to_thread.run_sync(self._commit, batch)
            self._is_writing = False
            self._waiting_bytes -= sum(write.weight_bytes for write in batch)
            written, self._written = self._written, trio.Event()
            written.set()
            self._metrics.commits += 1
            for write, outcome in zip(batch, outcomes, strict=True):
                if outcome is not None:
                    self._metrics.stored_bytes -= write.stored_bytes
                write.done(outcome)

    def _commit(self, batch: Sequence[_Write]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        try:
            with self._writer.transaction():
                for write in batch:
                    try:
                        write.apply(self._writer)
                        outcomes.append(None)
                    except NotWrittenError as error:  # it changed nothing
                        outcomes.append(error)
        except OSError as error:
            self.failure = error
            return [error] * len(batch)
        self.failure = None
        return outcomes

    # --- reading

    async def channel(self, channel: ChannelId) -> ChannelState | None:
        return await self._read(lambda database: database.channel(channel))

    async def records(self, log: LogId, first: int, end: int, most_bytes: int) -> list[bytes]:
        return await self._read(lambda database: database.records(log, first, end, most_bytes))

    async def is_invited(self, invite_hash: bytes, now_s: int) -> bool:
        return await self._read(lambda database: database.is_invited(invite_hash, now_s))

    async def idle(self, before_s: int, most: int) -> list[ChannelId]:
        return await self._read(lambda database: database.idle(before_s, most))

    async def closed(self) -> list[ChannelId]:
        return await self._read(lambda database: database.closed())

    async def _read(self, query: Callable[[Database], T]) -> T:
        return await trio.to_thread.run_sync(partial(self._read_here, query), limiter=self._reading)

    def _read_here(self, query: Callable[[Database], T]) -> T:
        with self._reader() as reader:
            return query(reader)

    @contextmanager
    def _reader(self) -> Iterator[Database]:
        try:
            reader = self._idle_readers.pop()
        except IndexError:
            reader = Database(self._path)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        self._idle_readers.append(reader)


def _ensure(database: Database, channel: ChannelId, maker: Maker) -> None:
    database.ensure(channel, maker.now_s, maker.invite_hash, by_invite=maker.by_invite)
