"""A connection of the `websockets` library, as a session uses it.

    send    through the library: waits until the socket takes it
    offer   past the library, for a reader whose socket is empty: one system call, no task. The bytes are framed once
            for all readers; what the socket does not take of them, the library is to send next, without a copy.

`offer` reaches into the library, whose version is pinned to one major for that: `protocol.writes` is what is to be
sent, and `send_lock` is held while something is being sent. Both are looked at and left without a checkpoint between.
"""

import os

import trio
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.trio.server import ServerConnection

from cctm.relay.session import Closed


class WebSocket:
    """One connection."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._protocol = connection.protocol
        # Under TLS a system call sends nothing that anybody understands. The descriptor is asked for each time: once
        # the socket is closed, its number is another connection's.
        stream = connection.stream
        self._descriptor = stream.socket.fileno if isinstance(stream, trio.SocketStream) else None

    async def receive(self) -> bytes | str:
        try:
            return await self._connection.recv()
        except ConnectionClosed:
            raise Closed from None

    async def send(self, message: bytes) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise Closed from None

    def offer(self, framed: bytes) -> bool:
        protocol = self._protocol
        if (
            self._descriptor is None
            or protocol.writes
            or protocol.state is not State.OPEN
            or self._connection.send_lock.locked()
        ):
            return False
        try:
            sent = os.write(self._descriptor(), framed)
        except OSError:  # it is full, or broken: the library will see
            return False
        if sent < len(framed):
            protocol.writes.append(memoryview(framed)[sent:])  # type: ignore[arg-type]  # it is sent as it is
        return True

    @property
    def has_next(self) -> bool:
        return self._connection.recv_messages.recv_frames.statistics().current_buffer_used > 0

    @property
    def has_rest(self) -> bool:
        return bool(self._protocol.writes)

    async def flush(self) -> None:
        try:
            await self._connection.send_data()
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            raise Closed from None
