"""The keeper, as the command meets it where no daemon is there to ask.

reach ─► ask for a daemon (start)
      ─► QUIT ─► gone, if it holds nothing; otherwise SIGTERM: programs are hung up, then it ends (SPEC.md §7.6)
"""

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator

from cctm.cli.errors import UserError
from cctm.home import Home
from cctm.keeper.wire import FrameReader, Quit, StartDaemon, Stop, encode
from cctm.peer import peer_pid, peer_uid

REACH_S = 5.0
END_S = 30.0


def reach(home: Home) -> socket.socket | None:
    """A connection to the keeper of *home*; None: none listens.

    Raises:
        UserError: it is another user's.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(REACH_S)
        connection.connect(home.keeper_socket)
    except (FileNotFoundError, NotADirectoryError, ConnectionError, TimeoutError):
        connection.close()
        return None
    if peer_uid(connection) != os.geteuid():
        connection.close()
        raise UserError(f"{home.keeper_socket} is another user's.", "Set CCTM_HOME to a shorter path.")
    return connection


def ask_for_daemon(home: Home) -> bool:
    """Ask the keeper to start its daemon; False: nobody heard it."""
    connection = reach(home)
    if connection is None:
        return False
    with connection:
        try:
            connection.sendall(encode(StartDaemon()))
        except (ConnectionError, TimeoutError):
            return False
    return True


def end(connection: socket.socket) -> bool:
    """Make the keeper at the other end end, without a daemon. Returns whether it held programs, which end too."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(encode(Stop()) + encode(Quit()))
    holds = _answers(connection)
    if holds:
        os.kill(peer_pid(connection), signal.SIGTERM)
    return holds


@contextlib.contextmanager
def seen_out(connection: socket.socket) -> Iterator[None]:
    """Wait afterwards until the keeper at the other end is gone, and its lock free for the next one.

    Raises:
        UserError: it stays.
    """
    pid = peer_pid(connection)
    with _process(pid) as process:
        yield
        connection.settimeout(END_S)
        try:
            while _receive(connection):
                continue
        except TimeoutError as error:
            raise UserError(f"The keeper (pid {pid}) does not end.", f"`kill -9 {pid}` ends it.") from error
        if process:
            select.select(process, (), (), END_S)


@contextlib.contextmanager
def _process(pid: int) -> Iterator[list[int]]:
    """A descriptor that can be read once *pid* has ended; none where the system has no such thing."""
    found: list[int] = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an old kernel
            found.append(os.pidfd_open(pid))
    try:
        yield found
    finally:
        for descriptor in found:
            os.close(descriptor)


def _answers(connection: socket.socket) -> bool:
    """Whether a message comes, which can only be a refusal, before the connection ends."""
    frames = FrameReader()
    connection.settimeout(END_S)
    with contextlib.suppress(TimeoutError):
        while data := _receive(connection):
            for _ in frames.feed_untrusted(data):
                return True
        return False
    return True


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""
