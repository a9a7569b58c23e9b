"""The command's standard streams, whatever its caller made of them.

Closed ones are opened on /dev/null, so that nothing else comes to be number 0, 1 or 2: stdout for reading, so that
whoever writes there is told. What stdout does not take is an OutputError from wherever it was written: no other error
of the system is to be mistaken for it, and click is not to exit for it in its own way.
"""

import contextlib
import errno
import io
import os
import sys
from typing import Final

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2


class OutputError(Exception):
    """Stdout cannot be written."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.errno = number

    @property
    def is_closed_pipe(self) -> bool:
        """A pipe whose reader has what it wanted."""
        return self.errno == errno.EPIPE


class _Stdout(io.FileIO):
    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            raise OutputError(error.errno or 0) from error


def mend_standard_streams() -> None:
    """Call this before anything else is opened."""
    for number, flags in ((STDIN, os.O_RDONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest number that is free
    if sys.stdin is None:
        sys.stdin = open(STDIN, closefd=False)  # noqa: SIM115  it is to stay
    if sys.stderr is None:
        sys.stderr = open(STDERR, "w", closefd=False)  # noqa: SIM115
    before = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Stdout(STDOUT, "w", closefd=False)),
        encoding="utf-8" if before is None else before.encoding,
        errors="strict" if before is None else before.errors,
        line_buffering=before is not None and bool(before.line_buffering),
    )


def give_up_stdout() -> None:
    """What is still to be written there is for nobody: without this, Python would complain about it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
    with contextlib.suppress(OutputError):
        sys.stdout.flush()
