"""What the kernel knows of a PTY: whose terminal it is, how large, and whether it echoes."""

import fcntl
import struct
import sys
import termios
from typing import Final

# Which Python's termios does not name.
_TIOCGSID: Final = 0x5429 if sys.platform == "linux" else 0x40047463


def session_leader(master: int) -> int | None:
    """The process whose terminal *master* is; None if there is none (yet, or any more)."""
    try:
        answer = fcntl.ioctl(master, _TIOCGSID, bytes(4))
    except OSError:
        return None
    return int.from_bytes(answer, sys.byteorder) or None


def set_window_size(master: int, cols: int, rows: int) -> None:
    """Tell the kernel, which tells the program."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def asks_for_password(master: int) -> bool:
    """Line mode without echo (SPEC.md §3.1)."""
    try:
        flags = termios.tcgetattr(master)[3]
    except (termios.error, OSError):
        return True
    return bool(flags & termios.ICANON) and not flags & termios.ECHO
