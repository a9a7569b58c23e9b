"""Start and end of the daemon's process.

    lock ─► device key ─► catalogue, storage ─► keeper ─► resume what it holds ─► control socket ─► serve
                                                                                     … leaving ─► store all ─► exit 0

Exit status: 0 asked to leave; 1 cannot start (why: `start.failed`, for the command that waits); 3 another one
runs.
"""

import contextlib
import fcntl
import logging
import logging.handlers
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Final

import trio

from cctm.archive.device import load_or_create_device
from cctm.archive.rebuild import OpenedCatalogue, open_or_rebuild
from cctm.archive.room import Limits
from cctm.archive.storage import Storage
from cctm.cctmd import control, resuming
from cctm.cctmd.agent import forget_agent
from cctm.cctmd.clock import Clock
from cctm.cctmd.daemon import Daemon
from cctm.cctmd.groups import first
from cctm.cctmd.keeper_link import HomeGoneError
from cctm.cctmd.room import RoomWatch
from cctm.cctmd.services import Services
from cctm.cctmd.sharing.sharing import Sharing
from cctm.cctmd.sockets import listening
from cctm.cctmd.terminals import Terminals
from cctm.home import Home, HomeError
from cctm.keeper import wire

LOG = logging.getLogger(__name__)
LOG_BYTES: Final = 1024 * 1024
ELSEWHERE_S: Final = 5.0  # for a daemon that is starting or leaving at this moment
EXIT_CANNOT_START: Final = 1
EXIT_RUNS_ALREADY: Final = 3


def main() -> int:
    """Run until asked to leave; the process's exit status."""
    os.umask(0o077)
    os.chdir("/")
    home = Home.locate(os.environ)
    try:
        home.prepare()
        with _only_daemon(home) as is_only:
            if not is_only:
                _say_if_elsewhere(home)
                return EXIT_RUNS_ALREADY
            _log_to(home)
            _set_limits()
            trio.run(_run, home)
    except HomeError as error:
        _say_why(home, error.what, error.advice)
        return EXIT_CANNOT_START
    except (OSError, ExceptionGroup) as error:
        cause = first(error)
        if isinstance(cause, HomeGoneError):
            LOG.error("%s is gone, and so is the keeper: there is nothing left to serve", home.root)  # noqa: TRY400
            return EXIT_CANNOT_START
        LOG.exception("the daemon failed")
        _say_why(home, f"The daemon cannot go on: {cause}.", f"See {home.daemon_log}.")
        return EXIT_CANNOT_START
    return 0


def _say_if_elsewhere(home: Home) -> None:
    """Another daemon works on this archive: fine if it serves at our socket, else nobody would ever answer there."""
    until_s = time.monotonic() + ELSEWHERE_S
    while time.monotonic() < until_s:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            if connection.connect_ex(home.control_socket) == 0:
                return
        time.sleep(ELSEWHERE_S / 20)
    _say_why(
        home,
        f"Another daemon works on {home.root}, with its sockets elsewhere than {home.sockets}.",
        "Set XDG_STATE_HOME or CCTM_HOME as it was set where that one was started.",
    )
    # The keeper that started us would try for ever; it stays only if it holds terminals.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, contextlib.suppress(OSError):
        connection.connect(home.keeper_socket)
        connection.sendall(wire.encode(wire.Quit()))


async def _run(home: Home) -> None:
    clock = Clock()
    device = load_or_create_device(home)
    opening = open_or_rebuild(home, device)
    _log_flaws(opening)
    catalogue = opening.catalogue
    limits = Limits.of(os.environ)
    room = RoomWatch(home.archive, limits)
    storage = Storage(
        home.archive,
        on_stalled=room.stalled,
        on_resumed=room.resumed,
        on_parked=room.parked,
        on_unparked=room.unparked,
    )
    storage.start()
    try:
        async with trio.open_nursery() as nursery:
            services = Services(home, device, catalogue, storage, clock, limits, nursery)
            with contextlib.closing(Terminals(services)) as terminals:
                sharing = Sharing(services, terminals)
                daemon = Daemon(services, terminals, sharing)
                await terminals.link.connect()
                nursery.start_soon(terminals.link.run)
                await nursery.start(resuming.keep_level, terminals)
                nursery.start_soon(terminals.sealing.tick)
                await nursery.start(sharing.run)
                nursery.start_soon(daemon.frames.run)
                await room.look(terminals)  # before anybody can ask for a terminal that could not be recorded
                nursery.start_soon(room.watch, terminals)
                nursery.start_soon(_leave_on_signal, daemon)
                with listening(home.control_socket) as listener:
                    nursery.start_soon(control.serve, listener, daemon)
                    LOG.info("serving, pid %d", os.getpid())
                    await daemon.leaving.wait()
                # Whoever asked has to hear it before the connection ends.
                await trio.lowlevel.checkpoint()
                with trio.move_on_after(10):
                    await terminals.settle()
                    await terminals.note()
                if not terminals.alive():
                    forget_agent(home)
                nursery.cancel_scope.cancel()
    finally:
        await trio.to_thread.run_sync(storage.close)
        catalogue.close()
    LOG.info("left")


def _log_flaws(opening: OpenedCatalogue) -> None:
    if opening.rebuilt is not None:
        LOG.warning("the catalogue was damaged and has been rebuilt from the archive: %s", opening.rebuilt)
    for channel, error in opening.unremoved.items():
        LOG.warning(
            "what is left of the deleted terminal %s cannot be removed yet: %s", channel.hex()[:8], error
        )
    for channel in opening.unreadable:
        LOG.warning(
            "terminal %s: neither the catalogue nor its files tell what it is; if you joined it, join it again",
            channel.hex()[:8],
        )


async def _leave_on_signal(daemon: Daemon) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            daemon.leaving.set()


@contextlib.contextmanager
def _only_daemon(home: Home) -> Iterator[bool]:
    lock = os.open(home.daemon_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def _log_to(home: Home) -> None:
    handler = logging.handlers.RotatingFileHandler(home.daemon_log, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _set_limits() -> None:
    """No core dumps: they would hold keys. Descriptors: a terminal needs two, and the soft limit is often 1,024."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _say_why(home: Home, what: str, advice: str) -> None:
    with contextlib.suppress(OSError):
        draft = f"{home.start_failure}.new"
        with open(draft, "w", encoding="utf-8") as file:
            file.write(f"{what}\n{advice}\n")
        os.replace(draft, home.start_failure)
    sys.stderr.write(f"{what} {advice}\n")
