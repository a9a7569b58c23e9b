"""The attached session: keyboard to daemon, output to screen (RAW: the program's own bytes).

    stdin ─► prefix keys ─► Input ─► daemon            daemon ─► Output ─► modes ─► stdout
    the connection ends without Ended ─► connect again, resume at the offset seen; keys typed meanwhile are dropped
    if that took more than 5 s: nothing that was typed may run late. A refusal, a signal or Ctrl+B d ends it at once

One poll loop; the screen is written in pieces that a slow terminal takes without stopping the loop for long.
"""

import contextlib
import os
import select
import signal
import socket
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cctm.cli import terminal
from cctm.cli.client import Client, RefusedError, Wait
from cctm.cli.errors import UserError
from cctm.cli.keys import HELP, Command, PrefixKeys
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Mode, Others, Rights
from cctm.screen.modes import Modes

READ_BYTES: Final = 256 * 1024
WRITE_BYTES: Final = 64 * 1024
HISTORY_BYTES: Final = 32 * 1024
RECONNECT_S: Final = 30.0
RETRY_S: Final = 0.2
FORGET_KEYS_S: Final = 5.0
SAY_AWAY_S: Final = 2.0  # a restart takes less
AWAY: Final = "The daemon is away; waiting for it. Ctrl+B d: leave"
BACK: Final = "The daemon is back."
BACK_LATE: Final = "The daemon is back. Keys typed meanwhile were dropped."
BELL: Final = b"\a"
ST: Final = b"\x1b\\"  # ends a sequence that was cut, and is nothing where there was none
LEAVING: Final = frozenset({signal.SIGHUP, signal.SIGTERM})


@dataclass(frozen=True, slots=True)
class Detached:
    """The user left; the terminal goes on."""


Outcome = Detached | replies.Ended | replies.Released


def attach_request(target: str, rights: Rights, others: Others) -> requests.Attach:
    """An Attach with this terminal's size, and the SSH agent of whoever attaches."""
    cols, rows = terminal.size()
    agent = os.environb.get(b"SSH_AUTH_SOCK")
    return requests.Attach(
        target=target,
        cols=cols,
        rows=rows,
        term=os.environ.get("TERM", ""),
        mode=Mode.AUTO,
        rights=rights,
        others=others,
        resume=None,
        history_bytes=HISTORY_BYTES,
        ssh_auth_sock=agent,
    )


class Session:
    """One attachment of this process to one terminal."""

    def __init__(
        self,
        client: Client,
        request: requests.Attach,
        attached: replies.Attached,
        reconnect: Callable[[Wait], Client],
    ) -> None:
        """
        Args:
            reconnect: makes a new connection, and calls what it is given while it can do nothing else.
        """
        self._client = client
        self._request = request
        self._attached = attached
        self._reconnect = reconnect
        self._offset = attached.offset
        self._keys = PrefixKeys()
        self._modes = Modes()
        self._unsent = b""  # typed when the connection had ended already; nobody has seen it
        self._outcome: Outcome | None = None
        self._lost_at = 0.0
        self._said_away = False

    @property
    def name(self) -> str:
        """The terminal's name, as far as this client has heard."""
        return self._attached.name

    def run(self) -> Outcome:
        """Serve until the user leaves, the terminal ends or the daemon lets go.

        Raises:
            UserError: the daemon went and did not come back.
        """
        with terminal.raw(), _signals_as_bytes() as wake:
            try:
                for message in self._client.take_received():
                    self._take(message)
                while self._outcome is None:
                    if not self._serve(wake):
                        self._come_back(wake)
                if isinstance(self._outcome, replies.Released):
                    _drop_keys()
            except UserError:
                _drop_keys()
                raise
            finally:
                terminal.write(self._modes.undo())
        return self._outcome

    def _serve(self, wake: int) -> bool:
        """Pass bytes on until there is an outcome; False when the connection ended."""
        connection = self._client.socket
        poll = select.poll()
        for descriptor in (terminal.STDIN, connection.fileno(), wake):
            poll.register(descriptor, select.POLLIN)
        while self._outcome is None:
            # The connection first: what is typed after it ended must not be written into it.
            ready = {descriptor for descriptor, _ in poll.poll()}
            for descriptor in sorted(ready, key=lambda ready: ready != connection.fileno()):
                if descriptor == connection.fileno():
                    data = _receive(connection)
                    if not data:
                        return self._outcome is not None
                    for message in self._client.receive(data):
                        self._take(message)
                elif descriptor == terminal.STDIN:
                    if not self._read_keys():
                        return False
                elif not self._take_signals(os.read(wake, 256)):
                    return False
        return True

    def _take(self, message: tuple[object, ...]) -> None:
        match message:
            case replies.Output(offset, data):
                self._offset = offset + len(data)
                self._modes.feed(data)
                terminal.write(data)
            case replies.History(data) | replies.Painted(data):
                self._modes.feed(data)
                terminal.write(data)
            case replies.Repaint():
                terminal.write(ST + self._modes.undo())
                self._modes = Modes()
            case replies.NameChanged(name):
                self._attached = self._attached._replace(name=name)
            case replies.Notice(_, text):
                _say(text)
            case replies.Ended() | replies.Released():
                self._outcome = message
            case _:
                # Messages for painted and shared sessions do not concern a raw one.
                return

    def _read_keys(self) -> bool:
        data = _read_stdin()
        if not data:
            self._outcome = Detached()
            return True
        for part in self._keys.receive(data):
            match part:
                case bytes():
                    if not self._send(requests.Input(part)):
                        self._unsent += part
                case Command.DETACH:
                    self._outcome = Detached()
                    return True
                case Command.HELP:
                    _say(HELP)
                case Command.UNKNOWN:
                    terminal.write(BELL)
        return not self._unsent

    def _take_signals(self, numbers: bytes) -> bool:
        for number in numbers:
            if number in LEAVING:
                self._outcome = Detached()
            elif number == signal.SIGWINCH and not self._send(requests.Resize(*terminal.size())):
                return False
        return True

    def _send(self, message: tuple[object, ...]) -> bool:
        try:
            self._client.send(message)
        except UserError:
            return False
        return True

    def _come_back(self, wake: int) -> None:
        """Connect again and resume where the output stopped, unless a signal or the user ends the session meanwhile.

        Raises:
            UserError: the daemon said no, or did not come back.
        """
        self._client.close()
        self._lost_at = time.monotonic()
        self._said_away = False
        try:
            with _ended_by_signals(wake):
                self._reattach()
        except _LeaveError:
            self._outcome = Detached()
            return
        unsent, self._unsent = self._unsent, b""
        is_late = time.monotonic() > self._lost_at + FORGET_KEYS_S
        if self._said_away:
            _say(BACK_LATE if is_late and unsent else BACK)
        if is_late:
            _drop_keys()
        else:
            for start in range(0, len(unsent), WRITE_BYTES):
                self._send(requests.Input(unsent[start : start + WRITE_BYTES]))
        self._offset = self._attached.offset
        for message in self._client.take_received():
            self._take(message)

    def _reattach(self) -> None:
        while True:
            try:
                self._client = self._reconnect(self._wait)
                self._attached = self._client.ask(self._resumption(), replies.Attached)
            except RefusedError:  # whoever answered will not think better of it
                self._client.close()
                raise
            except UserError:
                self._client.close()
                if time.monotonic() > self._lost_at + RECONNECT_S:
                    raise
                self._wait((), RETRY_S)
            else:
                return

    def _resumption(self) -> requests.Attach:
        cols, rows = terminal.size()
        return self._request._replace(
            target=self._attached.channel.hex(),
            cols=cols,
            rows=rows,
            others=Others.KEEP,  # those who came meanwhile are not those whom the user meant
            resume=self._offset,
            history_bytes=0,
        )

    def _wait(self, descriptors: Sequence[int], seconds: float | None) -> bool:
        """A Wait that takes what is typed, and says after a while why nothing happens.

        Raises:
            _LeaveError: the user wants to leave.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = RETRY_S if until is None else max(0.0, min(RETRY_S, until - time.monotonic()))
            readable, _, _ = select.select([terminal.STDIN, *descriptors], [], [], left)
            if not self._said_away and time.monotonic() > self._lost_at + SAY_AWAY_S:
                self._said_away = True
                _say(AWAY)
            if terminal.STDIN in readable:
                self._keep_keys()
            if set(descriptors).intersection(readable):
                return True
            if until is not None and time.monotonic() >= until:
                return False

    def _keep_keys(self) -> None:
        data = _read_stdin()
        if not data:
            raise _LeaveError
        for part in self._keys.receive(data):
            if part is Command.DETACH:
                raise _LeaveError
            self._unsent += part if isinstance(part, bytes) else b""


def _say(text: str) -> None:
    terminal.write(b"\r\n\x1b[7m" + text.encode() + b"\x1b[0m\r\n")


def _drop_keys() -> None:
    """What was typed for the program is for nobody else."""
    with contextlib.suppress(termios.error):  # the window was closed
        termios.tcflush(terminal.STDIN, termios.TCIFLUSH)


def _read_stdin() -> bytes:
    """What was typed; nothing if the window was closed."""
    try:
        return os.read(terminal.STDIN, WRITE_BYTES)
    except OSError:
        return b""


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(READ_BYTES)
    except ConnectionResetError:
        return b""


@contextlib.contextmanager
def _signals_as_bytes() -> Iterator[int]:
    """Signals that concern a session arrive as their numbers on the descriptor that this yields."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(writer, False)
    numbers = (signal.SIGWINCH, *LEAVING)
    previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
    old_wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old_wakeup)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


class _LeaveError(BaseException):
    """The session is to end, whatever it waits for."""


@contextlib.contextmanager
def _ended_by_signals(wake: int) -> Iterator[None]:
    """SIGHUP and SIGTERM raise _LeaveError from whatever is inside; so does one that nobody has read from *wake*."""

    def leave(*_: object) -> None:
        for number in LEAVING:  # one is enough: what is cleaned up now must not be left too
            signal.signal(number, lambda *_: None)
        raise _LeaveError

    previous = {number: signal.signal(number, leave) for number in LEAVING}
    try:
        if select.select([wake], [], [], 0)[0] and LEAVING.intersection(os.read(wake, 256)):
            leave()
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
