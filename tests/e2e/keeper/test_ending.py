"""The end of a terminal, and what is kept of it."""

import os
import signal
from pathlib import Path

from cctm.keeper import wire
from cctm.keeper.terminal import TERMINAL_BYTES
from cctm.keeper.wire import How
from keeper_driver import (
    lives,
    until,
)
from keeper_programs import COUNTER, PYTHON, counted


def test_a_background_job_that_keeps_the_terminal_does_not_keep_it_from_ending(daemon):
    id_, pid = daemon.spawn(
        "bash",
        "-c",
        "trap '' HUP; (for i in $(seq 300); do sleep 0.01; echo job; done) & echo leader; exit 4",
    )
    ended = daemon.until_ended(id_)
    assert (ended.how, ended.code) == (How.EXITED, 4)
    assert b"leader" in daemon.output[id_]
    assert ended.end == len(daemon.output[id_])
    daemon.send(wire.Forget(id_))
    os.killpg(pid, signal.SIGKILL)  # the job is still of its group


def test_a_background_flood_ends_sixty_four_kibibytes_after_its_leader(daemon):
    id_, _ = daemon.spawn("bash", "-c", "trap '' HUP; yes & sleep 0.2; exit 0", raw=True)
    ended = daemon.until_ended(id_)
    assert ended.end == len(daemon.output[id_])
    assert daemon.is_quiet(0.2)


def test_a_terminal_ends_with_all_its_output_though_nothing_more_may_be_held(daemon):
    size = TERMINAL_BYTES + 4096
    id_, _ = daemon.spawn(PYTHON, "-c", COUNTER, str(size), raw=True)
    assert daemon.wait(wire.Ended).end == size
    assert daemon.output[id_] == counted(size)


def test_a_program_that_closes_its_terminal_and_opens_it_again_is_heard(daemon):
    script = (
        "import os, time\n"
        "path = os.ttyname(0)\n"
        "os.write(1, b'one\\n')\n"
        "for fd in (0, 1, 2): os.close(fd)\n"
        "time.sleep(0.5)\n"
        "os.open(path, os.O_RDWR)\n"
        "os.write(0, b'two\\n')\n"
        "os.read(0, 1)\n"
    )
    id_, _ = daemon.spawn(PYTHON, "-c", script, raw=True)
    assert daemon.until_output(id_, b"two\n") == b"one\ntwo\n"
    daemon.type(id_, b"x")
    assert daemon.until_ended(id_).code == 0


def test_kill_reaches_the_leader_and_the_foreground_group(daemon):
    id_, pid = daemon.spawn("bash", "--norc", "-ic", "trap : TERM; echo ready; sleep 1000; echo survived")
    daemon.until_output(id_, b"ready")
    sleeper = until(lambda: Path(f"/proc/{pid}/task/{pid}/children").read_text().split())[0]
    until(lambda: os.tcgetpgrp(daemon.masters[id_]) == int(sleeper))
    daemon.send(wire.Kill(id_, signal.SIGTERM))
    daemon.until_output(id_, b"survived")
    assert daemon.until_ended(id_).how is How.EXITED


def test_a_shell_that_ignores_sighup_lives_on_until_it_is_killed(daemon):
    id_, pid = daemon.spawn(
        "bash", "-c", "trap '' HUP; echo ready; while :; do read line; echo got $line; done"
    )
    daemon.until_output(id_, b"ready")
    daemon.send(wire.Kill(id_, signal.SIGHUP))
    daemon.type(id_, b"word\n")
    daemon.until_output(id_, b"got word")
    assert lives(pid)
    daemon.send(wire.Kill(id_, signal.SIGKILL))
    assert daemon.until_ended(id_)[1:3] == (How.SIGNALLED, signal.SIGKILL)


def test_an_ended_terminal_is_announced_to_every_new_daemon_until_it_is_forgotten(keeper, daemon):
    id_, pid = daemon.spawn("sh", "-c", "echo bye; exit 9", raw=True)
    daemon.wait(wire.Ended)
    for _ in range(2):
        with keeper.daemon() as other:
            here = other.here[id_]
            assert (here.tag, here.pid, here.base, here.end, here.exit) == (
                "a terminal",
                pid,
                0,
                4,
                (How.EXITED, 9),
            )
            other.resume(id_, 0)
            assert other.wait(wire.Output) == wire.Output(id_, 0, b"bye\n")
            assert other.wait(wire.Ended) == wire.Ended(id_, How.EXITED, 9, 4)
    with keeper.daemon() as other:
        other.send(wire.Forget(id_))
        other.send(wire.Forget(id_))
    with keeper.daemon() as other:
        assert other.here == {}


def test_a_running_terminal_is_not_forgotten(daemon):
    id_, pid = daemon.spawn("cat")
    daemon.send(wire.Forget(id_))
    assert daemon.wait(wire.Refused) == wire.Refused("forget: its program runs", id_)
    assert lives(pid)


def test_a_terminal_that_was_never_started_is_dropped_with_its_daemon(keeper):
    with keeper.daemon() as daemon:
        daemon.open()
        daemon.send(wire.Forget(daemon.open()))
    with keeper.daemon() as daemon:
        assert daemon.here == {}
