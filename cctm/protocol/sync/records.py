"""Records on their way: cut into messages, and put together again (SPEC.md §15.1).

    records ──cut──► Append(log, first, [record…])          of 256 KiB together, or
                     AppendPart(log, seq, at, total, data)…  of one larger than that: 256 KiB each but the last
    messages ──Joiner──► Records(log, first, [record…])

Entries and EntryPart are the same in the other direction.

**Invariants**

- There is one way to cut: a message that `cut` would not make is malformed.
- A joiner holds one record at most, and no more of it than came: nothing is allocated on the word of a total.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cctm.protocol.entry import MAX_WIRE_BYTES
from cctm.protocol.errors import MalformedError
from cctm.protocol.ids import LogId
from cctm.protocol.sync.messages import MAX_RECORDS_BYTES, PART_BYTES, Append, AppendPart, Entries, EntryPart


@dataclass(frozen=True, slots=True)
class Records:
    """Records from `first` on of one log."""

    log: LogId
    first: int
    records: Sequence[bytes]


def cut_appends(run: Records) -> Iterator[Append | AppendPart]:
    """What the side that dials sends *run* as."""
    for part in _cut(run):
        yield Append(*part) if len(part) == 3 else AppendPart(*part)


def cut_entries(run: Records) -> Iterator[Entries | EntryPart]:
    """What the side that serves sends *run* as."""
    for part in _cut(run):
        yield Entries(*part) if len(part) == 3 else EntryPart(*part)


_Part = tuple[bytes, int, list[bytes]] | tuple[bytes, int, int, int, bytes]


def _cut(run: Records) -> Iterator[_Part]:
    first = run.first
    together: list[bytes] = []
    together_bytes = 0
    for seq, record in enumerate(run.records, run.first):
        if together and together_bytes + len(record) > MAX_RECORDS_BYTES:
            yield run.log, first, together
            together, together_bytes = [], 0
        if len(record) > MAX_RECORDS_BYTES:
            for at in range(0, len(record), PART_BYTES):
                yield run.log, seq, at, len(record), record[at : at + PART_BYTES]
            continue
        if not together:
            first = seq
        together.append(record)
        together_bytes += len(record)
    if together:
        yield run.log, first, together


class Joiner:
    """What one side of a connection sends of records, put together."""

    def __init__(self) -> None:
        self._of: tuple[bytes, int, int] | None = None  # log, seq and total of the record that is under way
        self._parts: list[bytes] = []
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """How much of an incomplete record is here."""
        return self._bytes

    def take_untrusted(self, message: Append | AppendPart | Entries | EntryPart) -> Records | None:
        """The records that *message* brings or completes; None: more of one is to come.

        Raises:
            MalformedError: the other side does not cut as it must.
        """
        if isinstance(message, Append | Entries):
            if self._of is not None:
                raise MalformedError("record within a record")
            if sum(map(len, message.records)) > MAX_RECORDS_BYTES:
                raise MalformedError("records that should have been cut")
            return Records(LogId(message.log), message.first, message.records)
        return self._take_part(message)

    def _take_part(self, part: AppendPart | EntryPart) -> Records | None:
        of = (part.log, part.seq, part.total)
        if self._of is None:
            if not MAX_RECORDS_BYTES < part.total <= MAX_WIRE_BYTES:
                raise MalformedError("size of a record in parts")
            self._of = of
        if of != self._of or part.at != self._bytes:
            raise MalformedError("part of another record")
        if len(part.data) != min(PART_BYTES, part.total - part.at):
            raise MalformedError("size of a part")
        self._parts.append(part.data)
        self._bytes += len(part.data)
        if self._bytes < part.total:
            return None
        record = b"".join(self._parts)
        self._of, self._parts, self._bytes = None, [], 0
        return Records(LogId(part.log), part.seq, [record])


class Gathered:
    """Records that came in several messages and follow each other, to be taken in one go: 256 KiB, or a single one."""

    def __init__(self) -> None:
        self._first = 0
        self._log: LogId | None = None
        self._records: list[bytes] = []
        self._bytes = 0

    def add(self, run: Records) -> bool:
        """Whether *run* goes on where the others end, and there was room."""
        size = sum(map(len, run.records))
        if self._log is None:
            self._log, self._first = run.log, run.first
        elif (
            run.log != self._log
            or run.first != self._first + len(self._records)
            or self._bytes + size > MAX_RECORDS_BYTES
        ):
            return False
        self._records += run.records
        self._bytes += size
        return True

    def take(self) -> Records | None:
        """All of them; None: there are none."""
        if self._log is None:
            return None
        run = Records(self._log, self._first, self._records)
        self._log, self._records, self._bytes = None, [], 0
        return run
