"""Programs beside the terminals: the daemon, and the new code of an upgrade that is asked whether it starts.

They have no terminal; what they say goes to the keeper's log.
"""

import os
import selectors
from typing import Final

from cctm.keeper.log import Log
from cctm.keeper.spawn import Child, Program, outcome, spawn
from cctm.keeper.state import Setup

_UMASK: Final = 0o077


def spawn_beside(
    setup: Setup, argv: tuple[bytes, ...], stdin: int | None = None, stdout: int | None = None
) -> Child:
    """Start *argv*; what it says goes to the log, if not to *stdout*.

    Raises:
        OSError: no log file, no process, or no descriptor was to be had.
    """
    null = os.open("/dev/null", os.O_RDONLY)
    try:
        log = os.open(setup.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            return spawn(
                Program(
                    argv=argv,
                    env=os.environb,
                    cwd=b"/",
                    umask=_UMASK,
                    login=False,
                    limits=setup.limits.without_core(),
                    stdio=(null if stdin is None else stdin, log if stdout is None else stdout, log),
                    tty=False,
                )
            )
        finally:
            os.close(log)
    finally:
        os.close(null)


def report_exec(selector: selectors.BaseSelector, log: Log, child: Child, what: str) -> None:
    """Say in the log if *what*, which is *child*, cannot be executed."""

    def on_outcome(_events: int) -> None:
        failure = outcome(child, selector.unregister)
        if failure is not None:
            log.line(f"{what} cannot be started: {failure.where.value}: {os.strerror(failure.errno)}")

    selector.register(child.failed, selectors.EVENT_READ, on_outcome)
