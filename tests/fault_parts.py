"""A terminal that is shared while everything around it fails: what runs in it, who types into it, and what must be so
afterwards."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from cctm.cli.errors import UserError
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import VERSION, FrameReader, encode_message
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice, save_choice
from cctm.screen.fold import Fold
from machine import CCTM, DEADLINE_S, Machine, alive, until, without_coverage

# Prints numbered lines at a known rate until told that it is enough, and writes down what it reads as it comes.
FLOOD = """
import os, select, sys, time, tty
place, per_second = sys.argv[1], int(sys.argv[2])
tty.setraw(0)
read = os.open(place + "/read", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
start, written, count, rest = time.monotonic(), 0, 0, b""
os.set_blocking(1, False)
while rest or not os.path.exists(place + "/enough"):
    ready, _, _ = select.select([0], [], [], 0.002)
    if ready:
        os.write(read, os.read(0, 65536))
    if written > (time.monotonic() - start) * per_second:
        continue
    if not rest:
        rest = b"".join(b"%08d %s\\r\\n" % (n, bytes((65 + n % 26,)) * 40) for n in range(count, count + 10))
        count += 10
    try:
        size = os.write(1, rest)
    except BlockingIOError:
        continue
    written += size
    rest = rest[size:]
os.set_blocking(1, True)
os.write(1, b"that was all")
open(place + "/count", "w").write(str(count))
while not os.path.exists(place + "/end"):
    time.sleep(0.02)
"""
TOKEN = b"%06d;"
_LOSS = re.compile(r"Not typed|did not take|may not have taken")


def printed(lines: int) -> bytes:
    return b"".join(b"%08d %s\r\n" % (n, bytes((65 + n % 26,)) * 40) for n in range(lines)) + b"that was all"


class Relay:
    """`cctm relay serve` that is killed, and comes back at its address."""

    def __init__(
        self, place: Path, host: str = "127.0.0.1", within: Sequence[str] = (), *options: str
    ) -> None:
        self.store = place / "relay.sqlite"
        self.journal = place / "relay.jsonl"
        self._within = within
        self._options = options
        self._env = without_coverage(os.environ) | {"CCTM_HOME": str(place / "home")}
        self._listen = f"{host}:0"
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Relay":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        before = self._said()
        command = [
            *self._within,
            *CCTM,
            "relay",
            "serve",
            "--listen",
            self._listen,
            "--store",
            str(self.store),
            *self._options,
        ]
        with self.journal.open("ab") as journal:
            self._process = subprocess.Popen(command, env=self._env, stderr=journal, stdin=subprocess.DEVNULL)
        until(lambda: "listening" in [said["event"] for said in self._said()[len(before) :]], "it listens")
        self.address = next(said for said in reversed(self._said()) if said["event"] == "listening")[
            "address"
        ]
        self._listen = self.address.removeprefix("http://")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _said(self) -> list[dict[str, str]]:
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [json.loads(line) for line in lines]

    # --- what an operator's accidents do to it

    def lose_everything(self, host: Machine) -> None:
        """And have the guest come before the host."""
        self.kill()
        for path in self.store.parent.glob("relay.sqlite*"):
            path.unlink()
        pid = host.daemon_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            before = len(self._said())
            self.start()
            until(
                lambda: "refused" in [said["event"] for said in self._said()[before:]], "the guest is refused"
            )
        finally:
            os.kill(pid, signal.SIGCONT)

    def keep_copy(self) -> Path:
        """Of its database, as of now, while it runs."""
        copy = self.store.with_name("copy.sqlite")
        copy.unlink(missing_ok=True)
        subprocess.run(
            [sys.executable, "-c", _BACKUP, str(self.store), str(copy)], check=True, timeout=DEADLINE_S
        )
        return copy

    def roll_back(self, copy: Path) -> None:
        self.kill()
        for path in self.store.parent.glob("relay.sqlite*"):
            path.unlink()
        shutil.copy(copy, self.store)
        self.start()


_BACKUP = """
import sqlite3, sys
source, copy = sqlite3.connect(sys.argv[1]), sqlite3.connect(sys.argv[2])
source.backup(copy)
copy.close()
"""


def use_relay(machine: Machine, address: str) -> None:
    home = Home.locate(machine.env)
    home.prepare()
    save_choice(home, RelayChoice(decode_origin_untrusted(address)))


def kill_daemon(machine: Machine) -> None:
    """And have another started."""
    pid = machine.daemon_pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    machine.run("daemon", "start")


@dataclass(frozen=True, slots=True)
class Told:
    """The typist was shown *text* from behind so many tokens until behind so many; it is empty where the connection was
    lost."""

    since: int
    until: int
    text: str


class Typist:
    """Types numbered tokens into a terminal that was joined, and notes what it is told; comes again when cut off."""

    def __init__(self, machine: Machine, target: str, pause_s: float) -> None:
        self._path = Home.locate(machine.env).control_socket
        self._target = target
        self._pause_s = pause_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.typed = 0
        self.told: list[Told] = []
        self._error: BaseException | None = None

    def __enter__(self) -> "Typist":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_typing(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """
        Raises:
            BaseException: what kept it from typing.
        """
        self._is_over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                with suppress(FileNotFoundError, ConnectionError, TimeoutError, EOFError):
                    self._type()
                self._tell("")
                self._is_over.wait(0.05)
        except BaseException as error:  # noqa: BLE001  it is raised by who waits
            self._error = error

    def _type(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_S)
            connection.connect(self._path)
            frames, screen = FrameReader(), Fold(80, 24)
            attach = requests.Attach(self._target, 80, 24, "xterm", 2, 0, 0, None, 0, None)
            connection.sendall(encode_message(requests.Hello(VERSION, "test")) + encode_message(attach))
            is_attached = False
            next_s = time.monotonic()
            while not self._is_over.is_set():
                ready, _, _ = select.select([connection], [], [], max(0.0, next_s - time.monotonic()))
                if ready:
                    data = connection.recv(1 << 20)
                    if not data:
                        raise EOFError
                    for message in frames.receive_untrusted(data):
                        is_attached |= isinstance(message, replies.Attached)
                        if isinstance(message, replies.Refused | replies.Ended | replies.Released):
                            return
                        if isinstance(message, replies.Painted):
                            screen.feed(message.data)
                            self._look_at(screen)
                if is_attached and time.monotonic() >= next_s:
                    self.typed += 1  # whether it arrives or not
                    connection.sendall(encode_message(requests.Input(TOKEN % (self.typed - 1))))
                    next_s = time.monotonic() + self._pause_s
                elif not is_attached:
                    next_s = time.monotonic() + 0.05

    def _look_at(self, screen: Fold) -> None:
        lines = screen.picture().lines
        for line in (lines[0], lines[-1]):  # where notices lie
            row = "".join(run.text for run in line.runs).strip()
            if _LOSS.search(row):
                self._tell(row)

    def _tell(self, text: str) -> None:
        since = self.told.pop().since if self.told and self.told[-1].text == text else self.typed
        self.told.append(Told(since, self.typed, text))


@dataclass(frozen=True, slots=True)
class Ran:
    """What ran of what was typed, and what did not, and lies before something that ran."""

    tokens: list[int] = field(repr=False)
    holes: list[tuple[int, int]]


def check_typed(read: bytes, typist: Typist) -> Ran:
    """Each token ran at most once, whole, in order; where one did not, before one that did, its typist was told."""
    assert re.fullmatch(rb"(\d{6};)*", read), read
    tokens = [int(token) for token in read.split(b";")[:-1]]
    assert all(earlier < later for earlier, later in pairwise(tokens)), tokens
    assert all(token < typist.typed for token in tokens)
    holes = [(a + 1, b) for a, b in zip([-1, *tokens], [*tokens, typist.typed], strict=True) if b > a + 1]
    for (first, _), (following, _) in pairwise([*holes, (typist.typed, 0)]):
        tells = [told for told in typist.told if told.until > first and told.since <= following]
        assert tells, (first, holes, typist.told)
    return Ran(tokens, holes)


def shown(machine: Machine, name: str) -> list[str]:
    """The rows that a terminal shows; none while nobody can say."""
    with suppress(UserError, OSError), machine.asking() as client:
        if client is not None:
            part = client.ask(requests.AskScreen(name, False), replies.Screen)
            lines = list(part.lines)
            while part.more:
                part = client.expect(replies.Screen)
                lines += part.lines
            return [str(line).rstrip() for line in lines]
    return []
