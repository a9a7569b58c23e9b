"""Pacing: a flood rests while somebody works in another terminal (SPEC.md §7.2). No system calls.

A program that prints without end keeps itself, the keeper and the daemon busy. On a machine with few processors each
hand-over of a key, and of its echo, then waits for one of them: measured with two, 15 to 20 ms at the 99th
percentile; and the daemon, which folds what is printed at some 10 to 30 MB/s, has the key's echo wait behind all
that it was sent before. A flood that is read at 6 MB/s leaves time to spare, and is still about as
fast as it is through other multiplexers.

    little output of A  ─► for 250 ms, whoever but A prints 64 KiB within 4 ms rests until that is 6 MB/s

Nobody rests while only floods print, or only one terminal does.
"""

from typing import Final

from cctm.keeper.terminal import TURN_BYTES, Terminal

SPAN_S: Final = 0.004
FLOOD_BYTES: Final = TURN_BYTES  # in one span
LITTLE_BYTES: Final = 4096  # in one span: an echo, a prompt, a redrawn screen
PACE_BYTES_S: Final = 6_000_000
WORKS_FOR_S: Final = 0.25


class Pacing:
    __slots__ = ("_worked", "_worked_at")

    def __init__(self) -> None:
        self._worked: Terminal | None = None
        self._worked_at = 0.0

    def rests_until(self, terminal: Terminal, got: int, now: float) -> float | None:
        """*got* bytes were read of *terminal*: when to read on, if not at once."""
        if now - terminal.span_began >= SPAN_S:
            terminal.span_began = now
            terminal.span_bytes = 0
        terminal.span_bytes += got
        if terminal.span_bytes < LITTLE_BYTES:
            if got:
                self._worked, self._worked_at = terminal, now
            return None
        if (
            terminal.span_bytes < FLOOD_BYTES
            or self._worked is None
            or self._worked is terminal
            or now - self._worked_at >= WORKS_FOR_S
        ):
            return None
        return terminal.span_began + terminal.span_bytes / PACE_BYTES_S
