"""An upgrade of the keeper in place."""

import os
import signal

import pytest

from cctm.keeper import state, wire
from cctm.keeper.wire import How
from keeper_driver import (
    DEADLINE_S,
    lives,
    until,
)
from keeper_programs import COUNTER, PYTHON, FakeDaemon, counted


@pytest.mark.untraced
def test_an_upgrade_keeps_process_children_and_every_byte(keeper, daemon):
    size = 12 * 1024 * 1024
    flood, flood_pid = daemon.spawn(PYTHON, "-c", COUNTER, str(size), raw=True)
    shell, shell_pid = daemon.spawn("bash", "--norc", "-i")
    over, _ = daemon.spawn("sh", "-c", "echo over; exit 6", raw=True)
    prepared = daemon.open()
    daemon.wait(wire.Ended, lambda it: it.id == over)
    daemon.until_place(flood, 1024 * 1024)
    stored = daemon.output[flood]
    for _ in range(3):
        daemon.send(wire.Upgrade(()))
        daemon.wait_eof()
        daemon.close()
        daemon = keeper.daemon()
        assert keeper.process.poll() is None
        assert daemon.here[flood].pid == flood_pid
        assert daemon.here[shell].pid == shell_pid
        assert daemon.here[over].exit == (How.EXITED, 6)
        assert prepared not in daemon.here
        assert daemon.here[flood].base <= len(stored)
    daemon.resume(over, 0)
    daemon.until_ended(over)
    assert daemon.output[over] in (b"over\n", b"")
    daemon.resume(shell, daemon.here[shell].base)
    daemon.type(shell, b"echo $((6*7))\n")
    daemon.until_output(shell, b"42")
    daemon.resume(flood, len(stored))
    assert daemon.until_ended(flood).end == size
    assert stored + daemon.output[flood] == counted(size)
    assert keeper.launch().wait(DEADLINE_S) == 3  # the lock is still held
    daemon.send(wire.Kill(shell, signal.SIGKILL))
    assert daemon.until_ended(shell)[1:3] == (How.SIGNALLED, signal.SIGKILL)
    daemon.close()


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param((b"/no/such/program",), id="missing"),
        pytest.param((b"/bin/false",), id="does not know the state"),
        pytest.param((os.fsencode(PYTHON), b"-P", b"-c", b"import no_such_module"), id="broken"),
        pytest.param((b"/bin/true",), id="content with anything"),
        pytest.param((b"/bin/echo",), id="repeats its arguments"),
        pytest.param((b"/bin/sh", b"-c", b"exec cat"), id="repeats its input"),
        pytest.param(
            (b"/bin/sh", b"-c", b"while kill -0 $PPID; do sleep 0.1; done & exit 0"),
            id="leaves a child with the pipe",
        ),
    ],
)
def test_an_upgrade_to_code_that_does_not_work_is_refused_and_nothing_changes(daemon, argv):
    id_, _ = daemon.spawn("cat", raw=True)
    daemon.send(wire.Upgrade(argv))
    assert "upgrade" in daemon.wait(wire.Refused).text
    daemon.type(id_, b"still here")
    daemon.until_output(id_, b"still here")


def test_an_upgrade_whose_program_goes_in_the_last_moment_leaves_the_old_code_running(
    keeper, daemon, tmp_path
):
    program = tmp_path / "vanishing"
    answer = state.ANSWER % (state.VERSION, 1)
    program.write_text(f"#!/bin/sh\nrm $0\necho '{answer.rstrip()}'\n")
    program.chmod(0o755)
    id_, _ = daemon.spawn("cat", raw=True)
    daemon.send(wire.Upgrade((os.fsencode(program),)))
    until(lambda: "upgrade: " in keeper.log)
    daemon.type(id_, b"still here")
    daemon.until_output(id_, b"still here")


def test_one_upgrade_at_a_time(daemon):
    both = (wire.Upgrade((b"/bin/false",)), wire.Upgrade(()))
    daemon.socket.sendall(b"".join(map(wire.encode, both)))  # read at once, so the first is not over yet
    assert "under way" in daemon.wait(wire.Refused).text
    assert "says no" in daemon.wait(wire.Refused).text


def test_the_daemon_that_lost_its_connection_by_an_upgrade_is_not_replaced(tmp_path, launch):
    fake = FakeDaemon(tmp_path, connects=True)
    keeper = launch(fake.command)
    until(lambda: fake.starts)
    with keeper.daemon() as daemon:
        until(lambda: not any(lives(int(it[0])) for it in fake.starts))
        count = len(fake.starts)
        daemon.send(wire.Upgrade(()))
        daemon.wait_eof()
    with keeper.daemon() as daemon:
        assert daemon.run("true")[1].code == 0
        assert len(fake.starts) == count
