"""Backlog: what a terminal printed and is not folded yet, in its order.

    output, questions, sizes ─► joined to slices ─► taken one by one

Invariant: no slice is larger than SLICE_BYTES, so that reading one through keeps nobody waiting for long.
"""

from collections import deque
from typing import Final

from cctm.screen.queries import Query

SLICE_BYTES: Final = 128 * 1024
ITEM_BYTES: Final = 256  # what a question or a size takes at least

Size = tuple[int, int]
Piece = bytes | Query | Size


class Backlog:
    """Pieces that wait."""

    def __init__(self) -> None:
        self._waiting: deque[bytearray | Query | Size] = deque()
        self.kept_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def append(self, piece: Piece) -> None:
        """Add what came behind all the rest."""
        if not isinstance(piece, bytes):
            self._waiting.append(piece)
        else:
            for start in range(0, len(piece), SLICE_BYTES):
                self._join(piece[start : start + SLICE_BYTES])
        self.kept_bytes += _size(piece)

    def _join(self, data: bytes) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, bytearray) and len(last) + len(data) <= SLICE_BYTES:
            last += data
        else:
            self._waiting.append(bytearray(data))

    def popleft(self) -> Piece:
        """Take the next."""
        first = self._waiting.popleft()
        piece = bytes(first) if isinstance(first, bytearray) else first
        self.kept_bytes -= _size(piece)
        return piece


def _size(piece: Piece) -> int:
    if isinstance(piece, bytes):
        return len(piece)
    return ITEM_BYTES + (len(piece.raw) if isinstance(piece, Query) else 0)
