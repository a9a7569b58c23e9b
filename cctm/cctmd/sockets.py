"""Non-blocking Unix sockets under trio.

The standard library's sockets with trio's `wait_readable` and `wait_writable`: output must be sent at once
from code that is not a task of its own, which trio's socket type cannot do.
"""

import contextlib
import os
import select
import socket
from collections.abc import Iterator
from typing import Final

import trio

from cctm.peer import peer_uid

_GONE: Final = select.POLLHUP | getattr(select, "POLLRDHUP", 0)  # macOS has no POLLRDHUP


def listen(path: str) -> socket.socket:
    """Listen at *path*, replacing a stale socket. Hold the lock that makes the caller the only listener."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)  # noqa: FBT003  the standard library's signature
    previous = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(previous)
    listener.listen(128)
    return listener


@contextlib.contextmanager
def listening(path: str) -> Iterator[socket.socket]:
    """Listen at *path* as `listen` does; afterwards the name is gone too."""
    listener = listen(path)
    try:
        yield listener
    finally:
        listener.close()
        with contextlib.suppress(OSError):
            os.unlink(path)


async def accept(listener: socket.socket) -> socket.socket:
    """The next connection; sockets of other users are closed unheard."""
    while True:
        await trio.lowlevel.wait_readable(listener)
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            continue
        if peer_uid(connection) == os.geteuid():
            connection.setblocking(False)  # noqa: FBT003
            return connection
        connection.close()


async def receive(connection: socket.socket, size: int) -> bytes:
    """At least one byte, or b"" at the end. A broken connection is an ended one."""
    while True:
        await trio.lowlevel.wait_readable(connection)
        try:
            return connection.recv(size)
        except BlockingIOError:
            continue
        except ConnectionError:
            return b""


def hung_up(connection: socket.socket) -> bool:
    """Whether the other end sends nothing more, though what it sent before may not be read yet."""
    poll = select.poll()
    poll.register(connection, _GONE)
    return bool(poll.poll(0))
