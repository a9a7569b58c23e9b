"""Feed: one client's cursor on a terminal's recent output, pulled as its socket drains.

    idle  ──push: all sent──► idle
    idle  ──push: the socket is full──► blocked ──writable, all sent──► idle
    what comes next is no longer kept ──► on_lost: everything is drawn anew

Invariants: at most one unfinished frame and the queued messages are held per client; output is not queued, it
is read from `Recent` when there is room. Of messages that say how something is now, only the newest is held. So a slow
or stopped client costs a fixed amount of memory and holds nobody up: whoever draws waits until it `is_clear`, whoever
replies for `room`.
"""

import contextlib
import socket
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Final

import trio

from cctm.cctmd.recent import Recent
from cctm.protocol.control import replies
from cctm.protocol.control.frames import MAX_OUTPUT, encode_message, output_head

MAX_QUEUED: Final = 256  # never reached, if those who send keep the invariant
NEWEST_ONLY: Final = (replies.Resized, replies.NameChanged)


class Feed:
    """The sending side of one client's connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._unsent = memoryview(b"")
        # In the order of sending, by type those of which the newest counts, by number all others.
        self._messages: OrderedDict[object, bytes] = OrderedDict()
        self._numbers = count()
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

    @property
    def misses_output(self) -> bool:
        """Whether the output that the client is to be sent next is no longer kept."""
        return self._recent is not None and self._cursor < self._recent.base

    def send(self, *messages: tuple[object, ...]) -> None:
        """Send messages that belong together, before output that was not sent yet."""
        key: object = next(self._numbers)
        if len(messages) == 1 and isinstance(messages[0], NEWEST_ONLY):
            key = type(messages[0])
        self._queue(key, b"".join(map(encode_message, messages)))

    def _queue(self, key: object, frames: bytes) -> None:
        if self.broken:
            return
        self._messages.pop(key, None)
        if len(self._messages) >= MAX_QUEUED:
            self._break()
            # Whoever waits for this connection, to read or to write, meets its end.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            return
        self._messages[key] = frames
        if not self._blocked:
            self._pump()
        if self._messages and self._room.is_set():
            self._room = trio.Event()

    def send_after_output(self, message: tuple[object, ...]) -> None:
        """Send *message* once the client has had all output so far that is kept; no output follows it."""
        recent = None if self.misses_output else self._recent
        frames = []
        while recent is not None and self._cursor < recent.end:
            frames.append(self._next_output(recent))
        self.unfollow()
        self._queue(next(self._numbers), b"".join((*frames, encode_message(message))))

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
            unsent, self._unsent = self._unsent, memoryview(b"")
            self._transmit(unsent, b"")
        while not self._blocked and not self.broken:
            if self._messages:
                _, frames = self._messages.popitem(last=False)
                self._transmit(frames, b"")
                if not self._messages:
                    self._room.set()
            elif self.misses_output:
                self.unfollow()
                if self.on_lost is not None:
                    self.on_lost()
            elif self._recent is not None and self._cursor < self._recent.end:
                frames = self._next_output(self._recent)
                if frames:
                    self._transmit(frames, b"")
            else:
                return

    def _next_output(self, recent: Recent) -> bytes:
        """The next frame; nothing, if what comes next is for no client."""
        self._cursor, data = recent.read(self._cursor, MAX_OUTPUT)
        if not data:
            return b""
        head = output_head(self._cursor, len(data))
        self._cursor += len(data)
        return head + data

    def _transmit(self, head: bytes | memoryview, data: bytes) -> None:
        try:
            sent = self._socket.sendmsg([head, data] if data else [head])
        except BlockingIOError:
            sent = 0
        except OSError:
            self._break()
            return
        if sent < len(head) + len(data):
            self._unsent = memoryview(b"".join((head, data)) if data else head)[sent:]
            self._blocked = True
            self._wake.set()

    def _break(self) -> None:
        self.broken = True
        self._blocked = True
        self._unsent = memoryview(b"")
        self._messages.clear()
        self._room.set()
        self._wake.set()
