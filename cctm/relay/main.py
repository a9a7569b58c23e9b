"""Start and end of a relay's process.

    options ─► lock ─► store ─► listen ─► serve ─► SIGTERM or SIGINT ─► store all ─► Refused(LEAVING) to all ─► exit 0

A daemon's own relay is also asked by the end of its standard input: it must not outlive a daemon that was killed.

Exit status: 0 asked to end; 1 cannot start, and why, in a sentence on standard error.
"""

import contextlib
import fcntl
import logging
import os
import resource
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import trio

from cctm.protocol.errors import CctmError
from cctm.relay.housekeeping import keep_house
from cctm.relay.journal import Journal
from cctm.relay.limits import Buckets
from cctm.relay.memory import Allowance, TailMemory
from cctm.relay.metrics import Metrics
from cctm.relay.options import MIB, Options
from cctm.relay.room import Surroundings
from cctm.relay.rooms import Rooms
from cctm.relay.server import Server
from cctm.relay.session import Relay
from cctm.relay.store import Store

RATE_BYTES: Final = 16.0 * MIB  # a second, of one member
BURST_BYTES: Final = 64.0 * MIB
SETTLE_S: Final = 10.0


class CannotStartError(CctmError):
    """What happened, and what to do about it."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.what = what
        self.advice = advice


def main(options: Options) -> int:
    """Run until asked to end; the process's exit status."""
    os.umask(0o077)
    # The library's own lines are about single connections; ours are the journal's.
    logging.getLogger("cctm.relay.websockets").addHandler(logging.NullHandler())
    logging.getLogger("cctm.relay.websockets").propagate = False
    try:
        with _only_relay(options.store):
            _raise_limits()
            trio.run(_run, options)
    except (CannotStartError, ExceptionGroup) as error:
        first = _first(error)
        if not isinstance(first, CannotStartError):
            raise
        sys.stderr.write(f"cctm: {first.what} {first.advice}\n")
        return 1
    return 0


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _run(options: Options) -> None:
    journal, metrics = Journal(), Metrics()
    store = _open_store(options, metrics)
    rooms = Rooms(Surroundings(store, options, metrics, _wall_us, TailMemory()))
    relay = Relay(rooms, store, Buckets(RATE_BYTES, BURST_BYTES), Allowance(), metrics, journal)
    server = Server(options, relay)
    with contextlib.closing(store), trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.run)
            nursery.start_soon(keep_house, rooms, store, options, journal, _wall_us)
            try:
                address = await nursery.start(server.run)
            except (OSError, ssl.SSLError) as error:
                raise _cannot_listen(options, error) from error
            journal.note("listening", address=address, pid=os.getpid())
            await _until_asked_to_end(signals, options)
            with trio.move_on_after(SETTLE_S):
                await store.settle()
            await server.leave()
            nursery.cancel_scope.cancel()
    journal.note("ended")


async def _until_asked_to_end(signals: AsyncIterator[int], options: Options) -> None:
    async with trio.open_nursery() as nursery:
        if options.ends_with_input:
            nursery.start_soon(_until_input_ends, nursery.cancel_scope)
        async for _ in signals:
            nursery.cancel_scope.cancel()


async def _until_input_ends(scope: trio.CancelScope) -> None:
    async with trio.lowlevel.FdStream(os.dup(0)) as stream:
        while await stream.receive_some():
            pass
    scope.cancel()


def _open_store(options: Options, metrics: Metrics) -> Store:
    try:
        return Store(options.store, metrics)
    except OSError as error:
        raise CannotStartError(
            f"{options.store} cannot be used: {error.strerror}.", "Name another file with --store."
        ) from error


def _cannot_listen(options: Options, error: OSError) -> CannotStartError:
    if isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError) and options.tls_cert:
        return CannotStartError(
            f"The certificate and key cannot be used: {error.strerror}.",
            "--tls-cert and --tls-key name files in PEM, of one another.",
        )
    return CannotStartError(
        f"{options.host}:{options.port} cannot be listened at: {error.strerror}.",
        "Name another address with --listen.",
    )


def _wall_us() -> int:
    return time.time_ns() // 1000


@contextlib.contextmanager
def _only_relay(store: str) -> Iterator[None]:
    try:
        lock = os.open(f"{store}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStartError(
            f"{store} cannot be made: {error.strerror}.", "Name another file with --store."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CannotStartError(
            f"Another relay uses {store}.", "Stop that one, or name another file with --store."
        ) from None
    finally:
        os.close(lock)


def _raise_limits() -> None:
    """No core dumps; as many descriptors as are allowed: each connection is one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
