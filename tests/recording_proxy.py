"""A TCP proxy that keeps every byte that passes, and shows what a WebSocket hides: its mask.

with RecordingProxy() as proxy:
    with RelayProcess(place, "--origin", proxy.address) as relay:
        proxy.serve(relay.address)
        …
        proxy.passed()          both directions of each connection, as they were, and without the masks
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

HEAD_END = b"\r\n\r\n"


class RecordingProxy:
    """Listens at once; passes on from `serve` on."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._upstream = ("", 0)
        self._recorded: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "RecordingProxy":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for one in self._sockets:
            one.close()

    def serve(self, upstream: str) -> None:
        """Pass on to the relay at *upstream*."""
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self._upstream = (parts.hostname, parts.port)
        self._start(self._accept)

    def _start(self, run: object, *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._sockets.append(near)
                far = socket.create_connection(self._upstream)
                self._sockets.append(far)
                self._start(self._pump, near, far)
                self._start(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        recorded = bytearray()
        self._recorded.append(recorded)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                recorded += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def passed(self) -> list[bytes]:
        """What went each way in each connection: as it was; then, of each again, what its frames held."""
        raw = [bytes(one) for one in self._recorded]
        return raw + [b"".join(payloads(one)) for one in raw]


def payloads(stream: bytes) -> Iterator[bytes]:
    """What the WebSocket frames of one direction held, unmasked (RFC 6455 §5.2); the last may be cut."""
    at = stream.find(HEAD_END)
    if at < 0:
        return
    at += len(HEAD_END)
    while at + 2 <= len(stream):
        is_masked, size = stream[at + 1] & 0x80, stream[at + 1] & 0x7F
        at += 2
        longer = {126: 2, 127: 8}.get(size, 0)
        if longer:
            size = int.from_bytes(stream[at : at + longer], "big")
            at += longer
        mask = bytes(4)
        if is_masked:
            mask = stream[at : at + 4]
            at += 4
        data = stream[at : at + size]
        at += size
        covering = (mask * (len(data) // 4 + 1))[: len(data)]
        yield (int.from_bytes(data, "big") ^ int.from_bytes(covering, "big")).to_bytes(len(data), "big")
