"""A relay of this home's own, where no other was chosen (`cctm relay use`): for who can reach this machine.

    reach ─► cctm.relay, a process ─► "listening" ─► http://127.0.0.1:PORT        for this daemon
                    │ ends by itself                 http://<default route>:PORT  for links
                    └─► started again, later and later

It is started when it is first needed, and ends with the daemon, however that ends: its standard input is a pipe from
us.

Invariants: links name the port, so it is drawn once and kept in the home. It lies below those that systems give to
outgoing connections: none of them may take it while the relay is away. The relay knows nothing that the archive does
not; its store may be deleted.
"""

import json
import logging
import os
import random
import socket
import subprocess
from collections.abc import AsyncIterator
from typing import Final

import trio

from cctm.cctmd.links.failures import LinkDownError
from cctm.cctmd.links.retrying import Retrying
from cctm.home import Home
from cctm.launch import python_command, service_environment
from cctm.protocol.origin import Origin

LOG = logging.getLogger(__name__)

PORTS: Final = range(20_000, 30_000)
READY_S: Final = 20.0
END_S: Final = 8.0
_LINE_BYTES: Final = 64 * 1024
_ANY: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104  who has a link is to reach it
_OWN: Final = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "[::1]"}
# Addresses that nobody has (RFC 5737, RFC 3849): nothing is sent, but the system says from where it would be.
_ELSEWHERE: Final = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


class OwnRelay:
    """One home's. `run` must be running for it to be started."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._wanted = trio.Event()
        self._up = trio.Event()
        self._why = "it takes too long."
        self._family = socket.AF_INET
        self._port = 0
        self._retrying = Retrying()

    async def reach(self) -> Origin:
        """Where this daemon dials it, once it listens.

        Raises:
            LinkDownError: it does not start, and why.
        """
        self._wanted.set()
        with trio.move_on_after(READY_S):
            while not self._up.is_set():
                await self._up.wait()
            return Origin("http", _OWN[self._family], self._port)
        raise LinkDownError(
            f"This machine's own relay does not start: {self._why}", "Choose another: `cctm relay use URL`."
        )

    async def address(self) -> Origin:
        """Where others dial it, as links name it: at this machine's address of this moment.

        Raises:
            LinkDownError: as `reach`.
        """
        own = await self.reach()
        address = route(self._family)
        if address is None:
            return own
        host = f"[{address}]" if self._family is socket.AF_INET6 else address
        return Origin("http", host, self._port)

    async def run(self) -> None:
        """Keep it running from when it is first needed on, until cancelled."""
        await self._wanted.wait()
        while True:
            try:
                await self._serve()
            except OSError as error:
                self._why = f"{error.strerror}."
            self._up = trio.Event()
            LOG.warning("this home's own relay ended: %s", self._why)
            await self._retrying.pause()

    async def _serve(self) -> None:
        """One process, from its start to its end."""
        has_ipv4 = route(socket.AF_INET) is not None or route(socket.AF_INET6) is None
        self._family = socket.AF_INET if has_ipv4 else socket.AF_INET6
        self._port = self._kept_port() or random.choice(PORTS)  # noqa: S311  it is no secret
        options = {
            "store": self._home.own_relay,
            "host": _ANY[self._family],
            "port": self._port,
            "ends_with_input": True,
        }
        process = await trio.lowlevel.open_process(
            [*python_command("cctm.relay"), "serve", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env=service_environment(os.environ),
            start_new_session=True,
        )
        try:
            await self._read_journal(process)
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)

    async def _read_journal(self, process: trio.Process) -> None:
        """To its end: what nobody reads would stop the relay."""
        assert process.stderr is not None
        async for line in _lines(process.stderr):
            said = line.decode(errors="replace")
            if said.startswith("cctm: "):
                self._why = said.removeprefix("cctm: ").partition(". ")[0] + "."
            elif not self._up.is_set() and '"listening"' in said:
                self._keep_port()
                self._retrying.opened()
                self._up.set()

    def _kept_port(self) -> int | None:
        try:
            with open(self._home.relay_port, encoding="utf-8") as file:
                port = int(file.read())
        except (OSError, ValueError):
            return None
        return port if 0 < port <= 0xFFFF else None

    def _keep_port(self) -> None:
        draft = f"{self._home.relay_port}.new"
        with open(draft, "w", encoding="utf-8") as file:
            file.write(f"{self._port}\n")
        os.replace(draft, self._home.relay_port)


def route(family: socket.AddressFamily) -> str | None:
    """This machine's address towards everybody else; None: there is no way."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], 9))
            address: str = probe.getsockname()[0]
            return address
    except OSError:
        return None


async def _lines(stream: trio.abc.ReceiveStream) -> AsyncIterator[bytes]:
    rest = b""
    while data := await stream.receive_some(_LINE_BYTES):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line
        rest = rest[-_LINE_BYTES:]


async def _end(process: trio.Process) -> None:
    """Have it store what it has, and go; or else, go."""
    assert process.stdin is not None
    assert process.stderr is not None
    await process.stdin.aclose()
    with trio.move_on_after(END_S):
        while await process.stderr.receive_some():
            pass
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    await process.stderr.aclose()
