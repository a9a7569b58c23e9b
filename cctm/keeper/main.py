"""The keeper's command.

    python -P -m cctm.keeper --socket PATH --lock PATH --log PATH --daemon-command JSON [--daemon-fd N]
    python -P -m cctm.keeper --resume-fd N        the second half of an upgrade
    python -P -m cctm.keeper --check VERSION      can this code resume the state at standard input? (`state.ANSWER`)

It does not put itself into the background: whoever starts it gives it a session of its own, /dev/null to read
from and the log to write to. JSON is a list of strings, the daemon's argv. N of `--daemon-fd` is a connected
socket, inherited, whose other end is the daemon: none is started unless it goes.

Exit status: 0 after QUIT or SIGTERM; 1 cannot resume that state; 2 wrong use; 3 another keeper has the lock.
"""

import fcntl
import json
import os
import resource
import socket
import sys
import time
from contextlib import suppress
from typing import Final

from cctm.keeper import state, upgrade
from cctm.keeper.connection import Connection
from cctm.keeper.descriptors import close_all_but
from cctm.keeper.keeper import Keeper
from cctm.keeper.listener import Listener
from cctm.keeper.spawn import Limits
from cctm.keeper.state import Setup
from cctm.keeper.supervision import Supervision

_FRESH: Final = frozenset({"--socket", "--lock", "--log", "--daemon-command"})


class UsageError(Exception):
    """Wrong arguments."""


def main() -> int:
    try:
        options = _options(sys.argv[1:])
    except UsageError as error:
        sys.stderr.write(f"{error}\n\n{__doc__}")
        return 2
    if "--check" in options:
        return _check(options["--check"])
    if "--resume-fd" in options:
        keeper = upgrade.resume(int(options["--resume-fd"]))
    else:
        _open_standard_descriptors()
        lock = _lock(options["--lock"])
        if lock is None:
            return 3
        keeper = _fresh(options, lock)
    while True:
        keeper.run()
        if keeper.upgrade_to is None:
            keeper.close()
            return 0
        try:
            upgrade.replace(keeper)
        except Exception as error:  # noqa: BLE001 - whatever it is, the shells live on under the old code
            keeper.upgrade_failed(error)


def _check(version: str) -> int:
    """Read a state without its held bytes from standard input, and say so if this code can go on with it."""
    if version != str(state.VERSION):
        return 1
    with open(0, "rb", closefd=False) as file:
        header = state.read_header(file)
    sys.stdout.write(state.ANSWER % (state.VERSION, len(header.terminals)))
    return 0


def _options(arguments: list[str]) -> dict[str, str]:
    options = dict(zip(arguments[::2], arguments[1::2], strict=False))
    names = options.keys()
    numbers = [options[name] for name in ("--daemon-fd", "--resume-fd") if name in options]
    is_form = names in ({"--check"}, {"--resume-fd"}, _FRESH, _FRESH | {"--daemon-fd"})
    if len(arguments) % 2 or not is_form or not all(number.isdecimal() for number in numbers):
        raise UsageError("these arguments are not understood")
    return options


def _open_standard_descriptors() -> None:
    """Were one of them closed, the next thing opened would take its place."""
    while (descriptor := os.open("/dev/null", os.O_RDWR)) < 3:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the signature is the library's
    os.close(descriptor)


def _lock(path: str) -> int | None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lock


def _set_limits() -> Limits:
    """As many descriptors as are allowed, and no core dump: it would hold what every terminal printed.

    Returns the limits as they were found.
    """
    found = Limits(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))
    resource.setrlimit(resource.RLIMIT_CORE, found.without_core().core)
    # A hard limit may be higher than what is allowed: then fewer terminals.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (found.nofile[1], found.nofile[1]))
    return found


def _fresh(options: dict[str, str], lock: int) -> Keeper:
    daemon_fd = int(options["--daemon-fd"]) if "--daemon-fd" in options else None
    # What our parent left open: it may wait for the end of a pipe or a lock in vain.
    close_all_but({lock} if daemon_fd is None else {lock, daemon_fd})
    limits = _set_limits()
    setup = Setup(
        os.path.abspath(options["--socket"]),
        os.path.abspath(options["--log"]),
        tuple(os.fsencode(item) for item in json.loads(options["--daemon-command"])),
        limits,
        lock,
    )
    os.chdir("/")  # so that no file system is kept busy
    keeper = Keeper(setup, Listener.bind(setup.socket_path), Supervision(time.monotonic()))
    if daemon_fd is not None:
        keeper.expect_daemon(Connection(socket.socket(fileno=daemon_fd)))
    return keeper
