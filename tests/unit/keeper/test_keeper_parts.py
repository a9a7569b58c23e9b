"""The holder and the loop in this process, where the order of events can be chosen."""

import errno
import io
import os
import resource
import selectors
import signal
import socket
import time

import pytest

from cctm.keeper import state, upgrade, wire
from cctm.keeper.beside import spawn_beside
from cctm.keeper.connection import Connection
from cctm.keeper.holder import Holder, exit_of
from cctm.keeper.keeper import Keeper
from cctm.keeper.listener import Listener
from cctm.keeper.spawn import Limits
from cctm.keeper.state import Setup
from cctm.keeper.supervision import Supervision
from cctm.keeper.terminal import State
from cctm.keeper.wire import Exit, How, Where
from keeper_driver import Driver

NOFILE = resource.getrlimit(resource.RLIMIT_NOFILE)
LIMITS = Limits(NOFILE, resource.getrlimit(resource.RLIMIT_CORE))
PATH = {b"PATH": b"/usr/bin:/bin"}


class World:
    """A holder, and what it told."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.told = []
        self.offered = []
        self.holder = Holder(
            self.selector, LIMITS, lambda message, _fd: self.told.append(message), self.offered.append
        )

    def prepared(self):
        self.holder.open(wire.Open(1, "tag", 80, 24))
        return self.told.pop().id

    def start(self, *argv):
        id_ = self.prepared()
        self.holder.start(wire.Start(id_, argv, PATH, b"/", 0o22, login=False))
        return self.holder.get(id_)


@pytest.fixture
def world():
    world = World()
    yield world
    for terminal in world.holder:
        os.close(terminal.master)
        if terminal.slave is not None:
            os.close(terminal.slave)
    world.selector.close()


def reap(world, pid):
    _, status = os.waitpid(pid, 0)
    assert world.holder.reaped(pid, exit_of(status))


def test_a_program_reaped_before_its_start_was_seen_is_started_and_then_ended(world):
    terminal = world.start(b"sh", b"-c", b"exit 5")
    assert world.holder.is_starting
    reap(world, terminal.pid)
    assert world.told == [wire.Started(terminal.id, terminal.pid)]
    assert (terminal.state, terminal.exit) == (State.ENDED, Exit(How.EXITED, 5))
    assert not world.holder.is_starting


def test_a_failed_start_reaped_before_it_was_seen_is_a_failure_and_no_end(world):
    terminal = world.start(b"no-such-command")
    reap(world, terminal.pid)
    assert world.told == [wire.Failed(terminal.id, None, errno.ENOENT, Where.EXEC)]
    assert len(world.holder) == 0


def test_a_child_of_nobody_is_not_taken_for_a_leader(world):
    assert not world.holder.reaped(1, Exit(How.EXITED, 0))


def test_a_start_without_descriptors_fails_and_says_so(world):
    id_ = world.prepared()
    used = os.open("/dev/null", os.O_RDONLY)
    os.close(used)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, NOFILE[1]))
    try:
        world.holder.start(wire.Start(id_, (b"true",), PATH, b"/", 0o22, login=False))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, NOFILE)
    assert world.told == [wire.Failed(id_, None, errno.EMFILE, Where.FORK)]


def test_a_master_that_is_left_alone_is_looked_at_again(world):
    terminal = world.start(b"cat")
    world.selector.select(5)[0][0].data(selectors.EVENT_READ)
    assert terminal.watched
    world.holder.leave_alone(None)
    assert terminal.watched
    world.holder.leave_alone(terminal.master)
    assert not terminal.watched
    world.holder.settle(time.monotonic())
    assert not terminal.watched
    world.holder.settle(world.holder.wake_at)
    assert terminal.watched
    os.kill(terminal.pid, signal.SIGKILL)
    reap(world, terminal.pid)


@pytest.fixture
def keeper(tmp_path):
    numbers = [signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in numbers}
    listener = Listener.bind(str(tmp_path / "sock"))
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    setup = Setup(str(tmp_path / "sock"), str(tmp_path / "log"), (b"/bin/true",), LIMITS, lock)
    supervision = Supervision(time.monotonic())
    supervision.stop()
    keeper = Keeper(setup, listener, supervision)
    yield keeper
    keeper.close()
    keeper.close()  # which may find the socket's file gone
    os.close(lock)
    for number, action in before.items():
        signal.signal(number, action)


def connect(keeper):
    ours, theirs = socket.socketpair()
    connection = Connection(theirs)
    keeper.peers.admit(connection)
    return Driver(ours)


def test_a_mistake_of_ours_costs_the_daemon_its_connection_and_nothing_more(keeper, capsys):
    daemon, client = connect(keeper), connect(keeper)
    daemon.send(wire.Hello(wire.VERSION, 1))
    reader, writer = os.pipe()

    def mistaken(_events):
        keeper._selector.unregister(reader)
        client.send(wire.Quit())
        raise ZeroDivisionError

    daemon.send(wire.StartDaemon())
    keeper._selector.register(reader, selectors.EVENT_READ, mistaken)
    keeper._selector.select(5)[0][0].data(selectors.EVENT_READ)  # HELLO first
    os.write(writer, b"x")
    keeper.run()
    assert "ZeroDivisionError" in capsys.readouterr().err
    daemon.wait(wire.Ready)
    daemon.wait_eof()
    daemon.close()
    client.close()
    os.close(reader)
    os.close(writer)


def test_a_daemon_that_hangs_up_while_it_is_told_something_is_dropped(keeper):
    daemon = connect(keeper)
    daemon.send(wire.Hello(wire.VERSION, 1))
    for _ in range(3):
        daemon.send(wire.Resume(bytes(16), 0))
    daemon.close()
    client = connect(keeper)
    client.send(wire.Quit())
    keeper.run()
    assert keeper.daemon_pid in (None, 1)
    client.close()


def test_an_upgrade_gives_way_to_a_sigterm_that_came_before_it(keeper):
    keeper.upgrade_to = (b"/bin/true",)
    keeper.was_terminated = True
    with pytest.raises(InterruptedError):
        upgrade.replace(keeper)
    assert not os.get_inheritable(keeper.setup.lock)
    keeper.upgrade_failed(InterruptedError())
    assert keeper.upgrade_to is None


def test_a_failing_execv_leaves_everything_as_it_was(keeper):
    keeper.upgrade_to = (b"/no/such/program",)
    with pytest.raises(FileNotFoundError):
        upgrade.replace(keeper)
    assert not os.get_inheritable(keeper.setup.lock)
    assert not keeper.entrance.listener.socket.get_inheritable()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_a_foreign_daemon_that_is_known_over_an_upgrade_keeps_its_grace(keeper):
    keeper.supervision.wanted = True
    keeper.supervision.foreign = os.getpid()
    resumed = state.read_header(io.BytesIO(keeper.state_header())).supervision
    assert resumed.foreign == os.getpid()
    assert not resumed.is_due(time.monotonic())


@pytest.mark.parametrize(("status", "failures"), [(b"0", 0), (b"1", 1)])
def test_only_a_daemon_that_served_and_left_with_0_has_not_failed(keeper, status, failures):
    supervision = keeper.supervision
    child = spawn_beside(keeper.setup, (b"/bin/sh", b"-c", b"exit " + status))
    supervision.started(child.pid, time.monotonic())
    supervision.connection_made()
    supervision = keeper.supervision = state.read_header(io.BytesIO(keeper.state_header())).supervision
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    keeper._reap()
    assert supervision.child is None
    assert supervision.failures == failures
    os.close(child.failed)


def test_new_code_that_does_not_answer_is_killed_and_refused(keeper):
    client = connect(keeper)
    client.send(wire.Hello(wire.VERSION, 1))
    client.send(wire.Upgrade((b"/bin/sh", b"-c", b"exec sleep 1000")))
    while keeper._check is None:
        keeper._selector.select(5)[0][0].data(selectors.EVENT_READ)
    assert 25 < keeper._settle() <= 30
    keeper._settle_at(time.monotonic() + 31)
    client.send(wire.Stop())
    while keeper._check is not None:
        for key, events in keeper._selector.select(5):
            key.data(events)
    assert client.wait(wire.Refused).text == "upgrade: the new keeper says no: signal 9"
    client.close()
