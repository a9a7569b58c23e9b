"""Limits: how much of something there may be in a time. Pure; times are the caller's monotonic seconds.

    level ──── fills by rate a second, up to burst ────► taken from, also below nothing: then wait until it is back

What comes over an open connection is *delayed* (`take` says for how long): a host that uploads its history is as
welcome as one that types. New connections are *refused* (`may_take`): nobody waits for them.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

MOST_KEYS: Final = 100_000


@dataclass(slots=True)
class Bucket:
    """One allowance."""

    rate: float  # a second
    burst: float
    level: float = field(init=False)
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.burst

    def _fill(self, now_s: float) -> None:
        self.level = min(self.burst, self.level + self.rate * max(0.0, now_s - self.at_s))
        self.at_s = now_s

    def take(self, cost: float, now_s: float) -> float:
        """Take *cost* at any rate; how many seconds to wait before taking more."""
        self._fill(now_s)
        self.level -= cost
        return max(0.0, -self.level / self.rate)

    def may_take(self, cost: float, now_s: float) -> bool:
        """Take *cost* if there is as much; whether there was."""
        self._fill(now_s)
        if self.level < cost:
            return False
        self.level -= cost
        return True


class Buckets:
    """An allowance for each key. The longest unused are forgotten: they are full again, or the keys a flood."""

    def __init__(self, rate: float, burst: float, most_keys: int = MOST_KEYS) -> None:
        self._rate = rate
        self._burst = burst
        self._most_keys = most_keys
        self._of: OrderedDict[object, Bucket] = OrderedDict()

    def of(self, key: object) -> Bucket:
        """The bucket of *key*."""
        bucket = self._of.get(key)
        if bucket is None:
            bucket = self._of[key] = Bucket(self._rate, self._burst)
            if len(self._of) > self._most_keys:
                self._of.popitem(last=False)
        self._of.move_to_end(key)
        return bucket
