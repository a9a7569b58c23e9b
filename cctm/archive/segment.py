"""Segment files: how records lie in them, and how they are found again (SPEC.md §6.1, §6.2).

    archive/<channel hex>/<generation, 8 digits>-<log hex>-<segment, 6 digits>.seg

    segment = "CCTMSEG" 0x00, record…
    record  = length(u32) ‖ CRC-32(payload)(u32) ‖ payload
    payload = canonical [seq, kind, key_id(32), prev(32), body, sig(64)]

The CRC finds what a disk did; what a person did is for the chain and its signatures to find.

Invariants: scanning accounts for every byte: the items follow each other without a hole. Whatever the bytes
are, it ends, raises nothing but OSError, and holds one record in memory. What only claims to be a record costs
its length, as it takes the checksum to know; all such claims together are granted four times the bytes looked
at, and one that would cost more than is left is not believed unless it is small. Honest files, damaged ones
too, stay far below. Files are read, not mapped: a mapped file that shrinks or sits on a bad disk kills the
process instead of raising an error.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cctm.protocol.entry import MAX_WIRE_BYTES
from cctm.protocol.keys import ChannelId, LogId

MAGIC: Final = b"CCTMSEG\0"
SEGMENT_BYTES: Final = 64 << 20
FRAME: Final = struct.Struct(">II")

# Of a payload: the largest body (SPEC.md §11) and what stands around it.
PAYLOAD_LIMIT_BYTES: Final = MAX_WIRE_BYTES
_CHUNK_BYTES: Final = 1 << 20
_FIRST_CHUNK_BYTES: Final = 16 << 10  # who wants the first record only reads no megabyte
_FIRST_SEARCH_BYTES: Final = 1 << 10  # what follows damage is mostly near
_CLAIMS_PER_BYTE: Final = 4
_SMALL_BYTES: Final = 512  # at most six times what is looked at, as claims lie at least 84 bytes apart

# Where a payload may begin, so that the next record is found without a checksum at every byte.
_HEAD: Final = re.compile(
    rb"\x96(?:[\x00-\x7f]|\xcc.|\xcd..|\xce.{4}|\xcf.{8})[\x01-\x05]\xc4\x20.{32}\xc4\x20.{32}"
    rb"(?:\xc4(.)|\xc5(..)|\xc6(.{4}))",
    re.DOTALL,
)
_HEAD_LIMIT_BYTES: Final = 1 + 9 + 1 + 34 + 34 + 5
_SIG_BYTES: Final = 2 + 64

_NAME: Final = re.compile(r"([0-9]{8,19})-([0-9a-f]{64})-([0-9]{6,19})\.seg", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogRef:
    """A log, and what its file names say about it."""

    channel: ChannelId
    log: LogId
    generation: int


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """The name of a segment file. Ordered as a channel is read: by generation, log, segment."""

    generation: int
    log: LogId
    number: int

    def __str__(self) -> str:
        return f"{self.generation:08d}-{self.log.hex()}-{self.number:06d}.seg"

    @classmethod
    def parse(cls, name: str) -> "SegmentName | None":
        """The segment that *name* names; None if we would not have written that name."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        parsed = cls(int(match[1]), LogId(bytes.fromhex(match[2])), int(match[3]))
        return parsed if str(parsed) == name else None


@dataclass(frozen=True, slots=True)
class Record:
    """A whole record: *payload* has the checksum that stands before it. Positions are bytes in the file."""

    start: int
    end: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record, though something follows or something else than a crash made them."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TornTail:
    """The beginning of a record at the end of a file: a crash, or a writer at this moment."""

    start: int
    end: int


Item = Record | Damage | TornTail


def frame(payload: bytes) -> bytes:
    """What stands before *payload* in the file."""
    return FRAME.pack(len(payload), zlib.crc32(payload))


@dataclass(slots=True)
class _Budget:
    """How many bytes may still be looked at in vain."""

    left_bytes: int

    def affords(self, payload_bytes: int) -> bool:
        return payload_bytes <= max(self.left_bytes, _SMALL_BYTES)

    def is_true(self, payload: bytes, crc: int) -> bool:
        """Whether *payload* has the checksum; paid for if it has not."""
        if zlib.crc32(payload) == crc:
            return True
        self.left_bytes -= len(payload)
        return False


def scan(fd: int, start: int = 0) -> Iterator[Item]:
    """What lies in the segment *fd*, from byte *start* on, which is 0 or the start or end of a record.

    A file that grows meanwhile is read up to the end that it has now: what a writer is about to complete must
    not look damaged because it was looked at twice.

    Raises:
        OSError: of reading.
    """
    position = start
    size = os.fstat(fd).st_size
    if start == 0:
        magic = _pread(fd, min(len(MAGIC), size), 0)
        if len(magic) < len(MAGIC) and MAGIC.startswith(magic):
            if magic:
                yield TornTail(0, len(magic))
            return
        position = min(len(MAGIC), len(magic))
        if magic != MAGIC:
            yield Damage(0, position)
    budget = _Budget(_CLAIMS_PER_BYTE * (size - position))
    window, base, chunk = b"", position, _FIRST_CHUNK_BYTES
    while True:
        at = position - base
        if at + FRAME.size > len(window):
            window, base, at = _pread(fd, min(chunk, size - position), position), position, 0
            chunk = min(8 * chunk, _CHUNK_BYTES)
            if not window:
                return
        if at + FRAME.size <= len(window):
            length, crc = FRAME.unpack_from(window, at)
            end = at + FRAME.size + length
            is_affordable = length > 0 and budget.affords(length)
            if end > len(window) and is_affordable and length <= PAYLOAD_LIMIT_BYTES:
                wanted = min(max(chunk, FRAME.size + length), size - position)
                window, base, at, end = _pread(fd, wanted, position), position, 0, FRAME.size + length
            if is_affordable and end <= len(window):
                payload = window[at + FRAME.size : end]
                if budget.is_true(payload, crc):
                    yield Record(position, base + end, payload)
                    position = base + end
                    continue
        found = _find(fd, position + 1, size, budget)
        if found is None:
            yield TornTail(position, size) if _is_torn(fd, position, size) else Damage(position, size)
            return
        yield Damage(position, found)
        position = found


def find_record(fd: int, start: int, size: int | None = None) -> int | None:
    """Where the first whole record begins that lies between the bytes *start* and *size*; None: nowhere.

    Args:
        size: None: that of the file.
    """
    if size is None:
        size = os.fstat(fd).st_size
    return _find(fd, start, size, _Budget(_CLAIMS_PER_BYTE * max(0, size - start)))


def _find(fd: int, start: int, size: int, budget: _Budget) -> int | None:
    overlap = FRAME.size + _HEAD_LIMIT_BYTES
    base = start
    chunk = min(_FIRST_SEARCH_BYTES, _CHUNK_BYTES)
    while True:
        window = _pread(fd, min(chunk + overlap, size - base), base)
        match = _HEAD.search(window, FRAME.size)
        while match is not None:
            position = base + match.start() - FRAME.size
            length, crc = FRAME.unpack_from(window, match.start() - FRAME.size)
            fits = position + FRAME.size + length <= size
            if fits and budget.affords(length) and length == _payload_bytes(match) <= PAYLOAD_LIMIT_BYTES:
                payload = _pread(fd, length, position + FRAME.size)
                if budget.is_true(payload, crc):
                    return position
            match = _HEAD.search(window, match.start() + 1)
        if len(window) < chunk + overlap:
            return None
        base += chunk
        chunk = min(4 * chunk, _CHUNK_BYTES)


def _payload_bytes(head: re.Match[bytes]) -> int:
    """The length of the payload that begins with *head*, by what the head says of the body."""
    body = next(size for size in head.groups() if size is not None)
    return head.end() - head.start() + int.from_bytes(body, "big") + _SIG_BYTES


def _is_torn(fd: int, start: int, size: int) -> bool:
    """Whether an interrupted append explains the bytes from *start* on, among which is no whole record."""
    beginning = _pread(fd, FRAME.size + _HEAD_LIMIT_BYTES, start)
    if len(beginning) < FRAME.size:
        return True
    length, _ = FRAME.unpack_from(beginning)
    head = _HEAD.match(beginning, FRAME.size)
    if start + FRAME.size + length > size and length <= PAYLOAD_LIMIT_BYTES:
        # A damaged length is no crash, and must not cost the record that is there.
        return head is None or _payload_bytes(head) == length
    # A file system may have made the file longer before the bytes came.
    return length == 0 and _is_zero(fd, start, size)


def _is_zero(fd: int, start: int, size: int) -> bool:
    return all(
        not any(_pread(fd, min(_CHUNK_BYTES, size - base), base)) for base in range(start, size, _CHUNK_BYTES)
    )


def _pread(fd: int, length: int, position: int) -> bytes:
    """*length* bytes from *position*, fewer only at the end of the file; none if *length* is negative."""
    data = os.pread(fd, max(0, length), position)
    if len(data) == length or not data:
        return data
    parts = [data]
    missing = length - len(data)
    while missing and (data := os.pread(fd, missing, position + length - missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
