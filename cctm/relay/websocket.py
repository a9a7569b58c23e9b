"""A connection of the `websockets` library, as a session uses it.

    send    through the library: waits until the socket takes it
    offer   past the library, for a small message to a reader whose socket is empty: one system call, no task. What the
            socket does not take of it goes to the front of what the library is to send next.

`offer` reaches into the library, whose version is pinned to one major for that: `protocol.writes` is what is to be
sent, and `send_lock` is held while something is being sent. Both are looked at and left without a checkpoint between.
"""

import os
from typing import Final

import trio
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.trio.server import ServerConnection

from cctm.relay.session import Closed

MOST_OFFERED_BYTES: Final = 32 * 1024


class WebSocket:
    """One connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._stream = connection.stream if isinstance(connection.stream, trio.SocketStream) else None

    async def receive(self) -> bytes | str:
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            raise Closed from None

    async def send(self, frame: bytes) -> None:
        try:
            await self._connection.send(frame)
        except ConnectionClosed:
            raise Closed from None

    def offer(self, frame: bytes) -> bool:
        connection = self._connection
        if (
            self._stream is None  # under TLS a system call sends nothing that anybody understands
            or len(frame) > MOST_OFFERED_BYTES
            or connection.protocol.state is not State.OPEN
            or connection.protocol.writes
            or connection.send_lock.locked()
        ):
            return False
        data = _head(len(frame)) + frame
        try:
            sent = os.write(self._stream.socket.fileno(), data)
        except OSError:  # it is full, or broken: the library will see
            return False
        if sent < len(data):
            connection.protocol.writes.append(data[sent:])
        return True

    @property
    def has_next(self) -> bool:
        return self._connection.recv_messages.recv_frames.statistics().current_buffer_used > 0

    @property
    def has_rest(self) -> bool:
        return bool(self._connection.protocol.writes)

    async def flush(self) -> None:
        try:
            await self._connection.send_data()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            raise Closed from None


def _head(size: int) -> bytes:
    """The head of a final, unmasked, binary frame (RFC 6455 §5.2)."""
    if size < 126:
        return bytes((0x82, size))
    return b"\x82\x7e" + size.to_bytes(2, "big")
