"""One open connection to a relay, about one channel (SPEC.md §15).

    dial(origin, channel, key) ─► TCP, TLS, WebSocket ─► Hello, Challenge, Open, Opened ─► Connection

**Invariants**

- Only the origin is dialled that was named; a redirect is an error, as the proof names the address.
- Every wait ends: for a name, a handshake, a peer that takes nothing more, a peer that is silent.
- Of what has come some messages wait here, no more.
- Whatever goes wrong is a LinkError (`failures`).
"""

import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Final

import trio
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.trio.client import ClientConnection, connect

from cctm.cctmd.links import resources
from cctm.cctmd.links.failures import (
    LinkDownError,
    LinkError,
    cut,
    not_understood,
    refused,
    silent,
    unreachable,
)
from cctm.protocol.admission import NONCE_BYTES, Verb
from cctm.protocol.errors import MalformedError
from cctm.protocol.keys import ChannelId, DeviceKeys, WriterKey
from cctm.protocol.origin import Origin
from cctm.protocol.sync.dialling import Dialling, State
from cctm.protocol.sync.messages import MAX_MESSAGE, TABLE, Refused
from cctm.protocol.tables import Message

__all__ = ["Connection", "LinkDownError", "LinkError", "dial"]

PATH: Final = "/sync/0"
OPEN_S: Final = 10.0  # for TCP, TLS and HTTP; and again for the handshake of the protocol
PING_S: Final = 20.0  # proxies drop what is silent for a minute
PING_TIMEOUT_S: Final = 40.0  # behind a message that a slow line takes long for
SEND_S: Final = 60.0  # one message; the library's own ping would wait behind it for ever
CLOSE_S: Final = 2.0
_QUEUED_MESSAGES: Final = 1

_LOG: Final = logging.getLogger("cctm.cctmd.links.websockets")
_LOG.addHandler(logging.NullHandler())  # the library's own lines are about single connections
_LOG.propagate = False


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Connection:
    """One that is open. One task may receive while others send."""

    def __init__(self, socket: ClientConnection, machine: Dialling, origin: Origin) -> None:
        self._socket = socket
        self._machine = machine
        self.origin = origin
        self.sent_bytes = 0
        self.received_bytes = 0

    @property
    def verbs(self) -> Verb:
        """What the key may do here."""
        return self._machine.verbs

    @property
    def access_version(self) -> int:
        """Of the access list that the relay had when this was opened; 0: none."""
        return self._machine.access_version

    async def send(self, message: Message) -> None:
        """
        Raises:
            LinkDownError: nobody knows whether it was received.
        """
        await self._send(TABLE.encode(message))

    async def receive(self) -> Message:
        """The next message.

        Raises:
            LinkDownError: the connection is gone.
            LinkError: the relay refuses, or does not keep to the protocol.
        """
        while True:
            message = await self._take()
            if message is not None:
                return message

    async def open(self) -> None:
        """Show the key. `dial` has done it."""
        await self._send(self._machine.begin())
        while self._machine.state is not State.OPEN:
            await self._take()

    async def _take(self) -> Message | None:
        try:
            data = await self._socket.recv()
        except ConnectionClosed as error:
            raise cut(self.origin) from error
        self.received_bytes += len(data)
        if isinstance(data, str):
            raise not_understood(self.origin, "text")
        try:
            reply, message = self._machine.receive_untrusted(data)
        except MalformedError as error:
            raise not_understood(self.origin, error.what) from error
        if isinstance(message, Refused):
            raise refused(message)
        if reply is not None:
            await self._send(reply)
        return message

    async def _send(self, frame: bytes) -> None:
        try:
            with trio.fail_after(SEND_S):
                await self._socket.send(frame)
        except ConnectionClosed as error:
            raise cut(self.origin) from error
        except trio.TooSlowError as error:
            await trio.aclose_forcefully(self._socket.stream)  # who receives hears of it, too
            raise cut(self.origin) from error
        self.sent_bytes += len(frame)


@asynccontextmanager
async def dial(
    origin: Origin, channel: ChannelId, key: WriterKey | DeviceKeys, invite: bytes | None = None
) -> AsyncIterator[Connection]:
    """An open connection.

    Args:
        key: whom to be.
        invite: for a relay that wants one of who makes a channel.
    Raises:
        LinkError: there is none, and why.
    """
    machine = Dialling(channel, key, str(origin), os.urandom(NONCE_BYTES), invite)
    async with AsyncExitStack() as stack:
        socket = await _reach(origin, stack)
        connection = Connection(socket, machine, origin)
        try:
            with trio.fail_after(OPEN_S):
                await connection.open()
        except trio.TooSlowError:
            raise silent(origin) from None
        yield connection


async def _reach(origin: Origin, stack: AsyncExitStack) -> ClientConnection:
    """A WebSocket, which *stack* closes."""
    resources.prepare()
    secure = origin.scheme == "https"
    connecting = _Connect(
        str(origin).replace("http", "ws", 1) + PATH,
        ssl=await resources.trusted() if secure else None,
        compression=None,
        proxy=None,
        user_agent_header=None,
        open_timeout=OPEN_S,
        ping_interval=PING_S,
        ping_timeout=PING_TIMEOUT_S,
        close_timeout=CLOSE_S,
        max_size=MAX_MESSAGE,
        max_queue=_QUEUED_MESSAGES,
        logger=_LOG,
    )
    try:
        socket = await stack.enter_async_context(connecting)
    except (OSError, ssl.SSLError, trio.BrokenResourceError, WebSocketException) as error:
        raise unreachable(origin, error) from error
    stack.push_async_exit(_Closing(socket).close)
    return socket


class _Closing:
    """The end of a connection: polite if all is well, and in any case soon.

    The library would wait for ever to say good-bye to a peer that takes nothing more; and its reader, to go on reading
    while messages wait that nobody will receive.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def close(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with trio.move_on_after(CLOSE_S):
                    await self._socket.aclose()
        finally:
            await trio.aclose_forcefully(self._socket.stream)
            if self._socket.recv_flow_control is not None:
                self._socket.resume_reading()  # to find the stream closed
