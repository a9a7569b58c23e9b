"""Signals that concern a session, as bytes on a descriptor: so they are met where everything else is waited for."""

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Final

LEAVING: Final = frozenset({signal.SIGHUP, signal.SIGTERM})


@contextlib.contextmanager
def signals_as_bytes() -> Iterator[int]:
    """SIGWINCH, SIGHUP and SIGTERM arrive as their numbers on the descriptor that this yields."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    numbers = (signal.SIGWINCH, *LEAVING)
    previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
    old_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old_wakeup)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
