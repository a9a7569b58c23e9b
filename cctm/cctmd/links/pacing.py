"""How much of what a relay passes on is looked at: a flood costs the relay its turn, not the terminals theirs.

Each live message costs the daemon a signature. 900 guests that hail, and some that type, are below a thousand a second.
"""

from typing import Final

PER_SECOND: Final = 1_000.0
AT_ONCE: Final = 2_000.0


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
