"""All connections: how many may come, which one is the daemon's, and what it is sent in turns.

    admitted ─► silent ─HELLO─► the daemon's ◄─ messages at once, output of the terminals in turns
                     └─ gone, broke the protocol, or one too many ─► dropped

What arrives leaves through two calls that the owner gives: `receive` (a message, with its descriptor or without)
and `lost` (the daemon's connection is gone).

**Invariants**

- At most one connection is the daemon's.
- What goes wrong with a connection costs that connection and nothing else.
- A terminal that has news and may send them waits for its turn once, or its connection is clear and it was sent.
- A connection is looked at for room to write exactly while something waits for that.
"""

import selectors
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from cctm.keeper.connection import Connection
from cctm.keeper.log import Log
from cctm.keeper.terminal import OffsetError, State, Terminal
from cctm.keeper.wire import Message, WireError

_TURNS_AT_ONCE: Final = 4  # sent to a daemon that keeps up, before the other descriptors are looked at
_SILENT_CONNECTIONS: Final = 64  # that have not said HELLO; above, the oldest is dropped


class Peers:
    def __init__(
        self,
        selector: selectors.BaseSelector,
        log: Log,
        receive: Callable[[Connection, Message, int | None], None],
        lost: Callable[[Connection], None],
    ) -> None:
        self.daemon: Connection | None = None
        self._selector = selector
        self._log = log
        self._receive = receive
        self._lost = lost
        self._connections: dict[Connection, None] = {}  # the oldest first
        self._waiting: deque[Terminal] = deque()  # those with news, in the order of their turns

    # --- coming and going

    def admit(self, connection: Connection) -> None:
        silent = [it for it in self._connections if it.pid is None and it is not self.daemon]
        if len(silent) >= _SILENT_CONNECTIONS:  # the newest may be the daemon's
            self.drop(silent[0])
        self._connections[connection] = None
        self._selector.register(
            connection.socket, selectors.EVENT_READ, partial(self._on_connection, connection)
        )

    def greet_daemon(self, connection: Connection, pid: int) -> None:
        """*connection* said HELLO: from now on it is the daemon's, and no other."""
        if self.daemon is not None and self.daemon is not connection:
            self.drop(self.daemon)
        connection.greet(pid)
        self.daemon = connection

    def drop(self, connection: Connection) -> None:
        if not connection.open:
            return
        self._selector.unregister(connection.socket)
        del self._connections[connection]
        connection.close()
        if connection is self.daemon:
            self.daemon = None
            self._waiting.clear()
            self._lost(connection)

    def drop_suspects(self, fileobj: object) -> None:
        """Drop the connection of the socket *fileobj*, and the daemon's: they can be set up again."""
        for connection in [it for it in self._connections if it.socket is fileobj or it is self.daemon]:
            self.drop(connection)

    def close(self) -> None:
        for connection in list(self._connections):
            self.drop(connection)

    def _on_connection(self, connection: Connection, events: int) -> None:
        if not connection.open:
            return
        try:
            if events & selectors.EVENT_WRITE:
                self._pump(connection)
            if events & selectors.EVENT_READ:
                for message, descriptor in connection.receive_untrusted():
                    self._receive(connection, message, descriptor)
                    if not connection.open:
                        return
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self.drop(connection)
        except (WireError, OffsetError) as error:
            # Not what it said: that may be a whole environment, and equal lines are to be equal.
            what = error.args[0] if error.args else None
            kind = what.__name__ if isinstance(what, type) else type(what).__name__
            self._log.line(f"a connection broke the protocol: {type(error).__name__}, {kind}")
            self.drop(connection)

    # --- sending

    def tell(self, message: Message, descriptor: int | None) -> None:
        """Send to the daemon, if one has said HELLO."""
        if self.daemon is not None and self.daemon.pid is not None:
            self.send(self.daemon, message, descriptor)

    def send(self, connection: Connection, message: Message, descriptor: int | None = None) -> None:
        if not connection.open:
            return
        try:
            connection.send(message, descriptor)
        except OSError:
            self.drop(connection)
            return
        self._want_room(connection)

    def offer(self, terminal: Terminal) -> None:
        """Send what *terminal* has, now if nobody else waits; otherwise in its turn."""
        daemon = self.daemon
        if daemon is None or terminal.queued or not terminal.has_news:
            return
        if daemon.is_clear and not self._waiting:
            try:
                _send_news(daemon, terminal)
            except OSError:
                self.drop(daemon)
                return
            if terminal.sent == terminal.end and daemon.is_clear:
                return
        if terminal.has_news:
            terminal.queued = True
            self._waiting.append(terminal)
        self._want_room(daemon)

    def _pump(self, connection: Connection) -> None:
        """The socket takes more: what is queued, then the waiting terminals in turn."""
        connection.flush()
        if connection is self.daemon:
            for _ in range(_TURNS_AT_ONCE):
                if not connection.is_clear or not self._waiting:
                    break
                terminal = self._waiting.popleft()
                _send_news(connection, terminal)
                terminal.queued = terminal.has_news
                if terminal.queued:
                    self._waiting.append(terminal)
        self._want_room(connection)

    def _want_room(self, connection: Connection) -> None:
        wants = not connection.is_clear or (connection is self.daemon and bool(self._waiting))
        if wants != connection.writing:
            connection.writing = wants
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0)
            self._selector.modify(connection.socket, events, partial(self._on_connection, connection))


def _send_news(connection: Connection, terminal: Terminal) -> None:
    if not terminal.flowing:
        return
    if terminal.sent < terminal.end:
        connection.send_output(terminal)
    if terminal.state is State.ENDED:
        last_words = terminal.last_words()
        if last_words is not None:
            connection.send(last_words)
            terminal.told_end = True
