"""The outer PTY: the bench in the place of a terminal emulator.

    bench ── master ═ slave ── client (tmux, cctm, …) ── its server ── inner PTY ── program

The slave is as a terminal emulator hands it out: 80x24, line mode, echo on; a client makes it raw by itself. The
bench reads the master whenever it waits, and answers no query. Times are nanoseconds of the monotonic clock.
"""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from bench.errors import Ended, TimedOut

COLS, ROWS = 80, 24
TAIL_BYTES = 4096
# A marker that a client draws in two steps has cursor or colour sequences inside it; they are looked through
# only once the terminal is quiet, because doing so on each read would cost more than the read.
QUIET_S = 0.005
ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^-~])")


class Outer:
    """A program on a PTY of ours. Use as a context manager: leaving it ends the program."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.fd, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLS, 0, 0))
        name = os.ttyname(slave)
        self._tail = b""
        self.spawned_ns = time.perf_counter_ns()
        # posix_spawn, not fork: a fork's cost grows with this process and would be in every figure. A session
        # leader that opens a terminal gets it as its controlling one.
        self.pid = os.posix_spawnp(
            argv[0],
            argv,
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, name, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE],
        )
        os.close(slave)
        self._reaped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def _read(self) -> bytes:
        """What is there, at least a byte.

        Raises:
            Ended: the program closed its terminal.
        """
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody holds the slave any more
            data = b""
        if not data:
            raise Ended(self._last_words())
        return data

    def _last_words(self) -> str:
        text = ESCAPES.sub(b"", self._tail).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:COLS] if lines else ""

    def key_ns(self, key: bytes, timeout_s: float = 5.0) -> int:
        """Type *key*; the time until it is read back."""
        start = time.perf_counter_ns()
        os.write(self.fd, key)
        while select.select([self.fd], [], [], timeout_s)[0]:
            data = self._read()
            now = time.perf_counter_ns()
            if key in data:
                return now - start
        raise TimedOut("echo", timeout_s)

    def rest(self, seconds: float) -> None:
        """Let *seconds* pass, reading what comes."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                self._tail = (self._tail + self._read())[-TAIL_BYTES:]

    def wait_for(self, marker: bytes, timeout_s: float) -> int:
        """Read until *marker* was printed; the clock at the read that completed it."""
        tail, last_ns = b"", time.perf_counter_ns()
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline:
            if select.select([self.fd], [], [], QUIET_S)[0]:
                data = self._read()
                last_ns = time.perf_counter_ns()
                tail = tail[-TAIL_BYTES:] + data
                self._tail = tail[-TAIL_BYTES:]
                found = marker in tail
            else:
                found = marker in ESCAPES.sub(b"", tail)
            if found:
                return last_ns
        raise TimedOut(marker.decode(errors="replace"), timeout_s)

    def wait_end(self, timeout_s: float) -> None:
        """Read until the program has ended."""
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline:
            if self._reap():
                return
            try:
                self.rest(0.001)
            except Ended:
                time.sleep(0.001)
        raise TimedOut("end of the client", timeout_s)

    def _reap(self) -> bool:
        if not self._reaped:
            self._reaped = os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        return self._reaped

    def close(self) -> None:
        """Hang up, as closing a terminal window does; end the program if that does not."""
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        for _ in range(200):
            if self._reap():
                return
            time.sleep(0.01)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._reaped = True
