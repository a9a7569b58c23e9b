"""What all connections of a process share, so that fifty that dial at once hold up nothing else.

names   a name server that is silent holds a thread for minutes, cancelled or not: these threads are counted apart from
        those that everything else in the daemon uses
roots   reading the system's certificates takes some 20 ms: once an hour, and aside
disk    what is read again from the archive, for all relays that are behind: two at a time
"""

import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import trio

NAME_THREADS: Final = 4
ROOTS_S: Final = 3600.0  # a daemon outlives certificates
DISK_THREADS: Final = 2

T = TypeVar("T")


class _Names(trio.abc.HostnameResolver):
    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(NAME_THREADS)

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002  as the standard library calls it
        proto: int = 0,
        flags: int = 0,
    ) -> Any:  # noqa: ANN401
        ask = partial(socket.getaddrinfo, host, port, family, type, proto, flags)
        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._threads)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:  # noqa: ANN401
        ask = partial(socket.getnameinfo, sockaddr, flags)
        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._threads)


class _Roots:
    def __init__(self) -> None:
        self._lock = trio.Lock()
        self._context: ssl.SSLContext | None = None
        self._until = 0.0

    async def context(self) -> ssl.SSLContext:
        async with self._lock:
            if self._context is None or trio.current_time() >= self._until:
                self._context = await trio.to_thread.run_sync(ssl.create_default_context)
                self._until = trio.current_time() + ROOTS_S
            return self._context


class _Resources:
    def __init__(self) -> None:
        self.roots = _Roots()
        self.disk = trio.CapacityLimiter(DISK_THREADS)
        trio.socket.set_custom_hostname_resolver(_Names())


_KEPT: Final = trio.lowlevel.RunVar[_Resources | None]("cctm.cctmd.links.resources", None)


def _resources() -> _Resources:
    kept = _KEPT.get()
    if kept is None:
        kept = _Resources()
        _KEPT.set(kept)
    return kept


def prepare() -> None:
    """Have names looked up by threads of their own, from now on; again is harmless."""
    _resources()


async def trusted() -> ssl.SSLContext:
    """TLS by the system's roots, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""
    return await _resources().roots.context()


async def read_aside(read: Callable[[], T]) -> T:
    """Call *read* on a thread for the disk."""
    return await trio.to_thread.run_sync(read, abandon_on_cancel=True, limiter=_resources().disk)
