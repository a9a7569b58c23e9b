"""The WebSocket server: who may connect, and what else is answered.

    GET /sync/0    a connection (SPEC.md §15)
    GET /healthz   200 while the store can be written, else 503
    GET /metrics   counters, for callers on this machine that no proxy stands before

Caps and rates of connections are by client address: of the socket, or what the proxy says where there is one. Who is
above them gets 429 before a WebSocket is opened.
"""

import logging
import os
import secrets
import ssl
import traceback
from collections import Counter
from http import HTTPStatus
from typing import Final

import trio
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.trio.server import ServerConnection, serve

from cctm.protocol.admission import NONCE_BYTES
from cctm.protocol.sync.messages import MAX_MESSAGE
from cctm.protocol.sync.serving import Reason, Serving
from cctm.relay.addresses import client_of, is_loopback, own_names
from cctm.relay.limits import Buckets
from cctm.relay.options import Options
from cctm.relay.refusals import RefusedError
from cctm.relay.session import Relay, Session
from cctm.relay.websocket import CLOSE_S, WebSocket

PATH: Final = "/sync/0"
PING_S: Final = 25.0  # proxies drop what is silent for a minute
PING_TIMEOUT_S: Final = 60.0  # behind a message that a slow line takes long for
OPEN_S: Final = 10.0
QUEUED_MESSAGES: Final = 1  # received and not yet looked at
NEW_S: Final = 10.0  # in which one address may open as many connections as it may have

_LOG: Final = logging.getLogger("cctm.relay.websockets")


class Server:
    """All connections of one relay."""

    def __init__(self, options: Options, relay: Relay) -> None:
        self._options = options
        self._relay = relay
        self._of_address: Counter[str] = Counter()
        most = options.connections_per_address
        self._new = Buckets(most / NEW_S, most)
        self._sessions: set[Session] = set()
        self._gone = trio.Event()
        self._is_leaving = False
        self._scheme = "https" if options.tls_cert else "http"

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. Starts with the address at which it listens."""
        options = self._options
        context = None
        if options.tls_cert is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(options.tls_cert, options.tls_key)
        listeners = await trio.open_tcp_listeners(options.port, host=options.host)
        async with trio.open_nursery() as nursery:
            await nursery.start(
                lambda task_status: serve(
                    self._serve,
                    listeners=listeners,
                    ssl=context,
                    compression=None,
                    process_request=self._look_at,
                    server_header=None,
                    open_timeout=OPEN_S,
                    ping_interval=PING_S,
                    ping_timeout=PING_TIMEOUT_S,
                    close_timeout=CLOSE_S,
                    max_size=MAX_MESSAGE,
                    max_queue=QUEUED_MESSAGES,
                    logger=_LOG,
                    task_status=task_status,
                )
            )
            host, port = listeners[0].socket.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            task_status.started(f"{self._scheme}://{shown}:{port}")

    async def leave(self) -> None:
        """Tell everybody that this relay stops, and wait until they have heard it."""
        self._is_leaving = True
        for session in list(self._sessions):
            session.refuse(
                RefusedError(Reason.LEAVING, "The relay stops.", "It may be back soon: connect again.")
            )
        with trio.move_on_after(CLOSE_S):
            while self._sessions:
                await self._gone.wait()

    def _look_at(self, connection: ServerConnection, request: Request) -> Response | None:
        """What to answer instead of opening a WebSocket; None: open it."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            failure = self._relay.store.failure
            if failure is None:
                return _text(HTTPStatus.OK, "ok\n")
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, "the store cannot be written\n")
        if path == "/metrics" and self._is_local(connection, request):
            return _text(HTTPStatus.OK, self._relay.metrics.text())
        if path != PATH:
            return _text(HTTPStatus.NOT_FOUND, "This is a relay of CCTM: `cctm join LINK` in a terminal.\n")
        if self._is_leaving:
            return _text(HTTPStatus.SERVICE_UNAVAILABLE, "The relay stops.\n")
        if not self._may_connect(self._client(connection, request)):
            self._relay.metrics.turned_away += 1
            return _text(HTTPStatus.TOO_MANY_REQUESTS, "Too many connections. Wait a little.\n")
        return None

    def _is_local(self, connection: ServerConnection, request: Request) -> bool:
        forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
        return is_loopback(connection.remote_address[0]) and not forwarded

    def _client(self, connection: ServerConnection, request: Request) -> str:
        return client_of(
            connection.remote_address[0],
            request.headers.get_all("X-Forwarded-For"),
            behind_proxy=self._options.behind_proxy,
        )

    def _may_connect(self, client: str) -> bool:
        return (
            len(self._sessions) < self._options.connections
            and self._of_address[client] < self._options.connections_per_address
            and self._new.of(client).may_take(1, trio.current_time())
        )

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None  # there was a handshake
        client = self._client(connection, connection.request)
        host, port = connection.local_address[:2]
        names = own_names(self._scheme, host, port, self._options.origins)
        serving = Serving(secrets.token_bytes(NONCE_BYTES), names)
        socket = WebSocket(connection)
        session = Session(socket, serving, self._relay)
        self._sessions.add(session)
        self._of_address[client] += 1
        try:
            try:
                await session.run()
            finally:
                await socket.aclose()
        except* Exception as errors:  # noqa: BLE001  whatever it is, it takes no other connection down
            self._relay.journal.note("failed", error=_named(errors))
        finally:
            self._sessions.discard(session)
            self._of_address[client] -= 1
            if not self._of_address[client]:
                del self._of_address[client]
            gone, self._gone = self._gone, trio.Event()
            gone.set()


def _named(error: BaseException) -> str:
    """The kind of *error* and where it arose; not what it says, which may be what somebody sent."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {os.path.basename(place.filename)}:{place.lineno}"


def _text(status: HTTPStatus, text: str) -> Response:
    body = text.encode()
    headers = Headers(
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
    )
    return Response(status.value, status.phrase, headers, body)
