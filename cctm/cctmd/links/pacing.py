"""How much of what a relay passes on is looked at: a flood costs the relay its turn, not the terminals theirs.

    a message ─► counted: a thousand a second           ─┐
              └► what it cost, in time of the processor ─┴► the next one lies until both are made up for

Each live message costs the daemon a signature. 900 guests that hail, and some that type, are below a thousand a second.
What a host's entries cost depends on what is in them: of the time of the daemon, one relay gets half at most.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from cctm.protocol.tables import Message

PER_SECOND: Final = 1_000.0
AT_ONCE: Final = 2_000.0
SHARE: Final = 0.5
AT_ONCE_S: Final = 0.5  # what a first screen costs is far below


class Pace:
    """One connection's."""

    def __init__(self, now_s: float) -> None:
        self._left = AT_ONCE
        self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """How long to leave the next message lying, after one that came now."""
        self._left = min(AT_ONCE, self._left + (now_s - self._at_s) * PER_SECOND) - 1
        self._at_s = now_s
        return max(0.0, -self._left / PER_SECOND)


class Turn:
    """One connection's, of the daemon's time."""

    def __init__(self, now_s: float) -> None:
        self._left_s = AT_ONCE_S
        self._at_s = now_s

    def wait_s(self, now_s: float, spent_s: float) -> float:
        """How long to leave the next message lying, after one that cost *spent_s*."""
        self._left_s = min(AT_ONCE_S, self._left_s + (now_s - self._at_s) * SHARE) - spent_s
        self._at_s = now_s
        return max(0.0, -self._left_s / SHARE)


class Paced:
    """What one connection brings, no faster than it may. While a message lies, nothing is read behind it: the relay
    waits, and nothing is heaped up here.
    """

    def __init__(self, receive: Callable[[], Awaitable[Message]], processor_s: Callable[[], float]) -> None:
        """
        Args:
            receive: the next message of the connection.
            processor_s: how much of the processor this thread had so far.
        """
        self._receive = receive
        self._processor_s = processor_s
        self._pace: Pace | None = None
        self._turn: Turn | None = None
        self._since_s = 0.0

    async def receive(self) -> Message:
        """The next message. What is done until this is called again, without waiting, is what the last one cost."""
        now_s = trio.current_time()
        if self._pace is None or self._turn is None:
            self._pace, self._turn = Pace(now_s), Turn(now_s)
        else:
            spent_s = self._processor_s() - self._since_s
            await trio.sleep(max(self._pace.wait_s(now_s), self._turn.wait_s(now_s, spent_s)))
        message = await self._receive()
        self._since_s = self._processor_s()
        return message
