"""What the bench asks of a contender.

A contender lives for one measure, in a scratch directory of its own (sockets, records, home): nothing of the
user's is read or touched, and closing it ends what it started and nothing else.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from bench import processes
from bench.errors import LateError, RefusedError
from bench.programs import PROMPT

COMMAND_TIMEOUT_S = 30.0
GRACE_S = 2.0


class Offer(Enum):
    """What a contender can be measured by, beyond running a program on the outer PTY."""

    BESIDE = auto()  # opens terminals that nobody is attached to
    LIST = auto()  # has a command that lists terminals
    SERVER = auto()  # has processes that stay while terminals idle
    ATTACH = auto()  # attaches to a terminal that is there
    RECORD = auto()  # writes what is printed to disk


def clean_environment(home: Path) -> dict[str, str]:
    """What a terminal program needs; nothing of the user's settings, or of a multiplexer around us."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "SHELL": "/bin/sh",
        "PS1": PROMPT.decode(),
    }


class Contender:
    """One way of running a program on a terminal."""

    name: ClassVar[str]
    program: ClassVar[str]
    package: ClassVar[str]
    offers: ClassVar[frozenset[Offer]] = frozenset()

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(parents=True, mode=0o700)
        self.scratch = scratch
        self.env: Mapping[str, str] = clean_environment(scratch)
        self._opened = 0

    @classmethod
    def version(cls) -> str | None:
        """What the program says that it is; None where it is missing."""
        if shutil.which(cls.program) is None:
            return None
        return first_line([cls.program, "--version"])

    @classmethod
    def how_to_get(cls) -> str:
        return f"not installed: {cls.program} (Debian: {cls.package})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> None:
        """Have the server running, with one idle terminal, where one server has all terminals."""

    def attached(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs *argv* in a new terminal and attaches to it."""
        raise NotImplementedError

    def attach_again(self) -> list[str]:
        """The command line that attaches to the terminal opened last."""
        raise NotImplementedError

    def open_beside(self, argv: Sequence[str]) -> None:
        """Run *argv* in a new terminal that nobody is attached to."""
        raise NotImplementedError

    def listing(self) -> list[str]:
        """The command line that lists terminals."""
        raise NotImplementedError

    def server_pids(self) -> dict[str, int]:
        """The processes that hold the terminals, by what they are."""
        raise NotImplementedError

    def record_bytes(self) -> int:
        """How much is on disk of what was printed."""
        raise NotImplementedError

    def close(self) -> None:
        """End what was started: first as the contender does it, then by id what is still there."""
        self._end()
        processes.end(lambda: processes.living_in(str(self.scratch)), GRACE_S)

    def _end(self) -> None:
        """End the terminals by the contender's own means."""

    def _number(self) -> int:
        self._opened += 1
        return self._opened

    def _call(self, argv: Sequence[str], stdin: bytes = b"") -> str:
        """Run one of the contender's own commands.

        Raises:
            RefusedError: its exit status is not 0.
            LateError: it did not end.
        """
        # Files, not pipes: a server that keeps its starter's output open would keep us waiting for its end.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                done = subprocess.run(
                    argv,
                    env=self.env,
                    input=stdin,
                    stdout=out,
                    stderr=err,
                    timeout=COMMAND_TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise LateError(f"end of {argv[0]}", COMMAND_TIMEOUT_S) from None
            out.seek(0)
            err.seek(0)
            text, complaint = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        if done.returncode != 0:
            lines = (complaint or text).strip().splitlines()
            raise RefusedError(self.name, lines[-1] if lines else f"exit status {done.returncode}")
        return text


def first_line(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not say ({error})"
    said = done.stdout.decode(errors="replace").strip().splitlines()
    complaint = done.stderr.decode(errors="replace").strip().splitlines()
    return said[0] if said else f"does not say ({complaint[-1] if complaint else 'nothing at all'})"
