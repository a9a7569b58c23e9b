"""Folding output: the bytes of a terminal's streams, each once (SPEC.md §3.2).

    log 1   [0 ── output ── 300)                        after a crash the next log repeats
    log 2              [200 ── output ── 500)           what was not acknowledged
    fold    [0 ─────────────────────── 500)

**Invariants**

- A byte of a stream is given out once, in the order of offsets; what came first wins.
- A hole is reported once: when nothing can fill it any more, or too much waits for that. (A later log may
  repeat what an earlier one lost.)
- At most 8 MiB are remembered to compare overlaps with, and as much is held back behind a hole. The keeper
  never repeats more than 4 MiB; overlap that reaches further back counts as a conflict.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from cctm.protocol.events import Event, Gap, Keyframe, Opened, Output
from cctm.protocol.keys import StreamId

from .kept import Kept

REMEMBERED_BYTES: Final = 8 << 20
NO_STREAM: Final = StreamId(b"")  # of output that no `opened` or keyframe precedes


@dataclass(frozen=True, slots=True)
class Hole:
    """Output that is not there. *length* None: unknown. *declared*: a `gap` said so, or nobody fetched it."""

    stream: StreamId
    offset: int
    length: int | None
    declared: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """A second version of the bytes from *offset* on differs from the first, which was kept."""

    stream: StreamId
    offset: int
    length: int


Piece = bytes | Hole | Conflict


class OutputFolder:
    """Takes events in the order of reading; gives out pieces of output."""

    def __init__(
        self,
        *,
        begin_anywhere: bool = False,
        remembered_bytes: int = REMEMBERED_BYTES,
        kept: Kept = Kept.ALL,
    ) -> None:
        """
        Args:
            begin_anywhere: what is before the first output seen is not asked for.
            kept: whether output that is missing is a flaw.
        """
        self.stream = NO_STREAM  # in force
        self.end: int | None = None if begin_anywhere else 0  # of what was given out; None: anywhere
        self._limit = remembered_bytes
        self._begin_anywhere = begin_anywhere
        self._is_honest = kept is Kept.FOLLOWED  # what is missing was never fetched
        self._reached = 0  # how far the stream in force was at the newest keyframe that is here
        self._ends: dict[StreamId, int | None] = {}
        self._recent: deque[bytes] = deque()  # the bytes before `end`, without a hole
        self._recent_bytes = 0
        self._held: list[Output] = []  # beyond a hole, by offset
        self._held_bytes = 0

    def fold(self, event: Event) -> Iterator[Piece]:
        match event:
            case Opened(stream=stream):
                yield from self._change(stream)
            case Keyframe(stream=stream, offset=offset) if stream is not None:
                if self._is_honest and self.stream == NO_STREAM:
                    self.stream = (
                        stream  # of what was fetched before it, too: another one would have been opened
                    )
                yield from self._change(stream)
                self._reached = max(self._reached, offset)
            case Output():
                yield from self._output(event)
            case Gap(offset=offset, length=length):
                yield from self._gap(offset, length)
            case _:
                return

    def finish(self) -> Iterator[Piece]:
        """Give out what was held back; no more of the stream in force comes."""
        yield from self._release()
        if self._is_honest and self.end is not None and self.end < self._reached:
            yield Hole(self.stream, self.end, self._reached - self.end, declared=True)
            self._jump(self._reached)

    def _release(self) -> Iterator[Piece]:
        """Give out what was held back."""
        held, self._held, self._held_bytes = self._held, [], 0
        for output in held:
            if self.end is not None and output.offset > self.end:
                yield Hole(self.stream, self.end, output.offset - self.end, declared=self._is_honest)
                self._jump(output.offset)
            yield from self._join(output)

    def end_of(self, stream: StreamId) -> int | None:
        """Behind the last byte of *stream* that was given out; None: it is not known where that is."""
        return self.end if stream == self.stream else self._ends.get(stream, 0)

    def _change(self, stream: StreamId) -> Iterator[Piece]:
        if stream == self.stream:
            return
        yield from self.finish()
        self._ends[self.stream] = self.end
        self.stream, self._reached = stream, 0
        self._jump(self._ends.get(stream, None if self._begin_anywhere else 0))

    def _output(self, output: Output) -> Iterator[Piece]:
        if self.end is None:
            self._jump(output.offset)
        assert self.end is not None
        if output.offset > self.end:
            self._hold(output)
            if self._held_bytes > self._limit:
                yield from self._release()
            return
        yield from self._join(output)
        while self._held and self._held[0].offset <= self.end:
            held = self._held.pop(0)
            self._held_bytes -= len(held.data)
            yield from self._join(held)

    def _hold(self, output: Output) -> None:
        insort(self._held, output, key=attrgetter("offset"))  # after its equals: what came first stays first
        self._held_bytes += len(output.data)

    def _gap(self, offset: int, length: int | None) -> Iterator[Piece]:
        yield from self._release()
        if self.end is not None and offset < self.end:
            # Repeated, or said of what another log has.
            if length is None or offset + length <= self.end:
                return
            length -= self.end - offset
            offset = self.end
        if self.end is not None and offset > self.end:
            yield Hole(self.stream, self.end, offset - self.end, declared=self._is_honest)
        yield Hole(self.stream, offset, length, declared=True)
        self._jump(None if length is None else offset + length)

    def _join(self, output: Output) -> Iterator[Piece]:
        """Give out the part of *output*, which begins at `end` or before, that is new."""
        assert self.end is not None
        known = min(self.end - output.offset, len(output.data))
        if known and self._remembered(output.offset, known) != output.data[:known]:
            yield Conflict(self.stream, output.offset, known)
        if known == len(output.data):
            return
        fresh = output.data[known:]
        self.end += len(fresh)
        self._recent.append(fresh)
        self._recent_bytes += len(fresh)
        while self._recent_bytes - len(self._recent[0]) >= self._limit:
            self._recent_bytes -= len(self._recent.popleft())
        yield fresh

    def _remembered(self, offset: int, length: int) -> bytes:
        """The *length* bytes from *offset* on that were given out; fewer if that is too long ago."""
        assert self.end is not None
        base = self.end - self._recent_bytes
        if offset < base:
            return b""
        parts = []
        for part in self._recent:
            low, high = max(offset, base), min(offset + length, base + len(part))
            if low < high:
                parts.append(part[low - base : high - base])
            base += len(part)
        return b"".join(parts)

    def _jump(self, end: int | None) -> None:
        self.end = end
        self._recent.clear()
        self._recent_bytes = 0
