"""Frames: one driver's input as it goes out, and what became of it (SPEC.md §16.6).

    queued ──► sent(k, k+1, …) ──► ran (the host says how many)
                     └── or the session died: so many bytes did not run

**Invariant**: each byte that was typed is told to have run, or told to be lost, once.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from cctm.protocol.live.allowance import Allowance
from cctm.protocol.live.hailing import Asked
from cctm.protocol.live.words import MAX_INPUT_BYTES

# Half of what the host takes, so that no honest driver is ever above it.
FRAMES: Final = 200  # a second
BYTES: Final = 128 * 1024  # a second
MOST_QUEUED_BYTES: Final = 256 * 1024


@dataclass(slots=True)
class Frames:
    """One session, as its driver sees it."""

    id: bytes
    ran: int = 0
    _sizes: deque[int] = field(default_factory=deque)  # of the frames that were sent and did not run yet

    @property
    def next(self) -> int:
        """The number of the next frame."""
        return self.ran + len(self._sizes)

    @property
    def unsure_bytes(self) -> int:
        """How much was sent of which nobody said yet that it ran."""
        return sum(self._sizes)

    def sent(self, size: int) -> int:
        """Count a frame with *size* bytes of input; its number."""
        k = self.next
        self._sizes.append(size)
        return k

    def confirm(self, ran: int) -> None:
        """So many frames ran. An older number changes nothing; more than was sent is all."""
        while self._sizes and self.ran < ran:
            self._sizes.popleft()
            self.ran += 1

    def went_astray(self, session: bytes, asked: Asked) -> bool:
        """Whether the host, which names *session* in its answer to *asked*, forgot ours, or lost a frame of it."""
        return session != self.id or self.ran < asked.frames


class Queue:
    """What was typed and not sent yet: at once, unless it is too much at once."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._frames = Allowance(FRAMES, FRAMES / 4)
        self._bytes = Allowance(BYTES, BYTES / 2)

    def __len__(self) -> int:
        return len(self._data)

    def put(self, data: bytes) -> bool:
        """Whether there was room for it."""
        if len(self._data) + len(data) > MOST_QUEUED_BYTES:
            return False
        self._data += data
        return True

    def take(self, now_us: int) -> bytes:
        """The next frame's data; nothing, if none may be sent yet."""
        data = bytes(self._data[:MAX_INPUT_BYTES])
        if not data or not self._frames.may_take(1, now_us) or not self._bytes.may_take(len(data), now_us):
            return b""
        del self._data[: len(data)]
        return data

    def clear(self) -> int:
        """Forget it; how much that was."""
        size = len(self._data)
        self._data.clear()
        return size

    @property
    def ready_us(self) -> int:
        """When the next frame may be sent."""
        size = min(len(self._data), MAX_INPUT_BYTES)
        return max(self._frames.ready_us(1), self._bytes.ready_us(size))
