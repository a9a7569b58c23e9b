"""The least that a WebSocket client is: raw sockets and frame heads, the same for every contender.

HTTP upgrade ─► frames: head ‖ payload. Ours are masked with zeros, which is a mask, and costs nobody anything.
"""

import base64
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from bench.errors import EndedError, LateError, RefusedError

TIMEOUT_S: Final = 60.0
READ_BYTES: Final = 1 << 18
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """A whole message, as a client sends it."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


class Frames:
    """What a server sends, cut into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcode and payload of each frame that *data* completes."""
        rest = self._rest
        rest += data
        while len(rest) >= 2:
            at, size = 2, rest[1] & 0x7F
            if size >= 126:
                width = 2 if size == 126 else 8
                at, size = 2 + width, int.from_bytes(rest[2 : 2 + width], "big")
            if len(rest) < at + size:
                return
            opcode, payload = rest[0] & 0x0F, bytes(rest[at : at + size])
            del rest[: at + size]
            yield opcode, payload


class WebSocket:
    """One connection."""

    def __init__(self, address: tuple[str, int], path: str) -> None:
        self.socket = socket.create_connection(address, timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = Frames()
        self._ready: list[bytes] = []
        try:
            self._upgrade(address, path)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def _upgrade(self, address: tuple[str, int], path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._read()
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise RefusedError("a WebSocket", head.partition(b"\r\n")[0].decode(errors="replace"))
        self._take(rest)

    def _read(self) -> bytes:
        try:
            data = self.socket.recv(READ_BYTES)
        except TimeoutError:
            raise LateError("answer", TIMEOUT_S) from None
        if not data:
            raise EndedError("the server closed a connection")
        return data

    def _take(self, data: bytes) -> None:
        for opcode, payload in self._frames.take(data):
            if opcode == PING:
                self.socket.sendall(frame(payload, PONG))
            elif opcode == CLOSE:
                raise EndedError(payload[2:].decode(errors="replace"))
            elif opcode in {TEXT, BINARY}:
                self._ready.append(payload)

    def send(self, payload: bytes) -> None:
        self.socket.sendall(frame(payload))

    def receive(self) -> bytes:
        """The next message."""
        while not self._ready:
            self._take(self._read())
        return self._ready.pop(0)

    def read_until(self, marker: bytes) -> None:
        """Read raw bytes until *marker* was among them; what was received and not asked for is forgotten."""
        window = b"".join(self._ready)
        while marker not in window:
            window = window[-len(marker) :] + self._read()

    def pump(self, data: bytes, take: Callable[[bytes], bool]) -> int:
        """Write frames and read meanwhile, until *take* says of a message that it was the last; the clock then."""
        view, deadline = memoryview(data), time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            writing = [self.socket] if view else []
            readable, writable, _ = select.select([self.socket], writing, [], 1.0)
            if readable:
                self._take(self._read())
                ready, self._ready = self._ready, []
                if True in [take(payload) for payload in ready]:  # each is to be told
                    return time.perf_counter_ns()
            if writable:
                view = view[self.socket.send(view[:READ_BYTES], socket.MSG_DONTWAIT) :]
        raise LateError("receipt", TIMEOUT_S)
