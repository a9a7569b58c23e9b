"""The clocks: one that never goes backwards, also across a suspend, and the one on the wall."""

import time


class Clock:
    """Microseconds. A class, so that tests can make time jump."""

    # macOS has no CLOCK_BOOTTIME; its CLOCK_MONOTONIC counts suspend, Linux's does not.
    _CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

    def now_us(self) -> int:
        """Since some moment before the start; counts suspend."""
        return time.clock_gettime_ns(self._CLOCK) // 1000

    def wall_us(self) -> int:
        """Since the Unix epoch, UTC; may jump."""
        return time.time_ns() // 1000
