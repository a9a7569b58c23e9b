"""The user's own terminal: raw while a session is attached, as it was afterwards."""

import contextlib
import errno
import fcntl
import os
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from typing import Final

from cctm.cli.errors import UserError

DEFAULT_SIZE: Final = (80, 24)
STDIN: Final = 0
STDOUT: Final = 1


def size() -> tuple[int, int]:
    """Columns and rows of the terminal at stdout, stdin or stderr; 80×24 where there is none or it does not know."""
    for descriptor in (STDOUT, STDIN, 2):
        with contextlib.suppress(OSError):
            rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8)))
            if rows and cols:
                return cols, rows
    return DEFAULT_SIZE


def require() -> None:
    """Refuse to go on unless keyboard and screen are a terminal."""
    if not (os.isatty(STDIN) and os.isatty(STDOUT)):
        raise UserError(
            "Attaching needs a terminal, and this is not one.",
            "Use `cctm new -d` to open a terminal without attaching.",
        )


@contextlib.contextmanager
def raw() -> Iterator[None]:
    """Keys come one by one and unchanged, output goes unchanged; undone on the way out."""
    before = termios.tcgetattr(STDIN)
    tty.setraw(STDIN, termios.TCSANOW)
    try:
        yield
    finally:
        # DRAIN, not FLUSH: what the user typed ahead belongs to the shell now.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(STDIN, termios.TCSADRAIN, before)


def write(data: bytes) -> None:
    """Write all of *data* to the screen, waiting as long as it takes; to a window that was closed, nothing."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(STDOUT, view) :]
        except OSError as error:
            if error.errno == errno.EIO:
                return  # the keyboard ends too, which ends the session
            raise


def say(text: str) -> None:
    """A line for the person, beside the program's output; in a window that was closed, for nobody."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
