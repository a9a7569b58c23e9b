"""Recent: the latest output of one terminal, kept in memory for the clients that are attached.

    base                          end          offsets of the stream
     │◄──────── kept ─────────────►│

Invariants: end − base ≤ 2 × limit. Bytes leave at the front only. Older output is read from the archive.
"""

from typing import Final

ATTACHED_LIMIT: Final = 1024 * 1024
ALONE_LIMIT: Final = 64 * 1024


class Recent:
    """A window on the end of one stream."""

    __slots__ = ("_bytes", "base", "limit")

    def __init__(self, base: int) -> None:
        self.base = base
        self.limit = ALONE_LIMIT
        self._bytes = bytearray()

    @property
    def end(self) -> int:
        return self.base + len(self._bytes)

    def append(self, data: bytes) -> None:
        """Add what was read; forget the oldest, in large steps, so that the cost is a copy per byte at most."""
        self._bytes += data
        if len(self._bytes) > 2 * self.limit:
            self.trim()

    def trim(self) -> None:
        """Forget all but `limit` bytes."""
        excess = len(self._bytes) - self.limit
        if excess > 0:
            del self._bytes[:excess]
            self.base += excess

    def prepend(self, earlier: bytes) -> None:
        """Put the output that came just before `base` in front."""
        self._bytes[:0] = earlier
        self.base -= len(earlier)

    def restart(self, offset: int) -> None:
        """Forget everything: the stream goes on at *offset* after a gap."""
        self._bytes.clear()
        self.base = offset

    def read(self, offset: int, size: int) -> bytes:
        """Up to *size* bytes from *offset*, which must not lie before `base`."""
        at = offset - self.base
        with memoryview(self._bytes) as view:
            return bytes(view[at : at + size])
