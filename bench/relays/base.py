"""What the bench asks of a relay.

A *message* is what the writer appends: an entry, an update of a document, a WebSocket message; 256 bytes of payload
that cannot be compressed, and what the contender adds. Its *mark* is in it and in nothing else.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from bench import processes
from bench.contenders.base import Contender
from bench.errors import EndedError, LateError
from bench.relays.readers import Dial
from bench.relays.wire import WebSocket, frame

PAYLOAD_BYTES: Final = 256
HISTORY_BYTES: Final = 65_536  # of one message of history
STARTING_S: Final = 30.0
MARK_BYTES: Final = 16
LOCALHOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Message:
    """*data* goes into one WebSocket message of the writer."""

    data: bytes
    mark: bytes
    number: int  # of the writer's messages so far, this one among them


class RelayContender(Contender):
    """A server through which one writer reaches many readers."""

    has_history: ClassVar[bool] = True
    port: int
    pid: int

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._process: subprocess.Popen[bytes] | None = None

    # --- the server

    def prepare(self) -> None:
        """Have what it needs to start."""

    def command(self) -> list[str]:
        """What starts the server. It prints a line of JSON with `port`, or with `address`, once it listens."""
        raise NotImplementedError

    def start(self, history_bytes: int = 0) -> None:
        """Have it run, with so much of history in it."""
        self.prepare()
        self._launch()
        self.fill(history_bytes)

    def _launch(self) -> None:
        said = self.scratch / "said.txt"
        with said.open("wb") as output:
            # A file, not a pipe: nobody reads what it says later, and it must not wait for that.
            self._process = subprocess.Popen(
                self.command(), env=self.env, cwd=self.scratch, stdout=output, stderr=output
            )
        self.pid = self._process.pid
        until = time.monotonic() + STARTING_S
        while time.monotonic() < until:
            for line in said.read_text(errors="replace").splitlines():
                if line.startswith("{") and line.endswith("}"):
                    found = json.loads(line)
                    if "port" in found or "address" in found:
                        self.port = int(found.get("port") or found["address"].rpartition(":")[2])
                        return
            if self._process.poll() is not None:
                lines = said.read_text(errors="replace").strip().splitlines()
                raise EndedError(next((line for line in lines if "rror" in line), lines[-1] if lines else ""))
            time.sleep(0.02)
        raise LateError(f"start of {self.name}", STARTING_S)

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def cpu_ns(self) -> int:
        return processes.cpu_ns(self.pid)

    def pss_bytes(self) -> int:
        return processes.memory_bytes(self.pid)[1]

    # --- who comes in

    @contextmanager
    def writing(self) -> Iterator[WebSocket]:
        """A writer's connection."""
        raise NotImplementedError

    def reading(self) -> Dial:
        """How a reader comes in that wants what is written from now on; it may be carried to another process."""
        raise NotImplementedError

    def joining(self) -> Dial:
        """How a reader comes in that wants to show what there is; `shown` is what it then waits for."""
        raise NotImplementedError

    shown: bytes = b""

    # --- what is written

    def messages(self, count: int, size: int = PAYLOAD_BYTES) -> Sequence[Message]:
        """The writer's next ones."""
        raise NotImplementedError

    def receipts(self, messages: Sequence[Message]) -> Callable[[bytes], bool]:
        """What is asked of each message to the writer: whether it is now known that all of *messages* arrived."""
        left = len(messages)

        def take(payload: bytes) -> bool:
            nonlocal left
            left -= self.is_receipt(payload)
            return left == 0

        return take

    def is_receipt(self, payload: bytes) -> bool:
        """Whether *payload* says that one message arrived."""
        raise NotImplementedError

    def fill(self, size: int) -> None:
        """Write so much of history."""
        messages = self.messages(max(size // HISTORY_BYTES, 0), HISTORY_BYTES)
        with self.writing() as writer:
            for message in messages:
                self.append(writer, [message])
        if messages:
            self.shown = messages[-1].mark

    def append(self, writer: WebSocket, messages: Sequence[Message]) -> int:
        """Write *messages* and wait for their receipts; the clock then."""
        data = b"".join(frame(message.data) for message in messages)
        return writer.pump(data, self.receipts(messages))

    def append_waiting(self, writer: WebSocket, messages: Sequence[Message]) -> int:
        """The same, as its own client sends what has been waiting: most have each go alone."""
        return self.append(writer, messages)


def mark() -> bytes:
    return os.urandom(MARK_BYTES)
