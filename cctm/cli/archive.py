"""The archive as commands read it: in this process, without the daemon where it does not run.

A daemon that runs is asked to store what it has read first, so that nothing is missing at the end.
"""

from collections.abc import Iterator

from cctm.archive.fold import Conflict, Hole
from cctm.archive.reader import Archive, Terminal
from cctm.archive.targets import TargetError
from cctm.cli import words
from cctm.cli.client import RefusedError, try_connect
from cctm.cli.errors import UserError
from cctm.cli.terminal import say
from cctm.home import Home
from cctm.protocol.control import replies, requests


def open_archive(home: Home) -> Archive:
    """The archive of *home*, with all that was printed so far."""
    client = try_connect(home)
    if client is not None:
        with client:
            try:
                client.ask(requests.Settle(), replies.Done)
            except RefusedError as refused:
                say(f"cctm: {refused.message}")
    return Archive(home)


def resolve(archive: Archive, target: str) -> Terminal:
    """The terminal that *target* means.

    Raises:
        UserError: none, or several.
    """
    try:
        return archive.resolve(target)
    except TargetError as error:
        raise UserError(error.what, error.advice) from error


class RecordedOutput:
    """All that *terminal* printed; what is missing or contradictory is said on stderr."""

    def __init__(self, archive: Archive, terminal: Terminal) -> None:
        self._pieces = archive.fold_output(terminal.channel)
        self.is_whole = True  # as far as it was read: nothing lacks but what was never recorded

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            match piece:
                case bytes():
                    yield piece
                case Hole(_, offset, length, declared):
                    much = "an unknown number of bytes" if length is None else words.count(length, "byte")
                    why = "was not recorded here" if declared else "is missing from the record"
                    self.is_whole = self.is_whole and declared
                    if length != 0:
                        say(f"cctm: At byte {offset}, output of {much} {why}.")
                case Conflict(_, offset, length):
                    self.is_whole = False
                    much = words.count(length, "byte")
                    say(
                        f"cctm: At byte {offset}, output of {much} is recorded twice and differs; the first is written."
                    )


def output_of(archive: Archive, terminal: Terminal) -> RecordedOutput:
    """What *terminal* printed, to be iterated over once."""
    return RecordedOutput(archive, terminal)
