"""Feed: one client's cursor on a terminal's recent output, pulled as its socket drains.

    idle  ──push: all sent──► idle
    idle  ──push: the socket is full──► blocked ──writable, all sent──► idle
    what comes next is no longer kept ──► on_lost: everything is drawn anew

Invariants: at most one unfinished frame and the queued messages are held per client; output is not queued, it
is read from `Recent` when there is room. So a slow or stopped client costs a fixed amount of memory and holds
nobody up.
"""

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

import trio

from cctm.cctmd.recent import Recent
from cctm.protocol.control.frames import MAX_OUTPUT, encode_message, output_head

MAX_QUEUED_MESSAGES: Final = 256


class Feed:
    """The sending side of one client's connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._unsent = b""
        self._messages: deque[bytes] = deque()
        self._recent: Recent | None = None
        self._cursor = 0
        self._blocked = False
        self._wake = trio.Event()
        self._room = trio.Event()
        self._room.set()
        self.broken = False
        self.on_drained: Callable[[], None] | None = None
        self.on_lost: Callable[[], None] | None = None

    @property
    def takes_messages(self) -> bool:
        """Whether a message goes out at once."""
        return not (self._blocked or self._messages)

    @property
    def is_clear(self) -> bool:
        """Whether the client has taken everything that was sent."""
        return self.takes_messages and not self.behind_bytes

    def follow(self, recent: Recent, offset: int) -> None:
        """Send the output from *offset* on, what is there and what comes; it may lie ahead of what was read so far."""
        self._recent, self._cursor = recent, offset
        if not self._blocked:
            self._pump()

    def unfollow(self) -> None:
        """Send no more output."""
        self._recent = None

    @property
    def behind_bytes(self) -> int:
        """How much output the client has not been sent."""
        return 0 if self._recent is None else max(0, self._recent.end - self._cursor)

    def send(self, message: tuple[object, ...]) -> None:
        """Send a message, before output that was not sent yet. A client that does not read loses its connection."""
        if self.broken:
            return
        if len(self._messages) >= MAX_QUEUED_MESSAGES:
            self._break()
            # Whoever waits for this connection, to read or to write, meets its end.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            return
        self._messages.append(encode_message(message))
        if not self._blocked:
            self._pump()
        if self._messages and self._room.is_set():
            self._room = trio.Event()

    def send_after_output(self, message: tuple[object, ...]) -> None:
        """Send *message* once the client has had all output so far; no output follows it."""
        recent = self._recent
        while recent is not None and self._recent is recent and not self.broken and self._cursor < recent.end:
            self._frame_output(recent)
        self.unfollow()
        self.send(message)

    def push(self, data: bytes) -> None:
        """Send *data*, which was just appended, if the client has everything before it; else it waits its turn."""
        if self._blocked or self._recent is None:
            return
        if self._cursor == self._recent.end - len(data) and len(data) <= MAX_OUTPUT:
            self._transmit(output_head(self._cursor, len(data)), data)
            self._cursor += len(data)
        else:
            self._pump()

    async def run(self) -> None:
        """Send what did not fit, whenever the socket drains, until the connection breaks."""
        while not self.broken:
            await self._wake.wait()
            if self.broken:
                return
            await trio.lowlevel.wait_writable(self._socket)
            self._wake = trio.Event()
            self._blocked = False
            self._pump()
            if self.is_clear and self.on_drained is not None:
                self.on_drained()

    async def room(self) -> None:
        """Wait until no message waits: who does not read its replies is not answered further."""
        await self._room.wait()

    def _pump(self) -> None:
        if self._unsent:
            unsent, self._unsent = self._unsent, b""
            self._transmit(unsent, b"")
        while not self._blocked and not self.broken:
            if self._messages:
                self._transmit(self._messages.popleft(), b"")
                if not self._messages:
                    self._room.set()
            elif self._recent is not None and self._cursor < self._recent.end:
                self._frame_output(self._recent)
            else:
                return

    def _frame_output(self, recent: Recent) -> None:
        if self._cursor < recent.base:
            self.unfollow()
            if self.on_lost is not None:
                self.on_lost()
            return
        self._cursor, data = recent.read(self._cursor, MAX_OUTPUT)
        if data:
            self._messages.append(output_head(self._cursor, len(data)) + data)
            self._cursor += len(data)

    def _transmit(self, head: bytes, data: bytes) -> None:
        try:
            sent = self._socket.sendmsg([head, data] if data else [head])
        except BlockingIOError:
            sent = 0
        except OSError:
            self._break()
            return
        if sent < len(head) + len(data):
            self._unsent = (head + data)[sent:]
            self._blocked = True
            self._wake.set()

    def _break(self) -> None:
        self.broken = True
        self._blocked = True
        self._unsent = b""
        self._messages.clear()
        self._room.set()
        self._wake.set()
