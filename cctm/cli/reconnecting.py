"""Reconnecting: the daemon is gone; it is tried again and again, and the keyboard is served meanwhile.

try to connect and attach ──refused──► the end
      ▲        └──nobody there──► 0.2 s ─┐        after 30 s of that: the end
      └──────────────────────────────────┘
"""

import os
import select
import time
from collections.abc import Callable, Sequence
from typing import Final

from cctm.cli import terminal
from cctm.cli.client import Client, RefusedError, Wait
from cctm.cli.errors import UserError
from cctm.cli.signals import LEAVING
from cctm.protocol.control import replies, requests

RECONNECT_S: Final = 30.0
RETRY_S: Final = 0.2
SAY_LOST_S: Final = 0.5  # a restart takes less, mostly


class LeaveError(BaseException):
    """The session is to end, whatever it waits for."""


class Watch:
    """What is served while there is no daemon: keyboard, signals, and the user's patience."""

    def __init__(self, wake: int, take_keys: Callable[[], None], say_lost: Callable[[], None]) -> None:
        """
        Args:
            take_keys: called when there are some; may raise LeaveError.
            say_lost: called once, when it has taken so long that the user should know.
        """
        self._wake = wake
        self._take_keys = take_keys
        self._say_lost = say_lost
        self._lost_at = time.monotonic()
        self._has_said = False

    @property
    def elapsed_s(self) -> float:
        """How long there has been no daemon."""
        return time.monotonic() - self._lost_at

    def wait(self, descriptors: Sequence[int], seconds: float | None) -> bool:
        """A Wait.

        Raises:
            LeaveError: the user wants to leave, or a signal said so.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = RETRY_S if until is None else max(0.0, min(RETRY_S, until - time.monotonic()))
            ready, _, _ = select.select([terminal.STDIN, self._wake, *descriptors], [], [], left)
            if not self._has_said and self.elapsed_s >= SAY_LOST_S:
                self._has_said = True
                self._say_lost()
            if self._wake in ready and LEAVING.intersection(os.read(self._wake, 256)):
                raise LeaveError
            if terminal.STDIN in ready:
                self._take_keys()
            if set(descriptors).intersection(ready):
                return True
            if until is not None and time.monotonic() >= until:
                return False


def reattach(
    connect: Callable[[Wait], Client], request: Callable[[], requests.Attach], watch: Watch
) -> tuple[Client, replies.Attached]:
    """Connect again, and attach.

    Raises:
        UserError: the daemon said no, or did not come back.
        LeaveError: as `Watch.wait`.
    """
    while True:
        client = None
        try:
            client = connect(watch.wait)
            return client, client.ask(request(), replies.Attached)
        except BaseException as error:
            if client is not None:
                client.close()
            is_final = isinstance(error, RefusedError) or watch.elapsed_s > RECONNECT_S
            if is_final or not isinstance(error, UserError):
                raise  # whoever answered will not think better of it
        watch.wait((), RETRY_S)
