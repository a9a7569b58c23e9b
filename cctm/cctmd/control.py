"""The control socket: one session per connection; one that fails takes nothing else down."""

import logging
import socket

import trio

from cctm.cctmd.daemon import Daemon
from cctm.cctmd.session import Session
from cctm.cctmd.sockets import accept

LOG = logging.getLogger(__name__)


async def serve(listener: socket.socket, daemon: Daemon) -> None:
    """Accept clients for ever."""
    async with trio.open_nursery() as nursery:
        while True:
            try:
                connection = await accept(listener)
            except OSError as error:
                # No descriptors left: whoever waits is served when some are closed.
                LOG.warning("cannot accept a client: %s", error.strerror)
                await trio.sleep(0.1)
                continue
            nursery.start_soon(_serve_one, connection, daemon)


async def _serve_one(connection: socket.socket, daemon: Daemon) -> None:
    try:
        await Session(connection, daemon).run()
    except Exception:  # whatever it is, it concerns one client; the trace says which code
        LOG.exception("a client's session failed")
