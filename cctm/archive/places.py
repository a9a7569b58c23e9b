"""Places: how far each log is known, where a reader can start, and how the catalogue's rows say so (SPEC.md §6.8).

    logs        channel, log, generation, size, head, stream, stream_offset, segment, position, how, code
    keyframes   channel, log, seq, generation, segment, position, stream, stream_offset

Nothing here is secret: segments say the same, in clear.
"""

from dataclasses import dataclass
from typing import Any

from cctm.protocol.codec import expect_exactly
from cctm.protocol.errors import MalformedError
from cctm.protocol.events import How
from cctm.protocol.keys import HASH_BYTES, STREAM_BYTES, ChannelId, Digest, LogId, StreamId

from .segment import LogRef

Row = tuple[bytes | int | None, ...]
Ended = tuple[How, int]  # as in `Closed`: how, code


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a log is known: *size* entries, the newest of which hashes to *head*.

    The next record begins at byte *position* of segment number *segment*, or in a later segment.
    *stream_offset*: where the next output of *stream*, the stream in force, goes on. *ended*: how its program
    ended, if it has, and the code.
    """

    ref: LogRef
    size: int
    head: Digest
    stream: StreamId | None
    stream_offset: int
    segment: int
    position: int
    ended: Ended | None

    @property
    def closed(self) -> bool:
        """Whether the program of *stream* has ended."""
        return self.ended is not None


@dataclass(frozen=True, slots=True)
class KeyframePlace:
    """Where the keyframe that is entry *seq* lies, and how much output of *stream* it stands for."""

    ref: LogRef
    seq: int
    segment: int
    position: int
    stream: StreamId | None
    stream_offset: int


def checkpoint_row(known: Checkpoint) -> Row:
    how, code = (None, None) if known.ended is None else known.ended
    return (
        *(known.ref.channel, known.ref.log, known.ref.generation, known.size, known.head),
        *(known.stream, known.stream_offset, known.segment, known.position),
        *(None if how is None else int(how), code),
    )


def checkpoint_untrusted(channel: ChannelId, row: tuple[Any, ...]) -> Checkpoint:
    """
    Args:
        channel: that of the row; one object for all rows.
    Raises:
        MalformedError: `checkpoint_row` does not make *row*.
    """
    _, log, generation, size, head, stream, offset, segment, position, how, code = row
    return Checkpoint(
        LogRef(channel, LogId(log), generation),
        size,
        Digest(expect_exactly(head, HASH_BYTES)),
        _stream(stream),
        offset,
        segment,
        position,
        _ended(how, code),
    )


def keyframe_row(place: KeyframePlace) -> Row:
    return (
        *(place.ref.channel, place.ref.log, place.seq, place.ref.generation),
        *(place.segment, place.position, place.stream, place.stream_offset),
    )


def keyframe_untrusted(channel: ChannelId, row: tuple[Any, ...]) -> KeyframePlace:
    """
    Args:
        channel: that of the row; one object for all rows.
    Raises:
        MalformedError: `keyframe_row` does not make *row*.
    """
    _, log, seq, generation, segment, position, stream, offset = row
    ref = LogRef(channel, LogId(log), generation)
    return KeyframePlace(ref, seq, segment, position, _stream(stream), offset)


def _stream(value: object) -> StreamId | None:
    return None if value is None else StreamId(expect_exactly(value, STREAM_BYTES))


def _ended(how: int | None, code: int | None) -> Ended | None:
    if how is None or code is None:
        return None
    try:
        return How(how), code
    except ValueError as error:
        raise MalformedError("an end that nobody knows") from error
