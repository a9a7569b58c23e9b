"""Reconnecting: one attempt to reach the daemon again, in a thread, so that the keyboard is served meanwhile.

Invariant: what the thread is given is not changed by others while it runs. It may outlive the session, and ends with
the process.
"""

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cctm.protocol.control import replies

if TYPE_CHECKING:
    from cctm.cli.client import Client

Connected = tuple["Client", replies.Attached]


class Attempt:
    """Connecting and attaching once. Readable (`fileno`) when it is over."""

    def __init__(self, reach: Callable[[], Connected]) -> None:
        self._reach = reach
        self._found: Connected | None = None
        self._error: BaseException | None = None
        self._over, self._say_over = os.pipe()
        threading.Thread(target=self._run, daemon=True).start()

    def fileno(self) -> int:
        """For `select`."""
        return self._over

    def _run(self) -> None:
        try:
            self._found = self._reach()
        except BaseException as error:  # noqa: BLE001 - raised again where the session waits
            self._error = error
        os.close(self._say_over)

    def result(self) -> Connected:
        """What it came to, once it is over.

        Raises:
            UserError: why nobody could be reached.
        """
        os.close(self._over)
        if self._error is not None:
            raise self._error
        assert self._found is not None
        return self._found
