"""Allowance: how much of something there may be in a time. Pure; times are the caller's microseconds.

level ──── fills by rate a second, up to burst ────► taken from, if there is as much
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Allowance:
    """So much a second, and so much at once."""

    rate: float
    burst: float
    level: float = field(init=False)
    at_us: int = 0

    def __post_init__(self) -> None:
        self.level = self.burst

    def may_take(self, cost: float, now_us: int) -> bool:
        """Take *cost* if there is as much; whether there was."""
        self.level = min(self.burst, self.level + self.rate * max(0, now_us - self.at_us) / 1_000_000)
        self.at_us = now_us
        if self.level < cost:
            return False
        self.level -= cost
        return True

    def ready_us(self, cost: float) -> int:
        """When there will be as much."""
        missing = max(0.0, min(cost, self.burst) - self.level)
        return self.at_us + int(missing * 1_000_000 / self.rate) + 1
