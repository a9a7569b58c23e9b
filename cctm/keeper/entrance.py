"""The listening socket in the loop: who comes is let in, and the socket's name is kept.

**Invariants**

- Where no connection can be accepted for now (no descriptor is left), it is not tried again at once.
- While the name is gone or another's, it is bound again at each look: no daemon could find us.
"""

import selectors
import time
from collections.abc import Callable
from typing import Final

from cctm.keeper.connection import Connection
from cctm.keeper.listener import Listener
from cctm.keeper.log import Log

_REST_S: Final = 0.2
_LOOK_S: Final = 5.0  # between two looks for the socket's name


class Entrance:
    def __init__(
        self,
        selector: selectors.BaseSelector,
        log: Log,
        path: str,
        listener: Listener,
        admit: Callable[[Connection], None],
    ) -> None:
        self.listener = listener
        self.listen_at: float | None = None  # it rests until then
        self.look_at = 0.0  # for the socket's name; of interest while no daemon is connected
        self._selector = selector
        self._log = log
        self._path = path
        self._admit = admit
        self._listen()

    def settle(self, now: float) -> None:
        """Go on listening after a rest."""
        if self.listen_at is not None and now >= self.listen_at:
            self._listen()

    def keep_name(self, now: float) -> None:
        """Bind the socket again if its name is gone or another's."""
        self.look_at = now + _LOOK_S
        if self.listener.is_at(self._path):
            return
        try:
            fresh = Listener.bind(self._path)
        except OSError as error:
            self._log.line(f"the socket's name is gone and cannot be bound: {error}")
            return
        self._log.line("the socket's name was gone: bound again")
        if self.listen_at is None:
            self._selector.unregister(self.listener.socket)
        self.listener.socket.close()
        self.listener = fresh
        self._listen()

    def close(self) -> None:
        self.listener.close(self._path)

    def _listen(self) -> None:
        self.listen_at = None
        self._selector.register(self.listener.socket, selectors.EVENT_READ, self._on_listener)

    def _on_listener(self, _events: int) -> None:
        try:
            accepted, _ = self.listener.socket.accept()
        except OSError as error:  # gone again, or no descriptor is left: then not at once again
            self._log.line(f"accept: {error}")
            self._selector.unregister(self.listener.socket)
            self.listen_at = time.monotonic() + _REST_S
            return
        connection = Connection(accepted)
        if connection.peer_is_ours():
            self._admit(connection)
        else:
            connection.close()
