"""How much memory may be taken on the word of others. Pure.

TailMemory   the newest records of all logs together: the longest silent log gives up its own first
Allowance    what incomplete records take together: beyond it nobody begins another
"""

from collections import OrderedDict
from typing import Final

from cctm.relay.tail import Tail

MOST_TAIL_BYTES: Final = 256 * 1024 * 1024
MOST_JOINING_BYTES: Final = 256 * 1024 * 1024


class TailMemory:
    """What is stored of all tails, and in memory too, is at most *most_bytes*."""

    def __init__(self, most_bytes: int = MOST_TAIL_BYTES) -> None:
        self._most_bytes = most_bytes
        self._counted: OrderedDict[Tail, int] = OrderedDict()
        self._total = 0

    def note(self, tail: Tail) -> None:
        """*tail* has changed."""
        self.forget(tail)
        self._counted[tail] = tail.held_bytes
        self._total += tail.held_bytes
        while self._total > self._most_bytes:
            silent = next(iter(self._counted))
            silent.give_up()
            self.forget(silent)  # what is not stored is counted again when it is

    def forget(self, tail: Tail) -> None:
        """*tail* is no longer in use."""
        self._total -= self._counted.pop(tail, 0)


class Allowance:
    """An amount that many share."""

    def __init__(self, most: int = MOST_JOINING_BYTES) -> None:
        self._left = most

    def take(self, change: int) -> bool:
        """Take *change* (give back, if negative). False: there is not as much left; it is taken all the same."""
        self._left -= change
        return change <= 0 or self._left >= 0
