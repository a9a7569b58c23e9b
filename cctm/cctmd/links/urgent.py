"""What the host says beside its logs: live messages, and the newest access list. It overtakes records.

Invariants: `live` and `access` never wait. Of live messages the newest stay: 256 of them, or 256 KiB; one that is late
is worth nothing. An access list follows the live messages that were said before it: who is removed hears why.
"""

from collections import deque
from typing import Final

import trio

from cctm.protocol.sync.messages import Access, Live
from cctm.protocol.tables import Message

MOST_MESSAGES: Final = 256
MOST_BYTES: Final = 256 * 1024


class Urgent:
    """One connection's, and what outlives it."""

    def __init__(self) -> None:
        self._live: deque[Live] = deque()
        self._live_bytes = 0
        self._before_access = 0  # how many of them the access list lets pass
        self._signed: bytes | None = None
        self.version = 0  # of the newest access list
        self._is_owing = False
        self._wake = trio.Event()

    @property
    def is_empty(self) -> bool:
        return not self._live and not self._is_owing

    async def wait(self) -> None:
        """Until there may be something to say."""
        await self._wake.wait()
        self._wake = trio.Event()

    def wake(self) -> None:
        """There is something to say."""
        self._wake.set()

    def live(self, message: Live) -> None:
        """Say *message*, if it can be said soon."""
        self._live.append(message)
        self._live_bytes += len(message.data)
        while len(self._live) > MOST_MESSAGES or self._live_bytes > MOST_BYTES:
            self._pop()
        self.wake()

    def access(self, signed: bytes, version: int) -> None:
        """From now on this list is in force; an older one is not sent any more."""
        self._signed, self.version = signed, version
        self._is_owing = True
        self._before_access = len(self._live)
        self.wake()

    def begin(self, known_version: int) -> None:
        """A connection is open, behind which the access list of *known_version* is in force."""
        self._live.clear()
        self._live_bytes = self._before_access = 0
        self._is_owing = self._signed is not None and known_version != self.version
        self.wake()

    def next(self) -> Message | None:
        """What is said next; None: nothing."""
        if self._is_owing and self._before_access == 0:
            assert self._signed is not None
            self._is_owing = False
            return Access(self._signed)
        return self._pop() if self._live else None

    def _pop(self) -> Live:
        message = self._live.popleft()
        self._live_bytes -= len(message.data)
        self._before_access = max(0, self._before_access - 1)
        return message
