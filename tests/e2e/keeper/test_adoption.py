"""Terminals that another keeper began."""

import os
import pty
import signal
import subprocess

from cctm.keeper import wire
from cctm.keeper.wire import How


def test_an_adopted_terminal_goes_on_and_ends_as_lost_when_its_master_says_so(keeper, daemon):
    master, slave = pty.openpty()
    program = subprocess.Popen(["cat"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    id_ = os.urandom(16)
    daemon.send(wire.Adopt(id_, "adopted", program.pid, 1000), master)
    daemon.masters[id_] = master
    daemon.raw(id_)
    daemon.resume(id_, 1000)
    daemon.type(id_, b"hello")
    daemon.until_output(id_, b"hello")
    assert daemon.place[id_] == 1005
    daemon.send(wire.Adopt(id_, "again", program.pid, 0), master)
    assert daemon.wait(wire.Refused) == wire.Refused("adopt: it is here already", id_)
    with keeper.daemon() as other:
        assert other.here[id_][:3] == (id_, "adopted", program.pid)
        other.resume(id_, 1005)
        program.kill()
        program.wait()
        assert other.wait(wire.Ended) == wire.Ended(id_, How.LOST, 0, 1005)


def test_the_terminals_of_a_keeper_that_died_are_handed_to_the_next(launch):
    first = launch()
    with first.daemon() as daemon:
        id_, pid = daemon.spawn("bash", "-c", "echo one; read line; echo two; sleep 1000", raw=True)
        daemon.until_output(id_, b"one\n")
        first.process.kill()
        first.process.wait()
        second = launch()
        with second.daemon() as other:
            other.send(wire.Adopt(id_, "t", pid, 4), daemon.masters[id_])
            other.resume(id_, 4)
            daemon.type(id_, b"\n")
            other.until_output(id_, b"two\n")
            assert other.place[id_] == 8
            other.send(wire.Kill(id_, signal.SIGKILL))
            assert other.until_ended(id_).how is How.LOST
