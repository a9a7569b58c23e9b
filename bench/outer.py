"""The outer PTY: the bench in the place of a terminal emulator.

    bench ── master ═ slave ── client (tmux, cctm, …) ── its server ── inner PTY ── program

The slave is as a terminal emulator hands it out: 80x24, line mode, echo on; a client makes it raw by itself.
The bench reads the master whenever it waits, and answers no query.
"""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from bench.errors import EndedError, LateError

COLS, ROWS = 80, 24
TAIL_BYTES = 4096
READ_BYTES = 65536
ECHO_TIMEOUT_S = 5.0
# A marker that a client draws in two steps has cursor or colour sequences inside it; they are looked through
# only once the terminal is quiet, because doing so on each read would cost more than the read.
QUIET_S = 0.005
ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^-~])")


def round_trip_ns(write_to: int, read_from: int, key: bytes) -> int:
    """Write *key*; the time until it is among what is read."""
    start = time.perf_counter_ns()
    os.write(write_to, key)
    while select.select([read_from], [], [], ECHO_TIMEOUT_S)[0]:
        data = os.read(read_from, READ_BYTES)
        now = time.perf_counter_ns()
        if key in data:
            return now - start
    raise LateError("echo", ECHO_TIMEOUT_S)


class Loopback:
    """A pipe in the place of a terminal: a key's time here is what the bench itself takes."""

    def __init__(self) -> None:
        self._read_from, self._write_to = os.pipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._read_from)
        os.close(self._write_to)

    def key_ns(self, key: bytes) -> int:
        return round_trip_ns(self._write_to, self._read_from, key)


class Outer:
    """A program on a PTY of ours. Use as a context manager: leaving it ends the program."""

    def __init__(self, argv: list[str], env: Mapping[str, str]) -> None:
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
        os.set_blocking(self.fd, False)
        self._reaped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def _read(self, timeout_s: float) -> bytes:
        """What is there; empty if nothing comes.

        Raises:
            EndedError: the program closed its terminal.
        """
        # In a flood there is always something to read: asking first would double the system calls.
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            if not select.select([self.fd], [], [], timeout_s)[0]:
                return b""
            return self._read(0.0)
        except OSError:  # EIO: nobody holds the slave any more
            data = b""
        if not data:
            raise EndedError(self._last_words())
        return data

    def _last_words(self) -> str:
        text = ESCAPES.sub(b"", self._tail).decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:COLS] if lines else ""

    def key_ns(self, key: bytes) -> int:
        """Type *key*; the time until it is read back."""
        try:
            return round_trip_ns(self.fd, self.fd, key)
        except OSError:  # EIO: nobody holds the slave any more
            raise EndedError(self._last_words()) from None

    def rest(self, seconds: float) -> None:
        """Let *seconds* pass, reading what comes."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if data := self._read(left):
                self._tail = (self._tail + data)[-TAIL_BYTES:]

    def wait_for(self, marker: bytes, timeout_s: float) -> int:
        """Read until *marker* was printed; the clock at the read that completed it."""
        tail, last_ns = b"", time.perf_counter_ns()
        deadline_ns = last_ns + int(timeout_s * 1e9)
        now_ns = last_ns
        while now_ns < deadline_ns:
            data = self._read(QUIET_S)
            now_ns = time.perf_counter_ns()
            if data:
                last_ns = now_ns
                window = tail + data
                tail = window[-TAIL_BYTES:]
                found = marker in window
            else:
                self._tail = tail
                found = marker in ESCAPES.sub(b"", tail)
            if found:
                self._tail = tail
                return last_ns
        raise LateError(marker.decode(errors="replace"), timeout_s)

    def wait_end(self, timeout_s: float) -> None:
        """Read until the program has ended."""
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline:
            if self._reap():
                return
            try:
                self.rest(0.001)
            except EndedError:
                time.sleep(0.001)
        raise LateError("end of the client", timeout_s)

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
