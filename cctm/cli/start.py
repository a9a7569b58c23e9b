"""Start keeper and daemon on demand.

    no daemon ─► hold start.lock ─► still none? ─► keeper listens? ─yes─► ask it to start the daemon
                                                        └─no──► start a keeper; it starts the daemon
              ─► wait until the daemon answers, or says in `start.failed` why it cannot

Two commands at the same moment: the second waits for the lock, then finds the daemon of the first.
"""

import contextlib
import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from cctm.archive.room import Limits
from cctm.cli.errors import UserError
from cctm.cli.keeper import ask_for_daemon
from cctm.home import Home, HomeError
from cctm.launch import start_keeper

T = TypeVar("T")

START_TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.005
ASK_AGAIN_S: Final = 1.0


def start_daemon(home: Home, try_connect: Callable[[], T | None], pause: Callable[[float], object]) -> T:
    """Start what is missing and return the connection that *try_connect* makes.

    Args:
        pause: lets at most so many seconds pass.

    Raises:
        UserError: the home cannot be used, or the daemon did not come up; says why.
    """
    try:
        home.prepare()
    except HomeError as error:
        raise UserError(error.what, error.advice) from error
    deadline = time.monotonic() + START_TIMEOUT_S
    with _lock(home, deadline, pause):
        found = try_connect()
        if found is not None:
            return found
        with contextlib.suppress(FileNotFoundError):
            os.unlink(home.start_failure)
        keeper = None if ask_for_daemon(home) else _start_keeper(home)
        asked_at = time.monotonic()
        while time.monotonic() < deadline:
            found = try_connect()
            if found is not None:
                return found
            _raise_failure(home)
            if keeper is not None and keeper.poll() is not None and not ask_for_daemon(home):
                raise UserError(
                    f"The keeper ended at once (status {keeper.returncode}).", f"See {home.keeper_log}."
                )
            if keeper is None and time.monotonic() > asked_at + ASK_AGAIN_S:
                # It may have been on its way out, or another command told it to stop.
                keeper = None if ask_for_daemon(home) else _start_keeper(home)
                asked_at = time.monotonic()
            pause(POLL_S)
    raise UserError(
        f"The daemon did not answer within {START_TIMEOUT_S:.0f} s.",
        f"See {home.daemon_log} and {home.keeper_log}.",
    )


@contextlib.contextmanager
def _lock(home: Home, deadline: float, pause: Callable[[float], object]) -> Iterator[None]:
    try:
        lock = os.open(home.start_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(
            f"{home.start_lock} cannot be written: {error.strerror}.",
            "Free some space, or set CCTM_HOME to a directory on a disk with room.",
        ) from error
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise UserError(
                        "Another command has been starting the daemon for too long.", "End it and try again."
                    ) from None
                pause(POLL_S)
            except OSError as error:
                raise UserError(
                    f"{home.start_lock} cannot be locked: {error.strerror}.",
                    "Set CCTM_HOME to a directory on a local file system.",
                ) from error
        yield
    finally:
        os.close(lock)


def _start_keeper(home: Home) -> "subprocess.Popen[bytes]":
    """Start a keeper whose daemon will not stumble over the environment that both get from this command."""
    try:
        Limits.of(os.environ)
    except HomeError as error:
        raise UserError(error.what, error.advice) from error
    return start_keeper(home)


def _raise_failure(home: Home) -> None:
    try:
        with open(home.start_failure, encoding="utf-8") as file:
            what, _, advice = file.read().partition("\n")
    except FileNotFoundError:
        return
    raise UserError(what, advice.strip())
