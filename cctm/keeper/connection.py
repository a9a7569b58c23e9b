"""One connection to the keeper: frames in, frames and output out, never waiting.

**Invariants**

- Frames leave whole and in order. What the socket did not take is queued, and output is offered only while
  the queue is empty; so the queue holds at most one turn of output, and control frames.
- Each descriptor that arrived is either taken with its message or closed with the connection. A queued
  descriptor is a duplicate: the terminal's own may be closed in the meantime.
"""

import array
import os
import socket
import struct
import sys
from collections import deque
from collections.abc import Iterator
from typing import Final

from cctm.keeper.terminal import TURN_BYTES, Terminal
from cctm.keeper.wire import (
    MAX_FRAME_BYTES,
    WITH_DESCRIPTOR,
    FrameReader,
    Message,
    WireError,
    encode,
    output_header,
)

_READ_BYTES: Final = 65536
_SEND_BUFFER_BYTES: Final = 32768  # which Linux doubles
_DESCRIPTORS: Final = 4  # expected in one read: one
_QUEUED_FRAMES: Final = 65536  # a peer that asks and asks and never reads is dropped
# Whoever has not said HELLO has little to say and little to be told: many such may come, but cost nothing.
_SILENT_FRAME_BYTES: Final = 65536
_SILENT_QUEUED_FRAMES: Final = 64
_CLOEXEC: Final = socket.MSG_CMSG_CLOEXEC if sys.platform == "linux" else 0  # spawn closes everything anyway
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)


class Connection:
    __slots__ = ("_descriptors", "_queue", "_reader", "open", "pid", "socket", "writing")

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)  # noqa: FBT003 - the signature is the library's
        # What lies in the socket is in front of the next key's echo, and the daemon has to fold it first.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.socket = connected
        self.open = True
        self.pid: int | None = None  # of the daemon, once it has said HELLO
        self.writing = False  # registered for "there is room to write"
        self._reader = FrameReader(_SILENT_FRAME_BYTES)
        self._queue: deque[tuple[bytes, int | None]] = deque()
        self._descriptors: deque[int] = deque()

    def greet(self, pid: int) -> None:
        """It said HELLO: it is the daemon's."""
        self.pid = pid
        self._reader.limit = MAX_FRAME_BYTES

    @property
    def is_clear(self) -> bool:
        """Whether output may be offered."""
        return not self._queue

    def peer_is_ours(self) -> bool:
        if sys.platform != "linux":  # the directory's mode has to do
            return True
        credentials = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        return bool(uid == os.getuid())

    def receive_untrusted(self) -> Iterator[tuple[Message, int | None]]:
        """Read once, and return the messages that are whole by now, each with its descriptor.

        Raises:
            WireError: the peer broke the protocol.
            EOFError: it hung up.
            BlockingIOError: nothing was there.
            OSError: the connection broke.
        """
        data, ancillary, _, _ = self.socket.recvmsg(_READ_BYTES, _ANCILLARY_BYTES, _CLOEXEC)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors = array.array("i")
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
                self._descriptors.extend(descriptors)
        if not data:
            raise EOFError
        for message in self._reader.feed_untrusted(data):
            if not isinstance(message, WITH_DESCRIPTOR):
                yield message, None
            elif self._descriptors:
                yield message, self._descriptors.popleft()
            else:
                raise WireError(type(message))
        if len(self._descriptors) > _DESCRIPTORS:
            raise WireError(len(self._descriptors))

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """Send *message* now, or queue it.

        Raises:
            OSError: the connection broke, or no descriptor was to be had, or nobody reads.
        """
        if len(self._queue) >= (_SILENT_QUEUED_FRAMES if self.pid is None else _QUEUED_FRAMES):
            raise ConnectionAbortedError
        frame = encode(message)
        sent = 0 if self._queue else self._send([frame], descriptor)
        if sent == len(frame):
            return
        if sent or descriptor is None:
            self._queue.append((frame[sent:], None))
        else:
            self._queue.append((frame, os.dup(descriptor)))

    def send_output(self, terminal: Terminal) -> None:
        """Send one turn of *terminal*'s output, if the connection is clear and the socket takes some.

        Raises:
            OSError: the connection broke.
        """
        start = terminal.sent - terminal.base
        with memoryview(terminal.held) as held, held[start : start + TURN_BYTES] as turn:
            header = output_header(terminal.id, terminal.sent, len(turn))
            sent = self._send([header, turn], None)
            if sent == 0:
                return
            if sent < len(header) + len(turn):
                self._queue.append((b"".join((header, turn))[sent:], None))
            terminal.sent += len(turn)

    def flush(self) -> None:
        """Send what is queued, as far as the socket takes it.

        Raises:
            OSError: the connection broke.
        """
        while self._queue:
            data, descriptor = self._queue[0]
            sent = self._send([data], descriptor)
            if sent == 0:
                return
            self._queue.popleft()
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(data):
                self._queue.appendleft((data[sent:], None))
                return

    def _send(self, buffers: list[bytes | memoryview], descriptor: int | None) -> int:
        try:
            if descriptor is None:
                return self.socket.sendmsg(buffers)
            rights = array.array("i", [descriptor])
            return self.socket.sendmsg(buffers, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self.open = False
        self.socket.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        for _, queued in self._queue:
            if queued is not None:
                os.close(queued)
        self._descriptors.clear()
        self._queue.clear()
