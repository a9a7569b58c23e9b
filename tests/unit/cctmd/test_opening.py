"""Why a program could not be started is said in words, by step and cause."""

import errno
import os

import pytest

from cctm.cctmd.keeper_link import StartError
from cctm.cctmd.opening import _in_words, _pairs
from cctm.keeper.wire import Where
from cctm.protocol.control.values import Reason

ONE_KIB, ALL_KIB = os.sysconf("SC_PAGESIZE") * 32 // 1024, os.sysconf("SC_ARG_MAX") // 1024


@pytest.mark.parametrize(
    ("where", "number", "words"),
    [
        (Where.EXEC, errno.ENOENT, "There is no command 'prog'."),
        (Where.EXEC, errno.EACCES, "'prog' may not be executed."),
        (Where.EXEC, errno.ENOEXEC, "'prog' is not a program."),
        (
            Where.EXEC,
            errno.E2BIG,
            f"The command line of 'prog' is too long for this system, which takes {ONE_KIB} KiB of one argument, "
            f"and {ALL_KIB} KiB of all and the environment.",
        ),
        (Where.CWD, errno.ENOTDIR, "The directory '/dir' cannot be entered: not a directory."),
        (Where.PTY, errno.EMFILE, "There are no file descriptors left for another terminal."),
        (Where.PTY, errno.ENFILE, "There are no file descriptors left for another terminal."),
        (Where.PTY, errno.ENOSPC, "The system has no terminal left: no space left on device."),
        (Where.FORK, errno.EAGAIN, "The system starts no further program: resource temporarily unavailable."),
    ],
)
def test_each_step_that_fails_has_its_sentence(where, number, words):
    refused = _in_words(StartError(number, where), b"prog", b"/dir")
    assert refused.reason is Reason.CANNOT_START
    assert refused.what == words
    assert refused.advice.endswith(".")


def test_a_command_that_is_no_text_is_named_in_a_way_that_can_be_sent():
    refused = _in_words(StartError(errno.ENOENT, Where.EXEC), b"\xff\x1b", b"/")
    assert refused.what.encode() == rb"There is no command '\udcff\x1b'."


def test_only_what_can_stand_in_an_environment_is_taken_of_one():
    good = [[b"A", b"1"], [b"B", b""], [b"A", b"2"], [b"C", b"x=y"]]
    bad = [[b"", b"1"], [b"X=", b"1"], [b"N\0", b"1"], [b"N", b"1\0"], [b"N"], [], [b"N", b"1", b"2"]]
    assert _pairs([*good, *bad]) == {b"A": b"2", b"B": b"", b"C": b"x=y"}
