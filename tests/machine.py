"""A machine for end-to-end tests: a home of its own, the real command, real terminals in front of it.

    with Machine(tmp_path) as machine:
        machine.run("new", "-d", "-n", "work", "--", "cat")
        with machine.open("attach", "work") as screen:
            screen.type(b"hello\r")
            screen.expect(b"hello")

Nothing here sleeps for a time and hopes: `expect` and `until` wait for a fact, and fail when it does not come.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cctm.cli.client import Client, try_connect
from cctm.cli.commands.ls import ask_rows, row_as_json
from cctm.cli.errors import UserError
from cctm.cli.words import DAY_S
from cctm.home import Home
from cctm.protocol.control import replies, requests

DEADLINE_S = 60.0
CCTM = (sys.executable, "-P", "-m", "cctm.cli")
# A program that prints the file that it is given, byte for byte.
PRINT = (
    "import os, sys, tty; tty.setraw(1); data = open(sys.argv[1], 'rb').read(); at = 0\n"
    "while at < len(data): at += os.write(1, data[at:])"
)


def until(fact: Callable[[], object], what: str = "", deadline_s: float = DEADLINE_S) -> object:
    """Wait until *fact* returns something true, and return that."""
    end = time.monotonic() + deadline_s
    pause_s = 0.005
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"did not come true: {what or fact}")
        select.select([], [], [], pause_s)
        pause_s = min(0.1, 1.3 * pause_s)  # who asks costs whom it waits for


class Screen:
    """A terminal with a program in it, as a terminal emulator has it: bytes go in and come out."""

    def __init__(
        self, argv: list[str], env: dict[str, str], cwd: str, cols: int = 80, rows: int = 24
    ) -> None:
        self.received = b""
        self._seen = 0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execve(argv[0], argv, env)
            finally:
                os._exit(127)
        self.resize(cols, rows)
        self.status: int | None = None

    def resize(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.master, data) :]

    def read(self, timeout_s: float) -> bool:
        """Take what comes within *timeout_s*; False if the program closed its terminal."""
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        self.received += data
        return bool(data)

    def expect(self, wanted: bytes, deadline_s: float = DEADLINE_S) -> bytes:
        """Wait for *wanted* behind what was expected before; what came up to its end."""
        end = time.monotonic() + deadline_s
        while True:
            at = self.received.find(wanted, self._seen)
            if at >= 0:
                part = self.received[self._seen : at + len(wanted)]
                self._seen = at + len(wanted)
                return part
            if time.monotonic() > end or not self.read(0.2):
                raise AssertionError(f"{wanted!r} did not come; there was {self.received[self._seen :]!r}")

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Read on until the program has ended; its exit status."""
        end = time.monotonic() + deadline_s
        while self.read(0.05) and time.monotonic() < end:
            continue
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise AssertionError("the program did not end")
            else:
                select.select([], [], [], 0.01)
        return self.status

    def close(self) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -signal.SIGKILL
        if self.master >= 0:
            os.close(self.master)

    def hang_up(self) -> int:
        """Close the window, and let the program go; its exit status."""
        os.close(self.master)
        self.master = -1
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        return self.status


class Machine:
    """One home, and whatever runs in it."""

    def __init__(
        self,
        place: Path,
        env: dict[str, str] | None = None,
        *,
        traced: bool = True,
        within: Sequence[str] = (),
    ) -> None:
        """
        Args:
            traced: False: without coverage in its processes, which makes them several times slower.
            within: a command that runs the command that follows it: in another network, say.
        """
        self.home = place / "home"
        self._command = (*within, *CCTM)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CCTM_", "TMUX"))}
        self.env = (
            kept | {"CCTM_HOME": str(self.home), "SHELL": "/bin/bash", "TERM": "xterm-256color"} | (env or {})
        )
        if not traced:
            self.env = without_coverage(self.env)
        self.cwd = place

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.env = without_coverage(self.env)
        self.run("daemon", "stop", "--all", check=False)
        try:
            until(lambda: not processes_of(self.home), "nothing is left behind")
        finally:
            for pid in processes_of(self.home):
                os.kill(pid, signal.SIGKILL)

    def run(
        self, *arguments: str, check: bool = True, timeout_s: float = DEADLINE_S, **more: object
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run the command without a terminal."""
        done = subprocess.run(
            [*self._command, *arguments],
            env=self.env,
            cwd=more.pop("cwd", self.cwd),
            stdin=more.pop("stdin", subprocess.DEVNULL),
            capture_output=True,
            timeout=timeout_s,
            check=False,
            **more,
        )
        if check:
            assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    @contextlib.contextmanager
    def open(self, *arguments: str, cols: int = 80, rows: int = 24) -> Iterator[Screen]:
        """Run the command in a terminal."""
        screen = Screen([*self._command, *arguments], self.env, str(self.cwd), cols, rows)
        try:
            yield screen
        finally:
            screen.close()

    def status(self) -> dict | None:
        """What the daemon says of itself; None: none answers."""
        with contextlib.suppress(UserError), self.asking() as client:
            return client and client.ask(requests.AskStatus(), replies.Status)._asdict()
        return None

    @contextlib.contextmanager
    def asking(self) -> Iterator[Client | None]:
        """A connection to the daemon if one answers.

        Facts are waited for by it: a command for each question would take a hundred times as long.
        """
        with try_connect(Home.locate(self.env)) or contextlib.nullcontext() as client:
            if client is not None:
                client.socket.settimeout(DEADLINE_S)
            yield client

    @property
    def daemon_pid(self) -> int:
        return (self.status() or {})["daemon_pid"]

    @property
    def keeper_pid(self) -> int:
        return (self.status() or {})["keeper_pid"]

    @contextlib.contextmanager
    def without_daemon(self) -> Iterator[None]:
        """Inside, nobody answers: the daemon was killed, and the keeper, which would start another, stands still."""
        status = self.status() or {}
        os.kill(status["keeper_pid"], signal.SIGSTOP)
        try:
            os.kill(status["daemon_pid"], signal.SIGKILL)
            yield
        finally:
            os.kill(status["keeper_pid"], signal.SIGCONT)

    def terminals(self, *options: str) -> dict[str, dict]:
        """The terminals by name."""
        return {row["name"]: row for row in self.rows(*options)}

    def rows(self, *options: str) -> list[dict]:
        """The terminals in the order of the listing, as `ls --json` has them; several may have one name."""
        if options in {(), ("-a",)}:
            since_us = 0 if options else int((time.time() - DAY_S) * 1e6)
            with contextlib.suppress(UserError), self.asking() as client:
                if client is not None:
                    return [row_as_json(row) for row in ask_rows(client, requests.List(since_us))]
        return json.loads(self.run("ls", "--json", *options).stdout)

    def export(self, name: str) -> bytes:
        """All that the terminal printed."""
        return self.run("export", name, "-f", "raw").stdout

    def files(self) -> list[Path]:
        return [path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink()]


def without_coverage(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is not traced."""
    return {name: value for name, value in env.items() if not name.startswith("COVERAGE_")}


def processes_of(home: Path) -> list[int]:
    """Daemons and keepers of the home."""
    mark = f"CCTM_HOME={home}\0".encode()
    return [pid for pid in _pids() if is_ours(pid) and mark in _read(pid, "environ") + b"\0"]


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def is_ours(pid: int) -> bool:
    """Whether *pid* is a daemon or keeper of cctm."""
    return any(part in {b"cctm.cctmd", b"cctm.keeper"} for part in _read(pid, "cmdline").split(b"\0"))


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
