"""The keeper's log, which nobody looks after for months: a descriptor, as a rule of a file.

**Invariants**

- The file stays below `MAX_BYTES` and a line, as far as the keeper writes it. It is emptied in place, since
  the daemon appends to the same file.
- Of equal lines at most `BURST` are written in `PERIOD_S`; how many were left out is told with the next.
- A log that cannot be written disturbs nobody.
"""

import os
import stat
import time
from typing import Final

MAX_BYTES: Final = 1024 * 1024
BURST: Final = 5
PERIOD_S: Final = 10.0
_TEXTS: Final = 64  # remembered at once


class Repeats:
    """How often each text was said lately. Time comes in as seconds of a monotonic clock."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[str, tuple[float, int]] = {}

    def admit(self, text: str, now: float) -> int | None:
        """How many times *text* was left out before this; None: leave it out now."""
        begun, count = self._said.pop(text, (now, 0))
        left_out = 0
        if now - begun >= PERIOD_S:
            left_out = max(0, count - BURST)
            begun, count = now, 0
        elif len(self._said) >= _TEXTS:
            del self._said[next(iter(self._said))]
        self._said[text] = (begun, count + 1)
        return None if count >= BURST else left_out


class Log:
    __slots__ = ("_descriptor", "_repeats")

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._repeats = Repeats()

    def admit(self, text: str) -> int | None:
        """Make room for *text*, unless it was said too often: None. Otherwise how often it was left out."""
        left_out = self._repeats.admit(text, time.monotonic())
        if left_out is not None:
            self._make_room()
        return left_out

    def line(self, text: str) -> None:
        left_out = self.admit(text)
        if left_out is not None:
            self._write(f"{text} (and {left_out} more like this before)" if left_out else text)

    def _make_room(self) -> None:
        try:
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size < MAX_BYTES:
                return
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        except OSError:
            return
        self._write("the log was full and begins again")

    def _write(self, text: str) -> None:
        line = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) + f" keeper {os.getpid()}: {text}\n"
        try:
            os.write(self._descriptor, line.encode("utf-8", "backslashreplace"))
        except OSError:  # a full disk must not end the shells
            return
