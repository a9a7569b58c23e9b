"""Walking a log: its entries in order, verified, and whatever stands between them.

    files ── scan ──► records ── decode ──► batch ── LogVerifier ──► Verified
                        │ damage, torn tail    │ the first that does not continue
                        └──────► Finding ◄─────┴─ judge ──► skip it, or go on from it

**Invariants**

- `Verified` entries are vouched for by a signature of the log's writer, their own or a later one's, that was
  checked before they are handed out (SPEC.md §4.1).
- What is not `Verified` is a `Finding`: nothing is passed over in silence.
- One batch is in memory: at most 4 MiB and one record.

After a fault the walk goes on with the next entry that its own signature vouches for: a record repeats its
`prev`, so that damage to one costs one (SPEC.md §6.1).
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cctm.protocol.entry import (
    EntryKind,
    OpenBody,
    Place,
    Sealed,
    decode_open_body_untrusted,
    decode_record_untrusted,
    digest,
    entry_hash,
    signed_statement,
)
from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.keys import ZERO, Digest, WriterId, log_id, verify
from cctm.protocol.log import LogVerifier

from .files import LogFiles, segment_path
from .finding import Fault, Finding, Spot
from .kept import Kept
from .segment import MAGIC, LogRef, Record, TornTail, scan

# Where somebody who joined may have begun to read, or begun again.
_BEGINNINGS: Final = frozenset({EntryKind.GRANT, EntryKind.KEYFRAME})

_BATCH_BYTES: Final = 4 << 20
_BATCH_ENTRIES: Final = 1_024


@dataclass(frozen=True, slots=True)
class Verified:
    """An entry that belongs where it stands. *hash*: what the next one names as its predecessor."""

    spot: Spot
    sealed: Sealed
    hash: Digest

    @property
    def place(self) -> Place:
        entry, ref = self.sealed.entry, self.spot.ref
        return Place(ref.channel, ref.log, entry.seq, entry.kind, entry.key_id, self.sealed.prev)


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: at byte *position* of *segment*, after *size* entries of which the newest hashes to
    *head*.

    *head* None: nothing is known before it; the first record found says itself what it follows.
    """

    segment: int
    position: int
    size: int
    head: Digest | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    spot: Spot
    sealed: Sealed


class Walk:
    """One pass over one log. Iterate `steps` once; the fields say how far it came."""

    def __init__(
        self,
        archive: str,
        log: LogFiles,
        *,
        writer: WriterId | None = None,
        start: Start | None = None,
        batch_entries: int = _BATCH_ENTRIES,
        kept: Kept = Kept.ALL,
    ) -> None:
        """
        Args:
            writer: who writes this log, if that is known; otherwise its first entry says so.
            start: None: the beginning.
            batch_entries: how many are verified at once, before the first is handed out.
            kept: whether entries that are missing are a flaw.
        """
        self.ref: LogRef = log.ref
        self.opening: OpenBody | None = None
        self.writer = writer
        self.size = start.size if start is not None else 0
        self.head = (start.head if start is not None else None) or ZERO
        self.segment = start.segment if start is not None else 1
        self.position = start.position if start is not None else 0  # after the last record
        self.torn: Spot | None = None  # what an interrupted append left at the end
        self._archive = archive
        self._log = log
        self._batch_entries = batch_entries
        self._kept = kept
        self._sure = start is None or start.head is not None
        self._missing: list[range] = []
        self._altered: int | None = None
        self._said_unverifiable = False

    def steps(self) -> Iterator[Verified | Finding]:
        """
        Raises:
            OSError: of reading.
        """
        batch: list[_Candidate] = []
        batch_bytes = 0
        for found in self._candidates():
            if isinstance(found, Finding):
                yield from self._settle(batch)
                batch, batch_bytes = [], 0
                yield found
                continue
            batch.append(found)
            batch_bytes += found.spot.end - found.spot.start
            if batch_bytes >= _BATCH_BYTES or len(batch) >= self._batch_entries:
                yield from self._settle(batch)
                batch, batch_bytes = [], 0
        yield from self._settle(batch)

    def _candidates(self) -> Iterator[_Candidate | Finding]:
        """What the files hold, whoever wrote it."""
        last = self._log.segments[-1]
        expected = self.segment
        for number in self._log.segments:
            if number < self.segment:
                continue
            # What lies behind a hole has segments of its own, and numbers far above.
            if number != expected and self._kept is Kept.ALL:
                spot = Spot(self.ref, number, 0, 0)
                yield Finding(Fault.SEGMENT_MISSING, spot, detail=f"{expected} to {number - 1}")
            expected = number + 1
            start = self.position if number == self.segment else 0
            self.segment, self.position = number, start
            fd = os.open(segment_path(self._archive, self.ref, number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                for item in scan(fd, start):
                    spot = Spot(self.ref, number, item.start, item.end)
                    match item:
                        case Record(payload=payload):
                            self.position = item.end
                            try:
                                yield _Candidate(spot, decode_record_untrusted(payload))
                            except MalformedError as error:
                                yield Finding(Fault.MALFORMED, spot, detail=error.what)
                        case TornTail() if number == last:
                            self.torn = spot
                            yield Finding(Fault.TORN, spot)
                        case _:  # damage, or a torn tail before a later segment
                            self.position = item.end
                            size = item.end - item.start
                            yield Finding(Fault.DAMAGED, spot, detail=f"{size} bytes")
            finally:
                os.close(fd)

    def _settle(self, batch: Sequence[_Candidate]) -> Iterator[Verified | Finding]:
        """Verify *batch*; whatever does not continue the log is judged by itself."""
        while batch:
            if not self._sure:
                self._go_on_from(batch[0].sealed)
                self._sure = True
            count = self._admit(batch)
            yield from self._verified(batch[:count])
            batch = batch[count:]
            if batch:
                yield from self._judge(batch[0])
                batch = batch[1:]

    def _admit(self, batch: Sequence[_Candidate]) -> int:
        """How many of *batch* continue the log."""
        if self.size and self.writer is None:
            return 0
        sealed = [candidate.sealed for candidate in batch]
        verifier = LogVerifier(self.ref.channel, self.ref.log, self.writer, self.size, self.head)
        count = len(sealed)
        while count:
            try:
                verifier.admit_sealed_untrusted(sealed[:count])
            except ChainError as error:
                count = error.seq - self.size
            else:
                break
        if count:
            self.writer = verifier.writer
        return count

    def _verified(self, batch: Sequence[_Candidate]) -> Iterator[Verified | Finding]:
        for index, candidate in enumerate(batch):
            entry = candidate.sealed.entry
            if entry.kind is EntryKind.OPEN:
                self.opening = decode_open_body_untrusted(entry.body)
                if self.opening.generation != self.ref.generation:
                    yield Finding(Fault.MISNAMED, candidate.spot, 0)
            # The next one's prev was compared with this one's hash: it need not be computed twice.
            is_last = index + 1 == len(batch)
            following = _hash(self.ref, candidate.sealed) if is_last else batch[index + 1].sealed.prev
            self.size, self.head = entry.seq + 1, following
            self._altered = None
            yield Verified(candidate.spot, candidate.sealed, following)

    def _judge(self, candidate: _Candidate) -> Iterator[Verified | Finding]:
        """Say what is wrong with an entry that does not continue the log, and go on from it if it is
        genuine."""
        entry, spot = candidate.sealed.entry, candidate.spot
        if self.writer is None:
            self.writer = self._writer_named_by(candidate)
        if self.writer is None:
            if not self._said_unverifiable:
                self._said_unverifiable = True
                yield Finding(Fault.UNVERIFIABLE, spot, entry.seq)
            return
        if not self._is_signed(candidate.sealed):
            yield Finding(Fault.ALTERED, spot, entry.seq)
            self._altered = entry.seq
            return
        if entry.seq < self.size:
            waited_for = any(entry.seq in seqs for seqs in self._missing)
            yield Finding(
                Fault.OUT_OF_ORDER if waited_for else Fault.REPEATED,
                spot,
                entry.seq,
                f"after entry {self.size - 1}",
            )
            return
        if entry.seq > self.size:
            missing = range(self.size, entry.seq)
            self._missing.append(missing)
            begins = entry.kind in _BEGINNINGS or spot.start == len(MAGIC)
            if self._kept is Kept.FOLLOWED and begins:
                yield Finding(Fault.SKIPPED, spot, entry.seq, _numbers(missing))
            elif missing != range(self.size, self.size + 1) or self._altered != self.size:
                yield Finding(Fault.MISSING, spot, entry.seq, _numbers(missing))
        elif candidate.sealed.prev != self.head:
            yield Finding(Fault.FORKED, spot, entry.seq)
        self._go_on_from(candidate.sealed)
        if self._admit([candidate]):
            yield from self._verified([candidate])
        else:
            yield Finding(Fault.ILLEGAL, spot, entry.seq, entry.kind.name.lower())
            self.size, self.head = entry.seq + 1, _hash(self.ref, candidate.sealed)

    def _writer_named_by(self, candidate: _Candidate) -> WriterId | None:
        """Who writes this log, by an `open` to which the log's id commits, wherever it stands."""
        entry = candidate.sealed.entry
        if entry.kind is not EntryKind.OPEN:
            return None
        try:
            opening = decode_open_body_untrusted(entry.body)
        except MalformedError:
            return None
        promised = log_id(opening.writer, self.ref.channel, opening.incarnation, opening.generation)
        return opening.writer if promised == self.ref.log else None

    def _is_signed(self, sealed: Sealed) -> bool:
        assert self.writer is not None
        message = signed_statement(self.ref.channel, _digest(self.ref, sealed))
        return verify(self.writer, message, sealed.entry.sig)

    def _go_on_from(self, sealed: Sealed) -> None:
        self.size, self.head = sealed.entry.seq, sealed.prev


def read_opening(archive: str, log: LogFiles) -> OpenBody | None:
    """What the first record of *log* says of its writer and predecessor, if the log id commits to it.

    The predecessor is vouched for only by the chain.

    Raises:
        OSError: of reading.
    """
    if log.segments[0] != 1:
        return None
    fd = os.open(segment_path(archive, log.ref, 1), os.O_RDONLY | os.O_CLOEXEC)
    try:
        item = next(scan(fd), None)
        if not isinstance(item, Record):
            return None
        entry = decode_record_untrusted(item.payload).entry
        if entry.kind is not EntryKind.OPEN:
            return None
        opening = decode_open_body_untrusted(entry.body)
    except MalformedError:
        return None
    finally:
        os.close(fd)
    promised = log_id(opening.writer, log.ref.channel, opening.incarnation, opening.generation)
    return opening if promised == log.ref.log else None


def _digest(ref: LogRef, sealed: Sealed) -> bytes:
    entry = sealed.entry
    place = Place(ref.channel, ref.log, entry.seq, entry.kind, entry.key_id, sealed.prev)
    return digest(place, entry.body)


def _hash(ref: LogRef, sealed: Sealed) -> Digest:
    return entry_hash(_digest(ref, sealed), sealed.entry.sig)


def _numbers(missing: range) -> str:
    return str(missing[0]) if len(missing) == 1 else f"{missing[0]} to {missing[-1]}"
