"""What the keeper may use of memory and descriptors, and what it does when that is used up."""

import contextlib
import errno
import json
import resource
import socket
import subprocess
import time
from pathlib import Path

import pytest

from cctm.keeper import wire
from cctm.keeper.terminal import LEAST_BYTES, TERMINAL_BYTES
from cctm.keeper.wire import Where
from keeper_driver import (
    lives,
    until,
)
from keeper_programs import COUNTER, PYTHON, counted, resident_kib


@pytest.mark.untraced
def test_a_program_that_is_not_acknowledged_waits_and_nothing_of_it_is_lost(keeper, daemon):
    size = 8 * 1024 * 1024
    id_, pid = daemon.spawn(PYTHON, "-c", COUNTER, str(size), raw=True)
    until(lambda: daemon.place.get(id_, 0) > TERMINAL_BYTES - LEAST_BYTES or daemon.receive())
    until(lambda: daemon.is_quiet(0.2) or daemon.receive())
    assert lives(pid)
    assert daemon.place[id_] <= TERMINAL_BYTES
    assert _cpu_ticks(keeper.pid) == until_unchanged(lambda: _cpu_ticks(keeper.pid))
    daemon.acknowledge()
    daemon.until_ended(id_)
    assert daemon.output[id_] == counted(size)


def _cpu_ticks(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def until_unchanged(fact):
    before = fact()
    time.sleep(0.3)  # what is measured is the time itself: a busy loop would use it
    return before if fact() <= before + 3 else fact()


@pytest.mark.untraced
def test_with_the_room_used_up_every_terminal_may_still_say_something(keeper):
    with keeper.daemon() as daemon:
        floods = [daemon.spawn("cat", "/dev/zero", raw=True)[0] for _ in range(24)]
        until(lambda: all(daemon.place.get(it, 0) > 1024 * 1024 for it in floods) or daemon.receive())
        until(lambda: daemon.is_quiet(0.3) or daemon.receive())
        assert sum(daemon.place.values()) <= 64 * 1024 * 1024
        id_, _ = daemon.spawn("echo", "heard")
        until(lambda: b"heard" in daemon.output.get(id_, b"") or daemon.receive())
        daemon.send(wire.Ack(floods[0], daemon.place[floods[0]]))
        place = daemon.place[floods[0]]
        until(lambda: daemon.place[floods[0]] > place or daemon.receive())
        assert resident_kib(keeper.pid) < 110 * 1024


def test_a_log_that_is_full_begins_again(keeper, daemon):
    with keeper.log_path.open("ab") as log:
        log.write(b"x" * 2_000_000)
    with keeper.connect() as other:
        other.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        other.wait_eof()
    assert keeper.log_path.stat().st_size < 1000
    assert "begins again" in keeper.log
    assert daemon.run("true")[1].code == 0


@pytest.mark.untraced
def test_who_has_not_said_hello_cannot_make_the_keeper_buffer_much(keeper, daemon):
    before = resident_kib(keeper.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            other = stack.enter_context(keeper.connect())
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                other.socket.sendall((wire.MAX_FRAME_BYTES - 5).to_bytes(4, "big") + bytes(4_000_000))
            other.wait_eof()
        for _ in range(60):
            other = stack.enter_context(keeper.connect())
            other.socket.sendall((65536).to_bytes(4, "big") + bytes([wire.Type.UPGRADE]) + bytes(60_000))
        assert daemon.run("true")[1].code == 0
        assert resident_kib(keeper.pid) < before + 12 * 1024


def test_of_many_that_say_nothing_the_oldest_are_dropped_and_a_daemon_is_heard(keeper):
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(keeper.connect()) for _ in range(70)]
        with keeper.daemon() as daemon:
            assert daemon.run("true")[1].code == 0
            for other in others[:7]:  # 70 and the daemon's before its HELLO
                other.wait_eof()
            for other in others[7:]:
                other.send(wire.Stop())
            others[-1].send(wire.Upgrade((b"/no/such/program",)))
            others[-1].wait(wire.Refused)
            assert all(other.is_quiet(0) for other in others[7:])


@pytest.mark.untraced
def test_a_thousand_terminals_are_held_announced_and_heard(keeper):
    with keeper.daemon() as daemon:
        ids = [daemon.spawn("/bin/cat", raw=True)[0] for _ in range(1000)]
        memory = resident_kib(keeper.pid)
    with keeper.daemon() as daemon:
        assert set(daemon.here) == set(ids)
        for id_ in ids:
            daemon.resume(id_, 0)
            daemon.type(id_, id_[:4])
        for id_ in ids:
            daemon.until_output(id_, id_[:4])
    assert memory < 32 * 1024


def test_without_descriptors_a_terminal_is_refused_and_those_that_are_go_on(launch):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    keeper = launch(preexec_fn=few)
    with keeper.daemon() as daemon:
        id_, _ = daemon.spawn("cat", raw=True)
        ids = []
        while True:
            daemon.send(wire.Open(1, "", 80, 24))
            answer = daemon.wait((wire.Opened, wire.Failed))
            if isinstance(answer, wire.Failed):
                break
            ids.append(answer.id)
        assert answer == wire.Failed(None, 1, errno.EMFILE, Where.PTY)
        daemon.start(ids[0], "true")
        failed = daemon.wait((wire.Failed, wire.Started))
        if isinstance(failed, wire.Failed):
            assert failed == wire.Failed(ids[0], None, errno.EMFILE, Where.FORK)
        daemon.type(id_, b"here")
        daemon.until_output(id_, b"here")
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(5)]
        for it in waiting:
            it.connect(str(keeper.socket_path))
        until(lambda: "accept: " in keeper.log)
        for it in waiting:
            it.close()
        for it in ids[1:]:
            daemon.send(wire.Forget(it))
        daemon.send(wire.Forget(id_))
        daemon.wait(wire.Refused)
    with keeper.daemon() as daemon:
        assert id_ in daemon.here


@pytest.mark.untraced
def test_it_is_small(keeper, daemon):
    assert daemon.run("true")[1].code == 0
    script = "import json, sys; import cctm.keeper.main; print(json.dumps(sorted(sys.modules)))"
    names = json.loads(
        subprocess.run([PYTHON, "-P", "-c", script], capture_output=True, check=True, env={}).stdout
    )
    assert not {"dataclasses", "inspect", "logging", "subprocess", "argparse", "asyncio", "trio"} & set(names)
    assert resident_kib(keeper.pid) < 20 * 1024
