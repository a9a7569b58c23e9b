"""When to start the daemon (SPEC.md §7.3). Decides only; time comes in as seconds of a monotonic clock.

Whenever no daemon is connected and nobody said STOP, one is started: at once, then after 0.1, 0.2, 0.4 … 10 s
while it keeps failing within 5 s. One that served and left with status 0 was asked to: that is no failure, however
short its life.

**Invariants**

- A daemon that the keeper started and that lives is waited for: its end is reported (SIGCHLD), and a second
  one could only fail at the daemon's lock.
- One that was started by somebody else gets a grace of 5 s to come back when its connection is gone, for as
  long as it lives.
"""

from typing import Final

FIRST_DELAY_S: Final = 0.1
LAST_DELAY_S: Final = 10.0
FAILED_WITHIN_S: Final = 5.0
GRACE_S: Final = 5.0
LOOK_S: Final = 0.1  # how often to see whether a foreign daemon still lives


class Supervision:
    __slots__ = (
        "child",
        "connected",
        "failures",
        "foreign",
        "grace_until",
        "not_before",
        "served",
        "started_at",
        "wanted",
    )

    def __init__(self, now: float) -> None:
        self.wanted = True
        self.connected = False
        self.child: int | None = None  # the daemon that we started and have not reaped
        self.foreign: int | None = None  # one that we did not start and whose connection is gone
        self.served = False  # whether `child` has been connected
        self.failures = 0
        self.started_at = now
        self.not_before = now
        self.grace_until = now

    def is_due(self, now: float) -> bool:
        return self._may_start and now >= max(self.not_before, self.grace_until if self.foreign else now)

    def wake_at(self, now: float) -> float | None:
        """When to ask again, if nothing else happens before."""
        if not self._may_start:
            return None
        if self.foreign:
            return max(self.not_before, min(now + LOOK_S, self.grace_until))
        return self.not_before

    @property
    def _may_start(self) -> bool:
        return self.wanted and not self.connected and self.child is None

    def started(self, pid: int, now: float) -> None:
        self.child = pid
        self.served = False
        self.foreign = None
        self.started_at = now

    def could_not_start(self, now: float) -> None:
        self.started_at = now
        self._failed(now)

    def left(self, now: float) -> None:
        """Our daemon has ended with status 0: the next one is due at once, or it would do this for ever."""
        if self.served:
            self.child = None
            self.failures = 0
            self.not_before = now
        else:
            self.reaped(now)

    def reaped(self, now: float) -> None:
        """Our daemon has ended."""
        self.child = None
        if now - self.started_at < FAILED_WITHIN_S:
            self._failed(now)
        else:
            self.failures = 0
            self.not_before = now

    def _failed(self, now: float) -> None:
        self.not_before = now + min(LAST_DELAY_S, FIRST_DELAY_S * 2**self.failures)
        self.failures = min(self.failures + 1, 16)

    def connection_made(self) -> None:
        self.connected = True
        self.served = self.child is not None
        self.foreign = None

    def connection_lost(self, pid: int | None, now: float) -> None:
        """The connection of the daemon with *pid* (None: it never said) is gone; perhaps it lives."""
        self.connected = False
        if pid is not None and pid != self.child:
            self.foreign = pid
            self.grace_until = now + GRACE_S

    def foreign_died(self) -> None:
        self.foreign = None

    def stop(self) -> None:
        self.wanted = False

    def ask(self, now: float) -> None:
        """Somebody wants a daemon now."""
        self.wanted = True
        self.failures = 0
        self.not_before = now
