"""A connection to the daemon of this home: requests and replies.

with connect(home) as client:
    reply = client.ask(requests.AskStatus(), replies.Status)
"""

import os
import select
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

from cctm import __version__
from cctm.cli.errors import UserError
from cctm.home import Home
from cctm.peer import peer_pid, peer_uid
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import MAX_FRAME, VERSION, FrameReader, encode_message
from cctm.protocol.control.values import Reason
from cctm.protocol.errors import LocalError, MalformedError

ReplyT = TypeVar("ReplyT", bound=tuple[object, ...])

# Waits until one of these descriptors can be read, so many seconds at most (None: for ever); says whether one can.
Wait = Callable[[Sequence[int], float | None], bool]

GREETING_S = 10.0  # a daemon that takes longer to say who it is does not run, or is stuck


def wait(descriptors: Sequence[int], seconds: float | None) -> bool:
    """The Wait of a command that has nothing else to do meanwhile."""
    return bool(select.select(descriptors, (), (), seconds)[0])


class RefusedError(UserError):
    """The daemon did not do it; `reason` tells scripts and callers why."""

    def __init__(self, refused: replies.Refused) -> None:
        super().__init__(refused.what, refused.advice)
        known = refused.reason in set(Reason)
        self.reason = Reason(refused.reason) if known else Reason.FAILED


class DaemonGoneError(UserError):
    """The connection ended in the middle."""

    def __init__(self) -> None:
        super().__init__(
            "The daemon went away before it answered.",
            "Your terminals are kept; call `cctm ls` to see what was done.",
        )


class DaemonSilentError(UserError):
    """It is there and does not answer: stopped, or stuck."""

    def __init__(self, pid: int) -> None:
        super().__init__(
            f"The daemon (pid {pid}) did not answer within {GREETING_S:.0f} s.",
            f"If it was stopped, `kill -CONT {pid}` lets it go on; else `kill -9 {pid}` and try again: "
            "the keeper starts another, and your terminals stay.",
        )


def due_reply(message: tuple[object, ...], expected: type[ReplyT]) -> ReplyT:
    """*message*, which came where a reply of the *expected* type was due.

    Raises:
        RefusedError: the daemon said no.
        UserError: it said something else.
    """
    if isinstance(message, replies.Refused):
        raise RefusedError(message)
    if not isinstance(message, expected):
        raise UserError(
            f"The daemon answered {type(message).__name__} where {expected.__name__} was due.",
            "Command and daemon differ: call `cctm daemon restart`.",
        )
    return message


class Client:
    """One connection; owns its socket."""

    def __init__(self, connection: socket.socket, wait: Wait = wait) -> None:
        self.socket = connection
        self._wait = wait
        self._frames = FrameReader()
        self._received: list[tuple[object, ...]] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def greet(self) -> replies.Welcome:
        """Exchange versions.

        Raises:
            RefusedError: this command and the daemon are of different versions.
            DaemonSilentError: no answer came.
        """
        self.socket.settimeout(GREETING_S)
        try:
            welcome = self.ask(requests.Hello(VERSION, __version__), replies.Welcome)
        except TimeoutError as error:
            raise DaemonSilentError(peer_pid(self.socket)) from error
        self.socket.settimeout(None)
        return welcome

    def send(self, message: tuple[object, ...]) -> None:
        """Send one message.

        Raises:
            UserError: what the user said cannot be sent.
            DaemonGoneError: the connection ended.
        """
        try:
            frame = encode_message(message)
        except LocalError as error:
            raise UserError(
                f"That is longer than the {MAX_FRAME >> 10} KiB that a request may have, or not UTF-8.",
                "Shorten the command line or the environment.",
            ) from error
        try:
            self.socket.sendall(frame)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise DaemonGoneError from error

    def ask(self, request: tuple[object, ...], expected: type[ReplyT]) -> ReplyT:
        """Send a request and return its reply.

        Raises:
            RefusedError: the daemon said no.
            DaemonGoneError: the connection ended first.
        """
        self.send(request)
        return self.expect(expected)

    def expect(self, expected: type[ReplyT]) -> ReplyT:
        """The next message, which must be an *expected* one."""
        return due_reply(self.next_message(), expected)

    def next_message(self) -> tuple[object, ...]:
        """Wait for a message.

        Raises:
            TimeoutError: none came within the socket's timeout.
        """
        while not self._received:
            if not self._wait((self.socket.fileno(),), self.socket.gettimeout()):
                raise TimeoutError
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError as error:
                raise DaemonGoneError from error
            if not data:
                raise DaemonGoneError
            self._received.extend(self.receive(data))
        return self._received.pop(0)

    def receive(self, data: bytes) -> list[tuple[object, ...]]:
        """The messages that *data*, read from the socket, completes."""
        try:
            return list(self._frames.receive_untrusted(data))
        except MalformedError as error:
            raise UserError(
                "The daemon sent something that is not of this protocol.",
                "Command and daemon differ: call `cctm daemon restart`.",
            ) from error

    def take_received(self) -> list[tuple[object, ...]]:
        """Messages that came with the last reply and were not looked at."""
        received, self._received = self._received, []
        return received


def try_connect(home: Home, wait: Wait = wait) -> Client | None:
    """A connection to the daemon if one runs. It waits for its replies by *wait*."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(GREETING_S)
        connection.connect(home.control_socket)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        return None
    except PermissionError as error:
        connection.close()
        raise UserError(
            f"{home.control_socket} may not be opened by this user.",
            "It belongs to somebody else: set CCTM_HOME.",
        ) from error
    except BlockingIOError as error:
        connection.close()
        raise UserError("The daemon does not accept connections.", "See `cctm daemon status`.") from error
    if peer_uid(connection) != os.geteuid():
        connection.close()
        raise UserError(
            f"{home.control_socket} is another user's.",
            "Do not use it: set CCTM_HOME to a shorter path of your own.",
        )
    client = Client(connection, wait)
    try:
        client.greet()
    except DaemonGoneError:
        # It is on its way out; whoever calls may start the next one.
        client.close()
        return None
    except BaseException:
        client.close()
        raise
    return client


def connect(home: Home, wait: Wait = wait) -> Client:
    """A connection to the daemon, which is started if none runs. *wait* is called while nothing else can be done.

    Raises:
        UserError: it cannot be started; the cause in words.
    """
    client = try_connect(home, wait)
    if client is not None:
        return client
    from cctm.cli.start import start_daemon  # what it imports is needed only here

    return start_daemon(home, lambda: try_connect(home, wait), lambda seconds: wait((), seconds))
