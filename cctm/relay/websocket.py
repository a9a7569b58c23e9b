"""A connection of the `websockets` library, as a session uses it.

    send    through the library: waits until the socket takes it
    offer   past the library, for a reader whose socket is empty: one system call, no task. The bytes are framed once
            for all readers; what the socket does not take of them, the library is to send next, without a copy.

Whoever has not taken a message within a minute is gone. The library's pings do not notice: they wait to be sent.

`offer` reaches into the library, whose version is pinned to one major for that: `protocol.writes` is what is to be
sent, and `send_lock` is held while something is being sent. Both are looked at and left without a checkpoint between.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.trio.server import ServerConnection

from cctm.relay.session import Closed

STUCK_S: Final = 60.0  # for one message
CLOSE_S: Final = 5.0


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
        with self._patience():
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
        with self._patience():
            try:
                await self._connection.send_data()
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                raise Closed from None

    @contextmanager
    def _patience(self) -> Iterator[None]:
        with trio.move_on_after(STUCK_S) as patience:
            yield
        if patience.cancelled_caught:
            raise Closed

    async def aclose(self) -> None:
        """Close it. Who does not hear that is not waited for: the library does so for as long as its socket is full."""
        with trio.move_on_after(CLOSE_S):
            await self._connection.aclose()
        # Its reading task, if it waits until what came is fetched, would wait for ever, and hold the connection.
        if self._connection.recv_flow_control is not None:
            self._connection.resume_reading()
