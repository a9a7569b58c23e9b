"""Records read again from the archive: those that memory does not hold any more, in order, some at a time.

    places of one log      seq    segment, byte
                           0      1, 0
                           …      where a reading ended, or what was stored did: one each MiB, and the last of each

Invariants: called on a thread; what it reads was stored before. A record that is damaged on the disk is an error,
not skipped: nobody could verify what comes behind it.
"""

import bisect
import os
import threading
from collections.abc import Iterator, Sequence
from itertools import count, takewhile
from typing import Final, NamedTuple

from cctm.archive.catalogue import Checkpoint
from cctm.archive.files import list_files, segment_path
from cctm.archive.segment import LogRef, Record, scan
from cctm.protocol.entry import decode_record_untrusted
from cctm.protocol.errors import MalformedError, RemoteError
from cctm.protocol.keys import ChannelId, Digest

APART_BYTES: Final = 1 << 20


class Position(NamedTuple):
    """The record *seq* begins at byte *at* of *segment*, or with the next segment."""

    seq: int
    segment: int
    at: int


class LostRecordError(RemoteError):
    """The record *seq* of the log *ref* cannot be read."""

    def __init__(self, ref: LogRef, seq: int) -> None:
        super().__init__(ref, seq)
        self.ref = ref
        self.seq = seq


class StoredLog:
    """One log in the archive."""

    def __init__(self, archive: str, ref: LogRef) -> None:
        self.ref = ref
        self._archive = archive
        self._lock = threading.Lock()
        self._places = [Position(0, 1, 0)]
        self._last = self._places[0]

    def note(self, position: Position) -> None:
        """Remember where a record begins."""
        with self._lock:
            newest = self._places[-1]
            if position.segment > newest.segment or (
                position.segment == newest.segment and position.at >= newest.at + APART_BYTES
            ):
                self._places.append(position)

    def read(self, first: int, end: int, most_bytes: int) -> Sequence[bytes]:
        """Records from *first* on, before *end*: as many as *most_bytes* hold, or one.

        Raises:
            LostRecordError: the first cannot be read.
        """
        found: list[bytes] = []
        size = 0
        try:
            for seq, record in self._from(first):
                size += len(record)
                if seq >= end or (found and size > most_bytes):
                    break
                found.append(record)
            # Counting finds no record that is missing; what is sent under a wrong number costs the connection.
            if not found or decode_record_untrusted(found[0]).entry.seq != first:
                raise LostRecordError(self.ref, first)
        except (OSError, MalformedError) as error:
            raise LostRecordError(self.ref, first) from error
        return found

    def _from(self, first: int) -> Iterator[tuple[int, bytes]]:
        """Whole records from *first* on, with their seqs."""
        place = self._nearest(first)
        seq = place.seq
        for number in self._segments(place.segment):
            fd = os.open(segment_path(self._archive, self.ref, number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                for item in scan(fd, place.at if number == place.segment else 0):
                    if not isinstance(item, Record):
                        return
                    if seq >= first:
                        yield seq, item.payload
                    seq += 1
                    self._last = Position(seq, number, item.end)
                    self.note(self._last)
            finally:
                os.close(fd)

    def head_at(self, size: int) -> Digest:
        """What the log's first *size* entries hash to; there are more.

        Raises:
            LostRecordError
        """
        record = self.read(size, size + 1, 1)[0]
        try:
            return decode_record_untrusted(record).prev
        except MalformedError as error:
            raise LostRecordError(self.ref, size) from error

    def _nearest(self, seq: int) -> Position:
        last = self._last
        if last.seq == seq:
            return last
        with self._lock:
            return self._places[bisect.bisect_right(self._places, seq, key=lambda place: place.seq) - 1]

    def _segments(self, first: int) -> Iterator[int]:
        """The numbers of its files from *first* on, up to the first that is missing."""
        files = list_files(self._archive, self.ref.channel)
        here = next((log.segments for log in files.logs if log.ref == self.ref), ())
        return takewhile(here.__contains__, count(first))


def sizes(archive: str, channel: ChannelId, checkpoints: Sequence[Checkpoint]) -> list[tuple[LogRef, int]]:
    """How many entries each log of *channel* has.

    A crash leaves more of a log than the catalogue knows: behind its checkpoint they are counted.

    Raises:
        OSError: of reading.
    """
    known = {checkpoint.ref: checkpoint for checkpoint in checkpoints}
    return [
        (log.ref, _count(archive, log.ref, log.segments, known.get(log.ref)))
        for log in list_files(archive, channel).logs
    ]


def _count(archive: str, ref: LogRef, segments: Sequence[int], known: Checkpoint | None) -> int:
    size, segment, at = (0, 0, 0) if known is None else (known.size, known.segment, known.position)
    for number in segments:
        if number < segment:
            continue
        fd = os.open(segment_path(archive, ref, number), os.O_RDONLY | os.O_CLOEXEC)
        try:
            for item in scan(fd, at if number == segment else 0):
                if not isinstance(item, Record):
                    return size
                size += 1
        finally:
            os.close(fd)
    return size
