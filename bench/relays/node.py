"""Peers on Node, from npm: a bare broadcast on `ws`, and Hocuspocus, the server of Yjs documents.

The bench installs them into a folder of its own, once for a run.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from bench.contenders.base import first_line
from bench.errors import LateError, RefusedError
from bench.relays.base import LOCALHOST, PAYLOAD_BYTES, Message, RelayContender, mark
from bench.relays.readers import Dial
from bench.relays.wire import WebSocket

INSTALLING_S: Final = 180.0
SERVERS: Final = Path(__file__).parent
DOCUMENT: Final = "bench"
SYNC, AUTH, SYNC_STATUS = 0, 2, 8  # Hocuspocus' messages
STEP_1, STEP_2, UPDATE = 0, 1, 2  # of y-protocols' sync


class NodePeer(RelayContender):
    program = "npm"
    packages: ClassVar[tuple[str, ...]]
    server: ClassVar[str]

    @classmethod
    def version(cls) -> str | None:
        if shutil.which("npm") is None or shutil.which("node") is None:
            return None
        return f"{cls.packages[0]} on node {first_line(['node', '--version'])}, installed by npm for the run"

    @classmethod
    def how_to_get(cls) -> str:
        return "not installed: npm and node (Debian: npm)"

    def prepare(self) -> None:
        """Install the packages beside the scratch directories of the run."""
        folder = self.scratch.parent.parent / f"npm {self.name}"
        if not folder.exists():
            folder.mkdir()
            command = [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
                str(folder),
            ]
            try:
                done = subprocess.run(
                    [*command, *self.packages],
                    capture_output=True,
                    text=True,
                    timeout=INSTALLING_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise LateError("end of npm install", INSTALLING_S) from None
            if done.returncode != 0:
                lines = [line for line in done.stderr.splitlines() if "rror" in line]
                raise RefusedError("npm install", lines[0] if lines else f"exit status {done.returncode}")
        if not (folder / "node_modules").exists():
            raise RefusedError("npm install", "failed before")
        shutil.copy(SERVERS / self.server, folder / self.server)
        self._folder = folder

    def command(self) -> list[str]:
        return ["node", "--max-old-space-size=8192", str(self._folder / self.server)]


@dataclass(frozen=True, slots=True)
class Plain:
    """Connects, and says nothing."""

    port: int
    path: str

    def __call__(self) -> WebSocket:
        return WebSocket((LOCALHOST, self.port), self.path)


class BareWs(NodePeer):
    """Passes each message on, unseen; keeps nothing."""

    name = "ws"
    packages = ("ws@8",)
    server = "ws.mjs"
    has_history = False

    @contextmanager
    def writing(self) -> Iterator[WebSocket]:
        with Plain(self.port, "/write")() as connection:
            yield connection

    def reading(self) -> Dial:
        return Plain(self.port, "/read")

    def messages(self, count: int, size: int = PAYLOAD_BYTES) -> Sequence[Message]:
        marks = [mark() for _ in range(count)]
        return [
            Message(os.urandom(size - len(one)) + one, one, number) for number, one in enumerate(marks, 1)
        ]

    def is_receipt(self, payload: bytes) -> bool:
        return payload == b"ok"


def varint(value: int) -> bytes:
    """As lib0 writes it: 7 bits at a time, the lowest first."""
    made = bytearray()
    while value > 0x7F:
        made.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes((*made, value))


def counted(data: bytes) -> bytes:
    return varint(len(data)) + data


def said(*kinds: int) -> bytes:
    """The head of a message of Hocuspocus."""
    return counted(DOCUMENT.encode()) + b"".join(map(varint, kinds))


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """Comes in, and asks for what it has not: the whole document."""

    port: int
    waits: bool

    def __call__(self) -> WebSocket:
        connection = WebSocket((LOCALHOST, self.port), f"/{DOCUMENT}")
        connection.send(said(AUTH, 0) + counted(b"token"))
        connection.send(said(SYNC, STEP_1) + counted(varint(0)))
        while self.waits and not connection.receive().startswith(said(SYNC, STEP_2)):
            continue
        return connection


class Hocuspocus(NodePeer):
    """Keeps a Yjs document in memory; the writer appends binary values to an array of it."""

    name = "hocuspocus"
    packages = ("@hocuspocus/server@3", "yjs@13")
    server = "hocuspocus.mjs"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._client = int.from_bytes(os.urandom(4), "big") >> 1
        self._clock = 0

    @contextmanager
    def writing(self) -> Iterator[WebSocket]:
        with OpenDocument(self.port, waits=True)() as connection:
            yield connection

    def reading(self) -> Dial:
        return OpenDocument(self.port, waits=True)

    def joining(self) -> Dial:
        return OpenDocument(self.port, waits=False)

    def messages(self, count: int, size: int = PAYLOAD_BYTES) -> Sequence[Message]:
        return [self._message(size) for _ in range(count)]

    def _message(self, size: int) -> Message:
        """A Yjs update (version 1) that appends one binary value to the array `log`."""
        one = mark()
        client, clock = varint(self._client), self._clock
        self._clock += 1
        binary, has_left = 3, 0x80
        where = (
            bytes((binary | has_left,)) + client + varint(clock - 1)
            if clock
            else bytes((binary,)) + varint(1) + counted(b"log")
        )
        content = counted(os.urandom(size - len(one)) + one)
        update = varint(1) + varint(1) + client + varint(clock) + where + content + varint(0)
        return Message(said(SYNC, UPDATE) + counted(update), one, self._clock)

    def is_receipt(self, payload: bytes) -> bool:
        return payload.startswith(said(SYNC_STATUS))
