"""Link: a session's connection to the daemon. Sending never waits: what the daemon does not take yet is kept."""

import select
import socket
import time
from collections import deque
from typing import Final

from cctm.cli.client import Client
from cctm.protocol.control.frames import encode_message

READ_BYTES: Final = 256 * 1024
# A paste that the program does not read; more stays in the keyboard's queue.
MAX_UNSENT: Final = 16 * 1024 * 1024


class LostError(Exception):
    """The connection ended."""


class Link:
    """One connection, after Welcome."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._socket = client.socket
        self._unsent = bytearray()
        self._received: deque[tuple[object, ...]] = deque(client.take_received())

    def fileno(self) -> int:
        """For `poll`."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    @property
    def has_unsent(self) -> bool:
        """Whether to wait for the socket to take more, and then to `flush`."""
        return bool(self._unsent)

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be typed for now."""
        return len(self._unsent) > MAX_UNSENT

    def send(self, message: tuple[object, ...]) -> None:
        """Send *message*, or keep it for `flush`.

        Raises:
            LostError: the connection has ended, and nobody has seen *message*.
        """
        frame = encode_message(message)
        if self._unsent:
            self._unsent += frame
            return
        sent = self._transmit(frame)
        self._unsent += frame[sent:]

    def flush(self) -> None:
        """Send what is kept, as far as the daemon takes it.

        Raises:
            LostError: the connection has ended.
        """
        if self._unsent:
            del self._unsent[: self._transmit(self._unsent[:READ_BYTES])]

    def _transmit(self, data: bytes | bytearray) -> int:
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError) as error:
            raise LostError from error

    def next_received(self) -> tuple[object, ...] | None:
        """The next message that came, if there is one."""
        return self._received.popleft() if self._received else None

    def receive(self) -> None:
        """Read what the daemon sent; it has sent something, or gone.

        Raises:
            LostError: the connection has ended.
        """
        try:
            data = self._socket.recv(READ_BYTES)
        except ConnectionResetError as error:
            raise LostError from error
        if not data:
            raise LostError
        self._received.extend(self._client.receive(data))

    def wait(self, deadline: float) -> None:
        """Wait until the daemon sent something, sending what is kept meanwhile.

        Raises:
            LostError: the connection has ended, or nothing came until *deadline* (by the monotonic clock).
        """
        while True:
            writing = [self._socket] if self._unsent else []
            left = max(0, deadline - time.monotonic())
            readable, writable, _ = select.select([self._socket], writing, [], left)
            if writable:
                self.flush()
            if readable:
                self.receive()
                return
            if not writable:
                raise LostError
