"""A relay that lies: between real daemons and an honest relay stands somebody who knows the messages.

    with LyingRelay() as liar:
        with RelayProcess(place, "--origin", liar.address) as relay:
            liar.serve(relay.address)
            liar.lie = doubled          what is passed on for each message, from now on; `honest` again ends it

A lie is called for each message of each connection, both ways, one at a time. It has what a relay has: all that
passed, and every connection to say something on.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from cctm.protocol.ids import ChannelId, WriterId, channel_id
from cctm.protocol.sync.messages import MAX_MESSAGE, TABLE, Open
from cctm.protocol.tables import Message

FROM_CLIENT = 64  # types below it are the dialling side's


@dataclass(eq=False)
class Passage:
    """One connection through the liar."""

    near: ServerConnection
    far: ClientConnection
    channel: ChannelId | None = None
    member: WriterId | None = None
    heard: list[Message] = field(default_factory=list)  # of the client, and of the relay

    @property
    def is_host(self) -> bool:
        return self.member is not None and channel_id(self.member) == self.channel

    def say(self, message: Message) -> None:
        """Tell the client, as if the relay did."""
        with contextlib.suppress(ConnectionClosed):
            self.near.send(TABLE.encode(message))

    def tell_relay(self, message: Message) -> None:
        """Tell the relay, as if the client did."""
        with contextlib.suppress(ConnectionClosed):
            self.far.send(TABLE.encode(message))

    def cut(self) -> None:
        self.far.close()
        self.near.close()


Lie = Callable[[Passage, Message], Iterable[Message]]


def honest(_passage: Passage, message: Message) -> Iterable[Message]:
    return [message]


def is_from_client(message: Message) -> bool:
    return TABLE.types[type(message)] < FROM_CLIENT


class LyingRelay:
    """Listens at once; passes on from `serve` on."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.upstream = ""  # of connections that come from now on
        self.lie: Lie = honest
        self.passages: list[Passage] = []  # those that are up
        self.errors: list[BaseException] = []  # of lies
        self._lock = threading.RLock()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "LyingRelay":
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self.cut(lambda _: True)
            self._thread.join()
        self._socket.close()
        assert self.errors == []

    def serve(self, upstream: str) -> None:
        self.upstream = upstream
        self._server = serve(self._pass_on, sock=self._socket, compression=None, max_size=MAX_MESSAGE)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def up(self, which: Callable[[Passage], bool]) -> list[Passage]:
        with self._lock:
            return [passage for passage in self.passages if which(passage)]

    def cut(self, which: Callable[[Passage], bool]) -> None:
        """Cut the connections that *which* says; they will be made again."""
        for passage in self.up(which):
            passage.cut()

    def _pass_on(self, near: ServerConnection) -> None:
        url = self.upstream.replace("http", "ws", 1) + "/sync/0"
        try:
            far = connect(url, compression=None, max_size=MAX_MESSAGE, proxy=None)
        except (OSError, WebSocketException):
            return
        passage = Passage(near, far)
        with far:
            with self._lock:
                self.passages.append(passage)
            back = threading.Thread(target=self._pump, args=(passage, far, near))
            back.start()
            self._pump(passage, near, far)
            back.join()
        with self._lock:
            self.passages.remove(passage)

    def _pump(
        self,
        passage: Passage,
        source: ServerConnection | ClientConnection,
        sink: ServerConnection | ClientConnection,
    ) -> None:
        try:
            for frame in source:
                assert isinstance(frame, bytes)
                message = TABLE.decode_untrusted(frame)
                with self._lock:
                    if isinstance(message, Open):
                        passage.channel, passage.member = ChannelId(message.channel), WriterId(message.member)
                    passage.heard.append(message)
                    for one in self.lie(passage, message):
                        sink.send(TABLE.encode(one))
        except ConnectionClosed:
            pass
        except Exception as error:  # noqa: BLE001  a test looks at them at its end
            self.errors.append(error)
        finally:
            sink.close()
            source.close()
