"""What of one channel's logs may leave this machine, in order.

    Recorder ─sealed─► newest records in memory ─┐
    storage  ─durable─► how far the disk has it ─┴─► next ─► Uplink
                        the archive, on a thread ─┘

    seq of one log   0 ……… taken ……… first held ……… sealed
                               └ archive ─┴── memory ──┘

**Invariants**

- Output may leave before it is stored. Open, grant, keyframe, control and close leave when they are on the disk, and
  so does what comes behind them (SPEC.md §4, DESIGN §4): nobody learns of a state that a crash takes back.
- 512 KiB of a channel are held, and nothing while nobody takes it: a relay that is slow, stopped or away costs no
  memory. What is not held leaves from the archive, once it is there.
- `sealed` and `durable` never wait.
- The newest log goes first: its readers are those who watch.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import trio

from cctm.archive.segment import LogRef
from cctm.cctmd.links.resources import read_aside
from cctm.cctmd.links.stored import Position, StoredLog
from cctm.protocol.errors import LocalError
from cctm.protocol.ids import LogId
from cctm.protocol.sync.messages import MAX_RECORDS_BYTES
from cctm.protocol.sync.records import Records

HELD_BYTES: Final = 512 * 1024


@dataclass(slots=True, eq=False)
class _Log:
    stored: StoredLog
    sealed: int = 0  # entries
    durable: int = 0
    taken: int | None = None  # entries that were handed out; None: nobody wants this log
    awaited: deque[tuple[int, int]] = field(default_factory=deque)  # from, to: leave once they are durable
    held: deque[bytes] = field(default_factory=deque)  # the newest records

    @property
    def first_held(self) -> int:
        return self.sealed - len(self.held)

    @property
    def may_leave(self) -> int:
        """The entries before this one may."""
        if self.taken is not None and self.taken < self.first_held:
            return self.durable
        return self.awaited[0][0] if self.awaited else self.sealed

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
        self._archive = archive
        self._logs: dict[LogId, _Log] = {}
        self._held_bytes = 0
        self._holding: deque[_Log] = deque()  # of whom each held record is, the oldest first
        self._is_taken = False
        self._wake = trio.Event()

    # --- what there is

    def known(self, ref: LogRef, size: int) -> None:
        """A log of an earlier start, of which *size* entries are on the disk."""
        log = self._log(ref)
        log.sealed = log.durable = size
        self._wake.set()

    def sealed(self, ref: LogRef, first: int, records: Sequence[bytes], *, needs_disk: bool) -> None:
        """*records*, from the seq *first* on, were sealed and handed to storage.

        Args:
            needs_disk: they must not leave before they are stored.
        """
        log = self._log(ref)
        if first != log.sealed:
            raise LocalError("records that do not follow")
        log.sealed += len(records)
        if needs_disk:
            log.awaited.append((first, log.sealed))
        if not self._is_taken:
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
        here = self._logs[log]
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

    def size_of(self, log: LogId) -> int:
        """How many entries of *log* were sealed."""
        return self._logs[log].sealed

    # --- taking it

    @contextmanager
    def taking(self, first: Mapping[LogId, int]) -> Iterator[None]:
        """Inside, `next` hands out these logs from those seqs on, and each that is begun meanwhile."""
        if self._is_taken:
            raise LocalError("outgoing that is taken by two")
        for log_id, log in self._logs.items():
            log.taken = first.get(log_id)
        self._is_taken = True
        try:
            yield
        finally:
            self._is_taken = False
            for log in self._logs.values():
                log.taken = None
                log.held.clear()
            self._holding.clear()
            self._held_bytes = 0

    async def next(self) -> Records:
        """What leaves next: as much as goes into a message, or a single record.

        Raises:
            LostRecordError: it cannot be read from the disk.
        """
        while True:
            ready = [log for log in self._logs.values() if log.has_more]
            if ready:
                return await self._take(max(ready, key=lambda log: log.stored.ref.generation))
            self._wake = trio.Event()
            await self._wake.wait()

    async def _take(self, log: _Log) -> Records:
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

    def _from_memory(self, log: _Log, first: int) -> Sequence[bytes]:
        found: list[bytes] = []
        size = 0
        for index in range(first - log.first_held, log.may_leave - log.first_held):
            record = log.held[index]
            size += len(record)
            if found and size > MAX_RECORDS_BYTES:
                break
            found.append(record)
        return found

    def _let_go(self, log: _Log) -> None:
        """Of the oldest record that is held of *log*."""
        self._held_bytes -= len(log.held.popleft())
        self._holding.remove(log)

    def _log(self, ref: LogRef) -> _Log:
        log = self._logs.get(ref.log)
        if log is None:
            log = self._logs[ref.log] = _Log(StoredLog(self._archive, ref))
            log.taken = 0 if self._is_taken else None
        return log
