"""The keeper's own end, and a beginning that fails."""

import os
import signal
import subprocess

import pytest

from cctm.keeper import wire
from keeper_driver import (
    DEADLINE_S,
)
from keeper_programs import PYTHON


def test_quit_is_refused_while_there_are_terminals(keeper, daemon):
    id_, _ = daemon.spawn("cat")
    daemon.send(wire.Quit())
    assert daemon.wait(wire.Refused) == wire.Refused("1 terminals are here", None)
    daemon.send(wire.Kill(id_, signal.SIGKILL))
    daemon.until_ended(id_)
    daemon.send(wire.Forget(id_))
    daemon.send(wire.Quit())
    assert keeper.process.wait(DEADLINE_S) == 0
    assert not keeper.socket_path.exists()


def test_sigterm_hangs_up_every_terminal_and_waits_for_the_last_words(keeper, daemon):
    id_, _ = daemon.spawn(
        "bash", "-c", "trap 'echo last words; exit 5' HUP; echo ready; while :; do sleep 0.01; done"
    )
    daemon.until_output(id_, b"ready")
    keeper.process.send_signal(signal.SIGTERM)
    daemon.until_output(id_, b"last words")
    assert daemon.until_ended(id_).code == 5
    assert keeper.process.wait(DEADLINE_S) == 0


def test_sigterm_ends_the_keeper_though_a_program_will_not(keeper, daemon):
    id_, pid = daemon.spawn("bash", "-c", "trap '' HUP TERM; echo ready; while :; do sleep 0.1; done")
    daemon.until_output(id_, b"ready")
    keeper.process.send_signal(signal.SIGTERM)
    assert keeper.process.wait(DEADLINE_S) == 0
    os.killpg(pid, signal.SIGKILL)


def test_hangup_interrupt_and_broken_pipes_do_not_end_it(keeper, daemon):
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        keeper.process.send_signal(number)
    assert daemon.run("true")[1].code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["--socket", "x"], id="too little"),
        pytest.param(["--check"], id="no value"),
        pytest.param(["--resume-fd", "x"], id="not a number"),
        pytest.param(["--nonsense", "x"], id="unknown"),
    ],
)
def test_wrong_arguments_are_a_usage_error(arguments):
    outcome = subprocess.run(
        [PYTHON, "-P", "-m", "cctm.keeper", *arguments], capture_output=True, check=False
    )
    assert outcome.returncode == 2
    assert b"--daemon-command" in outcome.stderr
