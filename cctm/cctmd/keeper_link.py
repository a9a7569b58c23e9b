"""The link to the keeper: frames and descriptors in, requests out; another keeper is started when it dies.

    run:  connect ─► HELLO ─► HERE… READY ─► Arrived ─► Output, Ended, replies … ─► the connection ends ─┐
            ▲                                                                                            │
            ├───────── the keeper still listens (it upgraded itself) ◄───────────────────────────────────┤
            └── a new keeper is started with one end of a socket pair; masters are handed back (ADOPT) ◄─┘
                           unless the home is gone: nobody would find either of us again

Requests are queued, never awaited by the reader. Replies to OPEN and START are matched by ref and id.
"""

import array
import errno
import logging
import os
import socket
import subprocess
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import trio

from cctm.home import Home
from cctm.keeper import wire
from cctm.launch import start_keeper
from cctm.protocol.keys import StreamId

RECEIVE_BYTES: Final = 64 * 1024  # a key's echo waits until what came before it is folded
MAX_DESCRIPTORS: Final = 253
RETRY_S: Final = 0.2
NO_LONGER_PREPARED: Final = "prepared"  # where a START fails whose PTY went with an earlier keeper

LOG = logging.getLogger(__name__)


class StartError(Exception):
    """The keeper could not make the PTY or start the program; *where*: which step."""

    def __init__(self, errno: int, where: str) -> None:
        super().__init__(errno, where)
        self.errno = errno
        self.where = where


class KeeperGoneError(Exception):
    """The keeper went away before it answered."""


class HomeGoneError(Exception):
    """The home was deleted, or something else is in its place; and there is no keeper."""


T = TypeVar("T")


class _Reply(Generic[T]):
    """A value that somebody waits for, or the reason why it will not come."""

    def __init__(self) -> None:
        self._event = trio.Event()
        self._value: T | None = None
        self._error: Exception | None = None

    def set(self, value: T) -> None:
        self._value = value
        self._event.set()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._event.set()

    async def wait(self) -> T:
        await self._event.wait()
        if self._error is not None:
            raise self._error
        assert self._value is not None
        return self._value


@dataclass(frozen=True, slots=True)
class Kept:
    """A terminal that the keeper holds, with a descriptor of its master, which the receiver owns."""

    here: wire.Here
    master: int


class Listener(Protocol):
    """Whoever is told what the keeper says. None of these may block or raise."""

    def arrived(self, kept: list[Kept]) -> None:
        """A connection is up; this is all that the keeper holds."""

    def output(self, stream: StreamId, offset: int, data: bytes) -> None:
        """Bytes of a terminal."""

    def ended(self, stream: StreamId, how: int, code: int, end: int) -> None:
        """A terminal ended; `end` is the offset behind its last byte."""

    def turn_over(self) -> None:
        """What was read at once is passed on."""


class KeeperLink:
    """The daemon's side of the connection to the keeper."""

    def __init__(self, home: Home, listener: Listener) -> None:
        self._home = home
        self._root = _identity(home.root)
        self._listener = listener
        self._socket: socket.socket | None = None
        self._outbox: deque[tuple[bytes, int | None]] = deque()
        self._wake = trio.Event()
        self._descriptors: deque[int] = deque()
        self._opening: dict[int, _Reply[tuple[StreamId, int]]] = {}
        self._starting: dict[wire.StreamId, _Reply[int]] = {}
        self._next_ref = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._parting = False
        self.keeper_pid: int | None = None

    # --- requests

    def send(self, message: wire.Message, descriptor: int | None = None) -> None:
        """Queue *message*, with a duplicate of *descriptor* attached. Lost if the connection ends first.

        What is lost is said again when both sides are brought level: nothing rests on a message having arrived.
        """
        if self._socket is None:
            return
        duplicate = None if descriptor is None else os.dup(descriptor)
        self._outbox.append((wire.encode(message), duplicate))
        self._flush()

    def part(self, message: wire.Message) -> None:
        """Send *message*, after which this daemon leaves: when the connection ends, none is made again."""
        self._parting = True
        self.send(message)

    async def open(self, tag: str, cols: int, rows: int) -> tuple[StreamId, int]:
        """A new PTY: its stream id and a descriptor of the master, which the caller owns.

        Raises:
            StartError, KeeperGoneError
        """
        self._next_ref += 1
        ref = self._next_ref
        self._require_connection()
        reply = self._opening[ref] = _Reply()
        try:
            self.send(wire.Open(ref, tag, cols, rows))
            return await reply.wait()
        finally:
            del self._opening[ref]

    async def start(self, start: wire.Start) -> int:
        """Start a program on a PTY from `open`; its process id.

        Raises:
            StartError, KeeperGoneError
        """
        self._require_connection()
        reply = self._starting[start.id] = _Reply()
        try:
            self.send(start)
            return await reply.wait()
        finally:
            del self._starting[start.id]

    def _require_connection(self) -> None:
        if self._socket is None:
            raise KeeperGoneError

    # --- the connection

    async def connect(self) -> None:
        """Connect to the keeper, or start one; tried until it works.

        Raises:
            HomeGoneError
        """
        while True:
            if _identity(self._home.root) != self._root:
                raise HomeGoneError
            try:
                connection = self._reach()
                if connection is None:
                    connection = await trio.to_thread.run_sync(self._start_keeper)
            except OSError as error:
                LOG.warning("the keeper cannot be reached: %s", error)
                await trio.sleep(RETRY_S)
            else:
                self._adopt_connection(connection)
                return

    async def run(self) -> None:
        """Serve the connection made by `connect`, and its successors, until `part`.

        Raises:
            HomeGoneError: the connection ended, and there can be no other.
        """
        while not self._parting:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                try:
                    await self._read()
                except (wire.WireError, IndexError):  # IndexError: a descriptor did not come
                    LOG.exception("the keeper broke its protocol")
                nursery.cancel_scope.cancel()
            self._drop()
            if not self._parting:
                await self.connect()

    def _reach(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)  # noqa: FBT003  the standard library's signature
        try:
            connection.connect(self._home.keeper_socket)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            connection.close()
            return None
        return connection

    def _start_keeper(self) -> socket.socket:
        if self._child is not None:
            self._child.poll()
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = start_keeper(self._home, theirs.fileno())
        ours.setblocking(False)  # noqa: FBT003
        return ours

    def _adopt_connection(self, connection: socket.socket) -> None:
        self._socket = connection
        self._frames = wire.FrameReader()
        self._arriving: list[Kept] | None = []
        self._wake = trio.Event()
        self.send(wire.Hello(wire.VERSION, os.getpid()))

    def _drop(self) -> None:
        if self._socket is not None:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
            self._socket = None
        for _, duplicate in self._outbox:
            if duplicate is not None:
                os.close(duplicate)
        self._outbox.clear()
        while self._descriptors:
            os.close(self._descriptors.popleft())
        for opening in self._opening.values():
            opening.fail(KeeperGoneError())
        for starting in self._starting.values():
            starting.fail(KeeperGoneError())

    async def _read(self) -> None:
        connection = self._socket
        assert connection is not None
        ancillary = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        while True:
            await trio.lowlevel.wait_readable(connection)
            try:
                data, control, _, _ = connection.recvmsg(RECEIVE_BYTES, ancillary)
            except BlockingIOError:
                continue
            except ConnectionError:
                return
            if not data:
                return
            if control:
                self._descriptors.extend(_descriptors(control))
            for message in self._frames.feed_untrusted(data):
                self._take(message)
            self._listener.turn_over()

    def _take(self, message: wire.Message) -> None:
        match message:
            case wire.Output(id_, offset, data):
                self._listener.output(StreamId(id_), offset, data)
            case wire.Ended(id_, how, code, end):
                self._listener.ended(StreamId(id_), how, code, end)
            case wire.Here():
                if self._arriving is not None:
                    self._arriving.append(Kept(message, self._descriptors.popleft()))
            case wire.Ready(_, pid):
                self.keeper_pid = pid
                arrived, self._arriving = self._arriving or [], None
                self._listener.arrived(arrived)
            case wire.Opened(ref, id_):
                self._deliver_open(ref, StreamId(id_), self._descriptors.popleft())
            case wire.Started(id_, pid):
                if (starting := self._starting.get(id_)) is not None:
                    starting.set(pid)
            case wire.Failed(id_, ref, number, where):
                failure = StartError(number, where)
                if ref is not None and ref in self._opening:
                    self._opening[ref].fail(failure)
                elif id_ is not None and id_ in self._starting:
                    self._starting[id_].fail(failure)
                elif id_ is not None:  # nobody waits any more: it was started through an earlier connection
                    self._listener.ended(StreamId(id_), wire.How.LOST, 0, 0)
            case wire.Refused(text, id_):
                LOG.warning("the keeper refused: %s", text)
                if id_ is not None and id_ in self._starting:
                    self._starting[id_].fail(StartError(errno.EAGAIN, NO_LONGER_PREPARED))
            case _:
                # What only a keeper may receive: nothing follows from it here.
                return

    def _deliver_open(self, ref: int, stream: StreamId, master: int) -> None:
        if ref in self._opening:
            self._opening[ref].set((stream, master))
        else:
            os.close(master)
            self.send(wire.Forget(wire.StreamId(stream)))

    # --- sending

    def _flush(self) -> None:
        while self._outbox and self._socket is not None:
            frame, descriptor = self._outbox[0]
            control = (
                []
                if descriptor is None
                else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            )
            try:
                sent = self._socket.sendmsg([frame], control)
            except BlockingIOError:
                self._wake.set()
                return
            except OSError:
                return  # the reader meets the end of the connection, too, and acts on it
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(frame):
                self._outbox[0] = (frame[sent:], None)
            else:
                self._outbox.popleft()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            if self._socket is None:
                return
            await trio.lowlevel.wait_writable(self._socket)
            self._wake = trio.Event()
            self._flush()


def _identity(directory: str) -> tuple[int, int] | None:
    try:
        status = os.stat(directory)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _descriptors(control: Iterable[tuple[int, int, bytes]]) -> list[int]:
    found: list[int] = []
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            received = array.array("i")
            received.frombytes(data[: len(data) - len(data) % received.itemsize])
            found.extend(received)
    for descriptor in found:
        os.set_inheritable(descriptor, False)  # noqa: FBT003  the standard library's signature
    return found
