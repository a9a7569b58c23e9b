"""Asking the new code of an upgrade whether it goes on with our state (SPEC.md §7.4).

What it cannot read is found here, where it costs a refusal; after the execv it would cost every shell.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from cctm.keeper import state
from cctm.keeper.spawn import Child
from cctm.keeper.wire import Exit, How


class Inquiry(NamedTuple):
    """A process of the new code that was given the state, without the held bytes."""

    child: Child
    command: tuple[bytes, ...]
    answer: int  # the pipe that it writes to
    expected: bytes

    def is_answered(self) -> bool:
        """Whether what it said, until it ended, is what only a keeper says. May be called once."""
        try:
            return os.read(self.answer, 2 * len(self.expected)) == self.expected
        except BlockingIOError:  # it said nothing, and some child of its own has the pipe yet
            return False
        finally:
            os.close(self.answer)

    def refusal(self, exit_: Exit) -> str | None:
        """Why this command is not to be upgraded to, now that it ended like that; None: it may be."""
        is_answered = self.is_answered()
        if exit_ != Exit(How.EXITED, 0):
            return f"the new keeper says no: {in_words(exit_)}"
        return None if is_answered else "that is no keeper, or it cannot read our state"


def ask(
    command: tuple[bytes, ...],
    header: bytes,
    terminals: int,
    directory: str,
    spawn: Callable[[tuple[bytes, ...], int, int], Child],
) -> Inquiry:
    """Start *command* by *spawn*, to which its arguments, input and output are given.

    Args:
        header: of `state.encode_header`, with so many *terminals*.
        directory: in which a file may be made for a moment.
    Raises:
        OSError: no file, no process, or no descriptor was to be had.
    """
    given = state.unlinked_file(os.path.join(directory, "keeper.check"))
    try:
        os.write(given, header)
        os.lseek(given, 0, os.SEEK_SET)
        reader, writer = os.pipe()
        try:
            os.set_blocking(reader, False)
            child = spawn((*command, b"--check", str(state.VERSION).encode()), given, writer)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
    finally:
        os.close(given)
    return Inquiry(child, command, reader, (state.ANSWER % (state.VERSION, terminals)).encode())


def in_words(exit_: Exit) -> str:
    return f"signal {exit_.code}" if exit_.how is How.SIGNALLED else f"exit status {exit_.code}"
