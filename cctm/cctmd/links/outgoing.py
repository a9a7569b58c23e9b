"""What of one channel's logs may leave this machine, in order.

    Recorder ─sealed─► newest records in memory ─┐
    storage  ─durable─► how far the disk has it ─┴─► next ─► Uplink
                        the archive, on a thread ─┘

    seq of one log   0 ……… taken ……… first held ……… sealed
                               └ archive ─┴── memory ──┘

**Invariants**

- Output may leave before it is stored. Open, grant, keyframe, control and close leave when they are on the disk, and
  so does what comes behind them (SPEC.md §4, DESIGN §4): nobody learns of a state that a crash takes back.
- 256 KiB of a channel are held, and nothing while nobody takes it: a relay that is slow, stopped or away costs no
  memory. What is not held leaves from the archive, once it is there.
- `sealed` and `durable` never wait.
- The newest log goes first: its readers are those who watch. One that cannot be read on the disk holds up no other.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from cctm.archive.segment import LogRef
from cctm.cctmd.links.resources import read_aside
from cctm.cctmd.links.stored import LostRecordError, Position, StoredLog
from cctm.protocol.errors import LocalError
from cctm.protocol.ids import Digest, LogId
from cctm.protocol.sync.messages import MAX_RECORDS_BYTES
from cctm.protocol.sync.records import Records

HELD_BYTES: Final = 256 * 1024


@dataclass(slots=True, eq=False)
class OutgoingLog:
    """One log; all but what it offers as `uploading.OwnLog` is Outgoing's."""

    stored: StoredLog
    size: int = 0  # entries sealed
    durable: int = 0  # entries on the disk
    is_written: bool = False  # by this daemon
    taken: int | None = None  # entries that were handed out; None: nobody wants this log
    heads: dict[int, Digest] = field(default_factory=dict)
    awaited: deque[tuple[int, int]] = field(default_factory=deque)  # from, to: leave once they are durable
    held: deque[bytes] = field(default_factory=deque)  # the newest records

    @property
    def log(self) -> LogId:
        return self.stored.ref.log

    def head_at(self, size: int) -> Digest | None:
        """The hash of the entry before *size*; None: it is not at hand."""
        return self.heads.get(size)

    @property
    def first_held(self) -> int:
        return self.size - len(self.held)

    @property
    def may_leave(self) -> int:
        """The entries before this one may."""
        if self.taken is not None and self.taken < self.first_held:
            return self.durable
        return self.awaited[0][0] if self.awaited else self.size

    @property
    def has_more(self) -> bool:
        return self.taken is not None and self.taken < self.may_leave


class Outgoing:
    """One channel's. Everything is called by trio's thread."""

    def __init__(self, archive: str) -> None:
        """
        Args:
            archive: the directory of the channels' directories.
        """
        self.logs: dict[LogId, OutgoingLog] = {}
        self.lost: LostRecordError | None = None  # what cannot be read, and so holds up what comes behind it
        self._archive = archive
        self._held_bytes = 0
        self._holding: deque[OutgoingLog] = deque()  # of which each held record is, the oldest first
        self._on_begun: Callable[[OutgoingLog], None] | None = None  # set while somebody takes
        self._wake = trio.Event()

    # --- what there is

    def known(self, ref: LogRef, size: int, head: Digest | None = None) -> None:
        """A log of an earlier start: all its *size* entries are on the disk, and the last hashes to *head*."""
        log = self.logs[ref.log] = OutgoingLog(StoredLog(self._archive, ref), size, size)
        if head is not None:
            log.heads[size] = head
        self._begun(log)

    def growing(self, ref: LogRef, size: int) -> None:
        """A log that is being written: its first *size* entries were handed to storage, and leave once `durable`."""
        log = self.logs[ref.log] = OutgoingLog(StoredLog(self._archive, ref), size, is_written=True)
        self._begun(log)

    def sealed(self, ref: LogRef, first: int, records: Sequence[bytes], *, needs_disk: bool) -> None:
        """*records*, from the seq *first* on, were sealed and handed to storage.

        Args:
            needs_disk: they must not leave before they are stored.
        """
        log = self.logs.get(ref.log)
        if log is None:
            log = self.logs[ref.log] = OutgoingLog(StoredLog(self._archive, ref), is_written=True)
            self._begun(log)
        if first != log.size:
            raise LocalError("records that do not follow")
        log.size += len(records)
        if needs_disk:
            log.awaited.append((first, log.size))
        if self._on_begun is None:
            return
        for record in records:
            log.held.append(record)
            self._holding.append(log)
            self._held_bytes += len(record)
        while self._held_bytes > HELD_BYTES:
            self._let_go(self._holding[0])
        self._wake.set()

    def durable(self, log: LogId, size: int, behind: Position | None = None) -> None:
        """The first *size* entries of *log* survive a power failure.

        Args:
            behind: where the next one will begin, if that is known; it saves reading all before it.
        """
        here = self.logs[log]
        here.durable = max(here.durable, size)
        while here.awaited and here.awaited[0][1] <= size:
            here.awaited.popleft()
        if behind is not None:
            here.stored.note(behind)
        self._wake.set()

    @property
    def held_bytes(self) -> int:
        """Of records in memory."""
        return self._held_bytes

    def is_stored(self, there: Mapping[LogId, int]) -> bool:
        """Whether somebody who has stored so many entries of each log has all."""
        return all(there.get(log.log, 0) >= log.size for log in self.logs.values() if log.taken is not None)

    def _begun(self, log: OutgoingLog) -> None:
        if self._on_begun is not None:
            self._on_begun(log)

    # --- taking it

    @contextmanager
    def taking(self, on_begun: Callable[[OutgoingLog], None]) -> Iterator[None]:
        """Inside, `next` hands out what was asked for by `take`; *on_begun* is told of each log that is added."""
        if self._on_begun is not None:
            raise LocalError("outgoing that is taken by two")
        self._on_begun = on_begun
        self.lost = None
        try:
            yield
        finally:
            self._on_begun = None
            for log in self.logs.values():
                log.taken = None
                log.held.clear()
            self._holding.clear()
            self._held_bytes = 0

    def take(self, log: LogId, first: int) -> None:
        """Hand out *log* from the seq *first* on."""
        self.logs[log].taken = first
        self._wake.set()

    async def note_head(self, log: LogId, size: int) -> None:
        """Have `head_at` know the hash before *size*, if that is in the archive and more comes behind it."""
        here = self.logs[log]
        if size == 0 or size >= here.durable or size in here.heads:
            return
        with suppress(LostRecordError):  # it will be met again, when it is to be sent
            here.heads = {size: await read_aside(lambda: here.stored.head_at(size))}

    async def next(self) -> Records:
        """What leaves next: as much as goes into a message, or a single record."""
        while True:
            ready = [log for log in self.logs.values() if log.has_more]
            if ready:
                log = max(ready, key=lambda log: log.stored.ref.generation)
                try:
                    return await self._take(log)
                except LostRecordError as error:
                    self.lost, log.taken = error, None
                    continue
            self._wake = trio.Event()
            await self._wake.wait()

    async def _take(self, log: OutgoingLog) -> Records:
        first = log.taken
        assert first is not None
        if first >= log.first_held:
            records = self._from_memory(log, first)
        else:
            end = log.may_leave
            records = await read_aside(lambda: log.stored.read(first, end, MAX_RECORDS_BYTES))
        log.taken = first + len(records)
        # What was taken is read from the archive if it has to be sent again.
        while log.held and log.first_held < log.taken:
            self._let_go(log)
        return Records(log.stored.ref.log, first, records)

    def _from_memory(self, log: OutgoingLog, first: int) -> Sequence[bytes]:
        found: list[bytes] = []
        size = 0
        for index in range(first - log.first_held, log.may_leave - log.first_held):
            record = log.held[index]
            size += len(record)
            if found and size > MAX_RECORDS_BYTES:
                break
            found.append(record)
        return found

    def _let_go(self, log: OutgoingLog) -> None:
        """Of the oldest record that is held of *log*."""
        self._held_bytes -= len(log.held.popleft())
        self._holding.remove(log)
