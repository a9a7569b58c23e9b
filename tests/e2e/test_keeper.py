"""The real keeper with real PTYs and real programs."""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import pty
import random
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cctm.keeper import state, wire
from cctm.keeper.terminal import LEAST_BYTES, TERMINAL_BYTES
from cctm.keeper.wire import How, Where
from keeper_driver import (
    DEADLINE_S,
    Driver,
    Keeper,
    lives,
    orphans_come_to_us,
    until,
    window_size,
    without_close_range,
)

PYTHON = sys.executable
# Writes as much as it is told in a second argument, each 8 bytes naming their own place.
COUNTER = """
import os, sys
count = int(sys.argv[1]) // 8
at = 0
while at < count:
    block = b"".join(b"%07d\\n" % (i % 10000000) for i in range(at, min(at + 8192, count)))
    at += 8192
    while block:
        block = block[os.write(1, block):]
"""


def counted(size):
    return b"".join(b"%07d\n" % (i % 10000000) for i in range(size // 8))


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    with orphans_come_to_us() as left_behind:
        yield
        assert left_behind() == []


@pytest.fixture
def keeper(tmp_path):
    keeper = Keeper(tmp_path)
    yield keeper
    keeper.stop()


@pytest.fixture
def daemon(keeper):
    with keeper.daemon() as daemon:
        yield daemon


# --- what the program finds


def test_an_exit_status_arrives_after_the_output(daemon):
    output, ended = daemon.run("sh", "-c", "echo out; exit 3")
    assert (output, ended.how, ended.code, ended.end) == (b"out\n", How.EXITED, 3, 4)


def test_a_signal_arrives_as_such(daemon):
    _, ended = daemon.run("sh", "-c", "kill -KILL $$")
    assert (ended.how, ended.code, ended.end) == (How.SIGNALLED, signal.SIGKILL, 0)


@pytest.mark.parametrize(
    ("argv", "options", "where", "number"),
    [
        pytest.param(["no-such-command"], {}, Where.EXEC, errno.ENOENT, id="not found"),
        pytest.param(["/no/such/file"], {}, Where.EXEC, errno.ENOENT, id="no such file"),
        pytest.param(["/etc/passwd"], {}, Where.EXEC, errno.EACCES, id="not executable"),
        pytest.param(
            ["passwd"], {"env": {b"PATH": b"/nowhere:/etc"}}, Where.EXEC, errno.EACCES, id="only denied"
        ),
        pytest.param(["true"], {"cwd": "/no/such"}, Where.CWD, errno.ENOENT, id="no such directory"),
        pytest.param(["true"], {"cwd": "/etc/passwd"}, Where.CWD, errno.ENOTDIR, id="not a directory"),
        pytest.param(["true", "x" * 200_000], {}, Where.EXEC, errno.E2BIG, id="too long"),
    ],
)
def test_a_program_that_cannot_be_started_is_reported_with_step_and_reason(
    daemon, argv, options, where, number
):
    id_ = daemon.open()
    daemon.start(id_, *argv, **options)
    assert daemon.wait(wire.Failed) == wire.Failed(id_, None, number, where)
    assert daemon.run("true")[1].code == 0


def test_a_terminal_whose_start_failed_is_gone(keeper, daemon):
    id_ = daemon.open()
    daemon.start(id_, "no-such-command")
    daemon.wait(wire.Failed)
    daemon.start(id_, "true")
    assert daemon.wait(wire.Refused) == wire.Refused("start: it is not prepared", id_)
    with keeper.daemon() as other:
        assert other.here == {}


def test_the_environment_is_exactly_the_one_asked_for(daemon):
    env = {b"PATH": b"/usr/bin:/bin", b"ONE": b"\xff\xfe", b"EMPTY": b""}
    output, _ = daemon.run("env", "-0", env=env)
    assert sorted(output.split(b"\0")) == [b"", b"EMPTY=", b"ONE=\xff\xfe", b"PATH=/usr/bin:/bin"]


def test_the_command_is_searched_in_the_path_of_the_program(daemon, tmp_path):
    (tmp_path / "mine").write_text("#!/bin/sh\necho found $0\n")
    (tmp_path / "mine").chmod(0o755)
    output, _ = daemon.run("mine", env={b"PATH": b"/nowhere:/etc/passwd:" + os.fsencode(tmp_path)})
    assert output == b"found %b/mine\n" % os.fsencode(tmp_path)


def test_without_a_path_the_usual_directories_are_searched(daemon):
    assert daemon.run("sh", "-c", "echo yes", env={})[0] == b"yes\n"


def test_a_script_without_a_first_line_is_run_by_the_shell(daemon, tmp_path):
    (tmp_path / "plain").write_text("echo plain $1\n")
    (tmp_path / "plain").chmod(0o755)
    assert daemon.run(tmp_path / "plain", "word")[0] == b"plain word\n"


def test_a_login_shell_is_told_so_by_its_own_name(daemon):
    assert daemon.run("/bin/cat", "/proc/self/cmdline", login=True)[0] == b"-cat\0/proc/self/cmdline\0"
    assert daemon.run("/bin/cat", "/proc/self/cmdline")[0] == b"/bin/cat\0/proc/self/cmdline\0"


def test_directory_and_umask_are_those_asked_for(daemon, tmp_path):
    directory = os.fsencode(tmp_path) + b"/\xfc"
    os.mkdir(directory)
    output, _ = daemon.run("/bin/sh", "-c", "pwd -P; umask; touch new", cwd=directory, umask=0o027)
    assert output == directory + b"\n0027\n"
    assert stat.S_IMODE(os.stat(directory + b"/new").st_mode) == 0o640


# Signals 32 and 33, which no program can set; some versions of make leave them ignored.
OF_THE_C_LIBRARY = 0b11 << 31


def test_signals_mask_limits_and_descriptors_are_those_of_a_fresh_login(tmp_path):
    def spoil():
        for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
            signal.signal(ignored, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGTERM})
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (321, hard))

    pipe = os.pipe()
    leak = 300  # a number that the keeper does not come to by itself
    os.dup2(pipe[0], leak)
    keeper = Keeper(tmp_path, preexec_fn=spoil, restore_signals=False, close_fds=False)
    try:
        with keeper.daemon() as daemon:
            status, _ = daemon.run("cat", "/proc/self/status")
            masks = dict(line.split(b":\t") for line in status.splitlines() if line.startswith(b"Sig"))
            for field in (b"SigBlk", b"SigIgn", b"SigCgt"):
                assert int(masks[field], 16) & ~OF_THE_C_LIBRARY == 0, field
            assert daemon.run("sh", "-c", "ulimit -S -n")[0] == b"321\n"
            links, _ = daemon.run("sh", "-c", "cd /proc/self/fd; for f in *; do readlink $f; done")
            assert {b"0", b"1", b"2"} == set(daemon.run("ls", "/proc/self/fd")[0].split()) - {b"3"}
            assert all(it.startswith((b"/dev/pts/", b"/proc/")) for it in links.split())
        soft = next(
            it for it in Path(f"/proc/{keeper.pid}/limits").read_text().splitlines() if "open files" in it
        )
        assert soft.split()[3] == soft.split()[4]
        assert str(leak) not in os.listdir(f"/proc/{keeper.pid}/fd")
    finally:
        keeper.stop()
        for end in (leak, *pipe):
            os.close(end)


def test_a_crash_of_the_keeper_or_its_daemon_writes_no_core_and_programs_get_their_limit_back(tmp_path):
    def allow():
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (min(4096, hard) if hard >= 0 else 4096, hard))

    keeper = Keeper(tmp_path, preexec_fn=allow)
    try:
        (child,) = until(keeper.children)
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        if hard == 0:
            pytest.skip("no core dumps are allowed here")
        with keeper.daemon() as daemon:
            for _ in range(2):  # also after an upgrade
                until(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes())
                assert (_limit(keeper.pid, "core"), _limit(child, "core")) == ("0", "0")
                assert daemon.run("sh", "-c", "ulimit -S -c")[0] in (b"4\n", b"8\n")  # in KiB, or halves
                daemon.send(wire.Upgrade(()))
                daemon.wait_eof()
                daemon.close()
                daemon = keeper.daemon()
            daemon.close()
    finally:
        keeper.stop()


def _limit(pid, name):
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(it for it in lines if name in it)[26:].split()[0]


def test_without_close_range_programs_start_as_fast(tmp_path):
    keeper = Keeper(tmp_path, preexec_fn=without_close_range)  # 2^31 calls would take minutes
    try:
        with keeper.daemon() as daemon:
            assert set(daemon.run("ls", "/proc/self/fd")[0].split()) == {b"0", b"1", b"2", b"3"}
    finally:
        keeper.stop()


def test_a_writer_into_a_closed_pipe_dies_of_it(daemon):
    output, _ = daemon.run("bash", "-c", 'yes | head -n 1; echo "${PIPESTATUS[0]}"')
    assert output == b"y\n%d\n" % (128 + signal.SIGPIPE)


def test_the_terminal_is_the_controlling_one_has_its_size_and_knows_utf8(daemon):
    id_ = daemon.open(cols=101, rows=33)
    assert window_size(daemon.masters[id_]) == (101, 33)
    daemon.start(id_, "sh", "-c", "stty -a </dev/tty; cut -d' ' -f1,5,6,8 /proc/$$/stat")
    pid = daemon.wait(wire.Started).pid
    daemon.until_ended(id_)
    output = daemon.output[id_]
    assert b"rows 33; columns 101" in output
    assert re.search(rb"[^-]iutf8", output)
    assert output.split(b"\r\n")[-2].split() == [b"%d" % pid] * 4  # pid, group, session, foreground group


# --- the stream


def test_offsets_are_contiguous_and_the_flood_is_byte_exact(daemon):
    size = 8 * 1024 * 1024
    output, ended = daemon.run(PYTHON, "-c", COUNTER, str(size))
    assert ended.end == size
    assert output == counted(size)


@pytest.mark.parametrize("seed", range(3))
def test_a_flood_survives_a_daemon_that_dies_again_and_again_at_any_moment(keeper, seed):
    chance = random.Random(seed)
    size = 16 * 1024 * 1024
    daemon = keeper.daemon()
    id_, pid = daemon.spawn(PYTHON, "-c", COUNTER, str(size), raw=True)
    stored = b""
    deaths = 0
    ended = None
    while ended is None:
        lives_for = chance.randrange(1, 20)
        for _ in range(lives_for):
            daemon.receive(65536)  # so there are 256 or more, however far the keeper is ahead
            if chance.random() < 0.7:
                stored += daemon.output.pop(id_, b"")
                daemon.send(wire.Ack(id_, len(stored)))
            ended = daemon._find(wire.Ended, id_)
            if ended is not None:
                stored += daemon.output.pop(id_, b"")
                break
        daemon.close()
        deaths += 1
        daemon = keeper.daemon()
        here = daemon.here[id_]
        assert here.pid == pid
        assert here.base <= len(stored) <= here.end
        daemon.resume(id_, len(stored))
    daemon.close()
    assert deaths > 10
    assert ended.end == len(stored)
    assert stored == counted(size)


def test_output_is_not_sent_to_a_daemon_that_did_not_ask_for_it(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo before; read line; echo after", raw=True)
    daemon.until_output(id_, b"before\n")
    with keeper.daemon() as other:
        other.type(id_, b"\n")
        assert other.is_quiet(0.3)
        other.resume(id_, 7)
        assert other.until_output(id_, b"after\n") == b"after\n"


def test_unacknowledged_output_is_sent_again_to_the_next_daemon(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo before; read line", raw=True)
    daemon.wait(wire.Output)
    with keeper.daemon() as other:
        assert (other.here[id_].base, other.here[id_].end) == (0, 7)
        other.resume(id_, 3)
        assert other.wait(wire.Output) == wire.Output(id_, 3, b"ore\n")


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
        assert int(_status(keeper.pid, "VmRSS").split()[0]) < 110 * 1024


def _status(pid, field):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(it.partition(":")[2] for it in lines if it.startswith(field))


def test_one_terminal_echoes_while_another_floods_and_neither_stops(daemon):
    flood, _ = daemon.spawn("cat", "/dev/zero", raw=True)
    echo, _ = daemon.spawn("cat", raw=True)
    for number in range(50):
        word = b"<%d>" % number
        daemon.type(echo, word)
        daemon.until_output(echo, word)
        daemon.output[flood] = b""
    daemon.until_place(flood, daemon.place[flood] + 1024 * 1024)


# --- the end of a terminal


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


# --- connections


def test_the_newest_daemon_wins(keeper, daemon):
    with keeper.daemon():
        daemon.wait_eof()


def test_a_daemon_of_another_version_is_told_and_dropped(keeper, daemon):
    with keeper.connect() as other:
        other.send(wire.Hello(wire.VERSION + 1, os.getpid()))
        assert f"version {wire.VERSION}" in other.wait(wire.Refused).text
        other.wait_eof()
    assert daemon.run("true")[1].code == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(b"\0\0\0\0", id="an empty frame"),
        pytest.param(b"\xff\xff\xff\xff\1", id="an oversized frame"),
        pytest.param(b"\0\0\0\3\1{}", id="HELLO of nobody"),
        pytest.param(wire.encode(wire.Open(1, "", 80, 24)), id="an order without HELLO"),
        pytest.param(wire.encode(wire.Output(bytes(16), 0, b"x")), id="a message of the keeper's own"),
        pytest.param(wire.encode(wire.Hello(0, 1)) * 2, id="HELLO twice"),
        pytest.param(wire.encode(wire.Hello(0, 1)) + wire.encode(wire.Ready(0, 1)), id="READY from a daemon"),
        pytest.param(
            wire.encode(wire.Hello(0, 1)) + wire.encode(wire.Adopt(bytes(16), "", 1, 0)),
            id="ADOPT of nothing",
        ),
    ],
)
def test_rubbish_costs_its_connection_only(keeper, data):
    with keeper.daemon() as daemon:
        id_, pid = daemon.spawn("cat")
        with keeper.connect() as other:
            other.socket.sendall(data)
            other.wait_eof()
    with keeper.daemon() as daemon:
        assert daemon.here[id_].pid == pid


def test_descriptors_that_nobody_asked_for_are_closed(keeper):
    with keeper.daemon() as daemon:
        reader, writer = os.pipe()
        for message in (wire.Opened(1, bytes(16)), wire.Adopt(bytes(16), "", 1, 0)):
            with keeper.connect() as other:
                other.send(message, writer)
                other.wait_eof()
        with keeper.connect() as other:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may hang up before the last
                for _ in range(8):
                    other.send(wire.StartDaemon(), writer)
            other.wait_eof()
        os.close(writer)
        assert os.read(reader, 1) == b""
        os.close(reader)
        assert daemon.run("true")[1].code == 0


def test_the_next_daemon_may_acknowledge_before_it_resumes_and_what_is_not_sent_again_yet(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo before; read line; echo after", raw=True)
    daemon.wait(wire.Output)
    with keeper.daemon() as other:
        other.send(wire.Ack(id_, 3))
        other.resume(id_, 1)
        other.place[id_] = 3
        assert other.wait(wire.Output) == wire.Output(id_, 3, b"ore\n")
    with keeper.daemon() as other:
        assert (other.here[id_].base, other.here[id_].end) == (3, 7)
        other.send(wire.Ack(id_, 7))
        other.resume(id_, 3)
        other.place[id_] = 7
        other.type(id_, b"\n")
        assert other.wait(wire.Output) == wire.Output(id_, 7, b"after\n")
        assert other.until_ended(id_).end == 13


def test_resuming_behind_the_end_is_refused_and_the_connection_goes_on(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo hi; cat", raw=True)
    daemon.wait(wire.Output)
    with keeper.daemon() as other:
        other.send(wire.Resume(id_, 4))
        refused = other.wait(wire.Refused)
        assert (refused.id, refused.text) == (id_, "resume: 4 lies behind what was read, 3")
        other.resume(id_, 0)
        assert other.wait(wire.Output) == wire.Output(id_, 0, b"hi\n")


def test_acknowledging_what_was_not_read_drops_the_daemon_and_keeps_the_terminal(keeper, daemon):
    id_, _ = daemon.spawn("sh", "-c", "echo hi; cat", raw=True)
    daemon.wait(wire.Output)
    daemon.send(wire.Ack(id_, 1000))
    daemon.wait_eof()
    with keeper.daemon() as other:
        assert (other.here[id_].base, other.here[id_].end) == (0, 3)


def test_orders_about_terminals_that_are_not_there_change_nothing(daemon):
    nowhere = bytes(16)
    for message in (wire.Ack(nowhere, 5), wire.Kill(nowhere, 9), wire.Forget(nowhere)):
        daemon.send(message)
    daemon.send(wire.Resume(nowhere, 0))
    assert daemon.wait(wire.Refused) == wire.Refused("resume: no such terminal", nowhere)
    daemon.send(wire.Kill(daemon.open(), 9))
    assert daemon.run("true")[1].code == 0


def _replaced(path):
    path.unlink()
    path.write_text("somebody's file")


@pytest.mark.parametrize("lose", [Path.unlink, _replaced], ids=["deleted", "replaced"])
def test_a_socket_whose_name_is_lost_is_bound_again_when_the_daemon_goes(keeper, lose):
    with keeper.daemon() as daemon:
        id_, _ = daemon.spawn("cat")
        lose(keeper.socket_path)
    until(keeper.socket_path.is_socket)
    with keeper.daemon() as daemon:
        assert id_ in daemon.here
    assert "bound again" in keeper.log


def test_a_socket_whose_name_is_lost_while_no_daemon_is_there_is_bound_again(keeper):
    with keeper.connect() as client:
        client.send(wire.Stop())
        keeper.socket_path.unlink()
        until(keeper.socket_path.is_socket)
    with keeper.daemon() as daemon:
        daemon.send(wire.Upgrade(()))
        daemon.wait_eof()
    keeper.daemon().close()
    assert keeper.log.count("bound again") == 1  # the new code knows its name


def test_a_directory_that_is_gone_is_waited_for(keeper):
    daemon = keeper.daemon()
    aside = keeper.directory.with_name("aside")
    keeper.directory.rename(aside)
    daemon.close()
    until(lambda: "cannot be bound" in (aside / "keeper.log").read_text())
    keeper.directory.mkdir()
    keeper.daemon().close()


def test_what_a_misplaced_start_says_is_not_in_the_log_and_equal_lines_are_few(keeper):
    start = wire.Start(bytes(16), (b"SECRET",), {b"TOKEN": b"SECRET"}, b"/SECRET", 0, login=False)
    frames = [
        wire.encode(it)
        for it in (
            start,
            start._replace(umask=9999),
            start._replace(argv=()),
            start._replace(env={b"SECRET=": b""}),
            start._replace(cwd=b"/SECRET\0"),
        )
    ]
    with keeper.daemon() as daemon:
        for frame in frames:
            for _ in range(20):
                with keeper.connect() as other:
                    other.socket.sendall(frame)
                    other.wait_eof()
        assert daemon.run("true")[1].code == 0
    assert "SECRET" not in keeper.log
    assert "broke the protocol: WireError, Start" in keeper.log
    assert 5 <= keeper.log.count("broke the protocol") < 50


def test_a_log_that_is_full_begins_again(keeper, daemon):
    with keeper.log_path.open("ab") as log:
        log.write(b"x" * 2_000_000)
    with keeper.connect() as other:
        other.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        other.wait_eof()
    assert keeper.log_path.stat().st_size < 1000
    assert "begins again" in keeper.log
    assert daemon.run("true")[1].code == 0


def test_who_has_not_said_hello_cannot_make_the_keeper_buffer_much(keeper, daemon):
    before = int(_status(keeper.pid, "VmRSS").split()[0])
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
        assert int(_status(keeper.pid, "VmRSS").split()[0]) < before + 12 * 1024


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


def test_the_socket_is_the_users_alone(keeper, daemon):
    assert stat.S_IMODE(keeper.socket_path.stat().st_mode) == 0o600
    del daemon


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_is_turned_away(keeper, daemon):
    for path in (*keeper.directory.parents, keeper.directory):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    keeper.socket_path.chmod(0o666)
    script = (
        "import os, socket, sys; os.setuid(65534); "
        "s = socket.socket(1); s.connect(sys.argv[1]); print(s.recv(1))"
    )
    outcome = subprocess.run(
        [PYTHON, "-c", script, keeper.socket_path], capture_output=True, timeout=DEADLINE_S, check=False
    )
    assert outcome.stdout == b"b''\n", outcome.stderr
    assert daemon.run("true")[1].code == 0


def test_a_second_keeper_leaves_the_first_alone(keeper, daemon):
    second = keeper.launch()
    assert second.wait(DEADLINE_S) == 3
    assert daemon.run("true")[1].code == 0


def test_a_stale_socket_is_replaced(tmp_path):
    first = Keeper(tmp_path)
    first.daemon().close()
    first.process.kill()
    first.process.wait()
    second = Keeper(tmp_path)
    try:
        with second.daemon() as daemon:
            assert daemon.run("true")[1].code == 0
    finally:
        second.stop()
        first.stop()


# --- its own end


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


# --- the daemon


FAKE_DAEMON = """
import os, socket, sys, time
sys.path[:0] = {path!r}
from cctm.keeper import wire
s = socket.socket(socket.AF_UNIX)
if {connects}:
    s.connect({socket!r})
    s.sendall(wire.encode(wire.Hello(wire.VERSION, os.getpid())))
    s.recv(65536)
with open({journal!r}, "a") as journal:
    journal.write(f"{{os.getpid()}} {{time.monotonic()}} {{os.getcwd()}}\\n")
while {connects} and s.recv(65536):
    pass
print("the fake daemon ends", flush=True)
sys.exit(7)
"""


class Fake:
    """A daemon that notes each of its starts."""

    def __init__(self, directory, *, connects):
        self.journal = directory / "journal"
        self.journal.touch()
        self.script = directory / "fake.py"
        root = str(Path(wire.__file__).parents[2])
        self.script.write_text(
            FAKE_DAEMON.format(
                path=[root],
                journal=str(self.journal),
                connects=connects,
                socket=str(directory / "keeper.sock"),
            )
        )
        self.command = [PYTHON, "-P", str(self.script)]

    @property
    def starts(self):
        return [line.split() for line in self.journal.read_text().splitlines()]


def test_a_daemon_that_dies_is_started_again(tmp_path):
    fake = Fake(tmp_path, connects=True)
    keeper = Keeper(tmp_path, fake.command)
    try:
        for count in range(1, 4):
            pid = int(until(lambda count=count: len(fake.starts) == count and fake.starts[-1])[0])
            assert fake.starts[-1][2] == "/"
            os.kill(pid, signal.SIGKILL)
        assert "signal 9" in until(lambda: keeper.log)
    finally:
        keeper.stop()


def test_a_daemon_that_fails_is_started_ever_more_rarely_until_stop_and_again_when_asked(tmp_path):
    fake = Fake(tmp_path, connects=False)
    keeper = Keeper(tmp_path, fake.command)
    try:
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
    finally:
        keeper.stop()


def test_a_daemon_that_cannot_be_executed_is_reported_and_tried_again(tmp_path):
    keeper = Keeper(tmp_path, ["/no/such/daemon"])
    try:
        until(lambda: keeper.log.count("No such file or directory") >= 2)
        with keeper.daemon() as daemon:
            assert daemon.run("true")[1].code == 0
    finally:
        keeper.stop()


def test_a_daemon_whose_log_cannot_be_opened_is_reported_and_tried_again(tmp_path):
    with (tmp_path / "aside").open("wb") as aside:
        keeper = Keeper(tmp_path, ["/bin/true"], stdout=aside, stderr=aside)
    try:
        keeper.log_path.unlink()
        keeper.log_path.mkdir()
        until(lambda: "cannot be started" in (tmp_path / "aside").read_text())
    finally:
        keeper.stop()


def test_start_daemon_does_nothing_while_one_is_connected(tmp_path):
    fake = Fake(tmp_path, connects=True)
    keeper = Keeper(tmp_path, fake.command)
    try:
        until(lambda: fake.starts)
        with keeper.daemon() as daemon, keeper.connect() as client:
            client.send(wire.StartDaemon())
            assert daemon.run("true")[1].code == 0
            assert len(fake.starts) == 1
    finally:
        keeper.stop()


def test_start_daemon_holds_for_when_the_one_that_is_connected_has_gone(tmp_path):
    fake = Fake(tmp_path, connects=True)
    keeper = Keeper(tmp_path, fake.command)
    try:
        pid = int(until(lambda: fake.starts)[0][0])
        with keeper.connect() as client:
            client.send(wire.Stop())
            client.send(wire.StartDaemon())
            client.send(wire.Upgrade((b"/no/such/program",)))  # its answer comes behind the others
            client.wait(wire.Refused)
        os.kill(pid, signal.SIGKILL)
        until(lambda: len(fake.starts) == 2)
    finally:
        keeper.stop()


def test_an_inherited_connection_is_the_daemons_and_none_is_started_until_it_goes(tmp_path):
    fake = Fake(tmp_path, connects=True)
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


# --- upgrade


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


def test_the_daemon_that_lost_its_connection_by_an_upgrade_is_not_replaced(tmp_path):
    fake = Fake(tmp_path, connects=True)
    keeper = Keeper(tmp_path, fake.command)
    try:
        until(lambda: fake.starts)
        with keeper.daemon() as daemon:
            until(lambda: not any(lives(int(it[0])) for it in fake.starts))
            count = len(fake.starts)
            daemon.send(wire.Upgrade(()))
            daemon.wait_eof()
        with keeper.daemon() as daemon:
            assert daemon.run("true")[1].code == 0
            assert len(fake.starts) == count
    finally:
        keeper.stop()


# --- adoption


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


def test_the_terminals_of_a_keeper_that_died_are_handed_to_the_next(tmp_path):
    first = Keeper(tmp_path)
    daemon = first.daemon()
    id_, pid = daemon.spawn("bash", "-c", "echo one; read line; echo two; sleep 1000", raw=True)
    daemon.until_output(id_, b"one\n")
    first.process.kill()
    first.process.wait()
    second = Keeper(tmp_path)
    try:
        with second.daemon() as other:
            other.send(wire.Adopt(id_, "t", pid, 4), daemon.masters[id_])
            other.resume(id_, 4)
            daemon.type(id_, b"\n")
            other.until_output(id_, b"two\n")
            assert other.place[id_] == 8
            other.send(wire.Kill(id_, signal.SIGKILL))
            assert other.until_ended(id_).how is How.LOST
    finally:
        daemon.close()
        second.stop()
        first.stop()


# --- many


def test_a_thousand_terminals_are_held_announced_and_heard(keeper):
    with keeper.daemon() as daemon:
        ids = [daemon.spawn("/bin/cat", raw=True)[0] for _ in range(1000)]
        memory = int(_status(keeper.pid, "VmRSS").split()[0])
    with keeper.daemon() as daemon:
        assert set(daemon.here) == set(ids)
        for id_ in ids:
            daemon.resume(id_, 0)
            daemon.type(id_, id_[:4])
        for id_ in ids:
            daemon.until_output(id_, id_[:4])
    assert memory < 32 * 1024


def test_without_descriptors_a_terminal_is_refused_and_those_that_are_go_on(tmp_path):
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    keeper = Keeper(tmp_path, preexec_fn=few)
    try:
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
    finally:
        keeper.stop()


def test_it_is_small(keeper, daemon):
    assert daemon.run("true")[1].code == 0
    script = "import json, sys; import cctm.keeper.main; print(json.dumps(sorted(sys.modules)))"
    names = json.loads(
        subprocess.run([PYTHON, "-P", "-c", script], capture_output=True, check=True, env={}).stdout
    )
    assert not {"dataclasses", "inspect", "logging", "subprocess", "argparse", "asyncio", "trio"} & set(names)
    assert int(_status(keeper.pid, "VmRSS").split()[0]) < 40 * 1024  # with coverage inside; 13 MiB without


def test_the_digest_of_a_binary_flood_is_that_of_the_file(daemon, tmp_path):
    data = random.Random(5).randbytes(4 * 1024 * 1024)
    (tmp_path / "binary").write_bytes(data)
    output, _ = daemon.run("cat", tmp_path / "binary")
    assert hashlib.sha256(output).digest() == hashlib.sha256(data).digest()
