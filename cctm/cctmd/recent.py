"""Recent: the latest output of one terminal, kept in memory for the clients that are attached.

    base      hole                end          offsets of the stream
     │◄──────┤      ├───────────►│             a hole: a question of the program, which is for no client

Invariants: end − base ≤ 2 × limit. Bytes leave at the front only. A hole is never read. Older output is read
from the archive.
"""

from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

ATTACHED_LIMIT: Final = 1024 * 1024
ALONE_LIMIT: Final = 64 * 1024
MAX_HOLES: Final = 4096  # a program that does nothing but ask keeps nothing


class Recent:
    """A window on the end of one stream."""

    __slots__ = ("_bytes", "_holes", "base", "limit")

    def __init__(self, base: int) -> None:
        self.base = base
        self.limit = ALONE_LIMIT
        self._bytes = bytearray()
        self._holes: deque[tuple[int, int]] = deque()  # from, to

    @property
    def end(self) -> int:
        return self.base + len(self._bytes)

    def append(self, data: bytes) -> None:
        """Add what was read; forget the oldest, in large steps, so that the cost is a copy per byte at most."""
        self._bytes += data
        if len(self._bytes) > 2 * self.limit:
            self.trim()

    def hide(self, data: bytes) -> None:
        """Add what is part of the stream, but for no client."""
        if len(self._holes) >= MAX_HOLES:
            self.restart(self.end)
        start = self.end
        if self._holes and self._holes[-1][1] == start:
            start, _ = self._holes.pop()
        self._holes.append((start, self.end + len(data)))
        self.append(data)

    def trim(self) -> None:
        """Forget all but `limit` bytes."""
        excess = len(self._bytes) - self.limit
        if excess > 0:
            del self._bytes[:excess]
            self.base += excess
            while self._holes and self._holes[0][1] <= self.base:
                self._holes.popleft()

    def prepend(self, earlier: bytes, holes: Sequence[tuple[int, int]] = ()) -> None:
        """Put the output that came just before `base` in front; *holes* are places in it that are for no client."""
        self._bytes[:0] = earlier
        self.base -= len(earlier)
        self._holes.extendleft((self.base + start, self.base + stop) for start, stop in reversed(holes))

    def restart(self, offset: int) -> None:
        """Forget everything: the stream goes on at *offset* after a gap."""
        self._bytes.clear()
        self._holes.clear()
        self.base = offset

    def read(self, offset: int, size: int) -> tuple[int, bytes]:
        """Up to *size* bytes from *offset* on, which must not lie before `base`, and where they really begin."""
        end = self.end
        # From the newest back: who keeps up has few before it.
        wanted = offset
        ahead = list(takewhile(lambda hole: hole[1] > wanted, reversed(self._holes)))
        for start, stop in reversed(ahead):
            if start <= offset:
                offset = stop
            else:
                end = start
                break
        at = offset - self.base
        with memoryview(self._bytes) as view:
            return offset, bytes(view[at : min(at + size, end - self.base)])

    def read_all(self) -> bytes:
        """Everything that is kept, without the holes."""
        parts = []
        offset = self.base
        while offset < self.end:
            offset, data = self.read(offset, self.end)
            parts.append(data)
            offset += len(data)
        return b"".join(parts)
