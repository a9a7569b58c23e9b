"""The state that one keeper's code hands to the next."""

import io
import json
import os
import struct
import subprocess
import sys

import pytest

from cctm.keeper import state
from cctm.keeper.spawn import Limits
from cctm.keeper.state import Bound, Setup, StateError, encode_header, read_header
from cctm.keeper.supervision import Supervision
from cctm.keeper.terminal import State, Terminal
from cctm.keeper.wire import Exit, How

SETUP = Setup("/sock", "/log", (b"daemon", b"\xff"), Limits((1, 2), (3, -1)), 5)
BOUND = Bound(6, 7, 8)


def terminal():
    one = Terminal(bytes(range(16)), "tag", 9, State.ENDED)
    one.pid, one.started, one.adopted, one.exit = 10, 11, True, Exit(How.SIGNALLED, 9)
    one.base = one.sent = 12
    one.held += b"held"
    return one


def header(terminals=(), daemon=None):
    return encode_header(SETUP, BOUND, Supervision(0.0), daemon, terminals)


def test_what_is_handed_over_is_what_was_there():
    one = terminal()
    read = read_header(io.BytesIO(header([one])))
    assert (read.setup, read.bound) == (SETUP, BOUND)
    ((other, held),) = read.terminals
    assert held == 4
    other.held += b"held"
    fields = list(Terminal.__slots__)
    assert [getattr(other, it) for it in fields] == [getattr(one, it) for it in fields]


def test_a_daemon_of_somebody_else_gets_its_grace():
    read = read_header(io.BytesIO(header(daemon=77)))
    assert read.supervision.foreign == 77


def altered(**changes):
    whole = header([terminal()])
    fields = json.loads(whole[4:]) | changes
    encoded = json.dumps(fields).encode()
    return struct.pack(">I", len(encoded)) + encoded


def test_another_version_is_refused():
    with pytest.raises(StateError):
        read_header(io.BytesIO(altered(version=state.VERSION + 1)))


def check(version, given):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cctm.keeper", "--check", str(version)],
        input=given,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def test_check_answers_if_it_can_read_the_state():
    expected = state.ANSWER % (state.VERSION, 1)
    assert check(state.VERSION, header([terminal()])) == (0, expected)


@pytest.mark.parametrize(
    ("version", "given"),
    [
        pytest.param(state.VERSION + 1, header(), id="another version asked"),
        pytest.param(state.VERSION, altered(version=state.VERSION + 1), id="another version given"),
        pytest.param(state.VERSION, b"", id="nothing"),
        pytest.param(state.VERSION, os.urandom(3), id="rubbish"),
        pytest.param(state.VERSION, altered(terminals=[{"id": "00"}]), id="a terminal it does not know"),
        pytest.param(state.VERSION, altered(limits=[[1, 2]]), id="a limit less"),
    ],
)
def test_check_says_no_to_what_it_cannot_read(version, given):
    assert check(version, given) == (1, "")
