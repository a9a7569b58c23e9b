"""The daemon that a keeper starts, and starts again."""

import itertools
import os
import signal
import socket
import time

from cctm.keeper import wire
from keeper_driver import (
    Driver,
    Keeper,
    lives,
    until,
)
from keeper_programs import FakeDaemon


def test_a_daemon_that_dies_is_started_again(tmp_path, launch):
    fake = FakeDaemon(tmp_path, connects=True)
    keeper = launch(fake.command)
    for count in range(1, 4):
        pid = int(until(lambda count=count: len(fake.starts) == count and fake.starts[-1])[0])
        assert fake.starts[-1][2] == "/"
        os.kill(pid, signal.SIGKILL)
    assert "signal 9" in until(lambda: keeper.log)


def test_a_daemon_that_fails_is_started_ever_more_rarely_until_stop_and_again_when_asked(tmp_path, launch):
    fake = FakeDaemon(tmp_path, connects=False)
    keeper = launch(fake.command)
    until(lambda: len(fake.starts) >= 4)
    times = [float(it[1]) for it in fake.starts[:4]]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[0] > 0.1
    assert gaps[1] > 0.2
    assert gaps[2] > 0.4
    with keeper.connect() as client:
        client.send(wire.Stop())
        client.send(wire.Upgrade((b"/no/such/program",)))  # its answer comes behind STOP
        client.wait(wire.Refused)
        pid = int(fake.starts[-1][0])
        until(lambda: not lives(pid))
        count = len(fake.starts)
        time.sleep(1.0)  # a thing that does not happen can only be waited for
        assert len(fake.starts) == count
        client.send(wire.StartDaemon())
        until(lambda: len(fake.starts) > count)
    assert "the fake daemon ends" in keeper.log
    assert "exit status 7" in keeper.log


def test_a_daemon_that_cannot_be_executed_is_reported_and_tried_again(launch):
    keeper = launch(["/no/such/daemon"])
    until(lambda: keeper.log.count("No such file or directory") >= 2)
    with keeper.daemon() as daemon:
        assert daemon.run("true")[1].code == 0


def test_a_daemon_whose_log_cannot_be_opened_is_reported_and_tried_again(tmp_path):
    with (tmp_path / "aside").open("wb") as aside:
        keeper = Keeper(tmp_path, ["/bin/true"], stdout=aside, stderr=aside)
    try:
        keeper.log_path.unlink()
        keeper.log_path.mkdir()
        until(lambda: "cannot be started" in (tmp_path / "aside").read_text())
    finally:
        keeper.stop()


def test_start_daemon_does_nothing_while_one_is_connected(tmp_path, launch):
    fake = FakeDaemon(tmp_path, connects=True)
    keeper = launch(fake.command)
    until(lambda: fake.starts)
    with keeper.daemon() as daemon, keeper.connect() as client:
        client.send(wire.StartDaemon())
        assert daemon.run("true")[1].code == 0
        assert len(fake.starts) == 1


def test_start_daemon_holds_for_when_the_one_that_is_connected_has_gone(tmp_path, launch):
    fake = FakeDaemon(tmp_path, connects=True)
    keeper = launch(fake.command)
    pid = int(until(lambda: fake.starts)[0][0])
    with keeper.connect() as client:
        client.send(wire.Stop())
        client.send(wire.StartDaemon())
        client.send(wire.Upgrade((b"/no/such/program",)))  # its answer comes behind the others
        client.wait(wire.Refused)
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(fake.starts) == 2)


def test_an_inherited_connection_is_the_daemons_and_none_is_started_until_it_goes(tmp_path):
    fake = FakeDaemon(tmp_path, connects=True)
    ours, theirs = socket.socketpair()
    keeper = Keeper.__new__(Keeper)
    keeper.directory = tmp_path
    keeper.socket_path, keeper.lock_path, keeper.log_path = (
        tmp_path / it for it in ("keeper.sock", "lock", "log")
    )
    keeper.daemon_command = fake.command
    keeper.process = keeper.launch("--daemon-fd", str(theirs.fileno()), pass_fds=[theirs.fileno()])
    keeper.pid = keeper.process.pid
    theirs.close()
    try:
        with Driver(ours) as daemon:
            daemon.hello()
            id_, _ = daemon.spawn("cat")
            assert fake.starts == []
            daemon.send(wire.Hello(0, os.getpid()))  # a mistake, so the keeper hangs up
            daemon.wait_eof()
        until(lambda: fake.starts)  # after the grace: the process of the test lives on
        with keeper.daemon() as daemon:
            assert id_ in daemon.here
    finally:
        keeper.stop()
