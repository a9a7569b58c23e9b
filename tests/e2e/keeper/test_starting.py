"""What a program finds when the keeper starts it, and why it cannot be started."""

import errno
import os
import re
import resource
import signal
import stat
from pathlib import Path

import pytest

from cctm.keeper import wire
from cctm.keeper.wire import How, Where
from keeper_driver import (
    Keeper,
    until,
    window_size,
    without_close_range,
)


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


def test_a_crash_of_the_keeper_or_its_daemon_writes_no_core_and_programs_get_their_limit_back(launch):
    def allow():
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (min(4096, hard) if hard >= 0 else 4096, hard))

    keeper = launch(preexec_fn=allow)
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


def _limit(pid, name):
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(it for it in lines if name in it)[26:].split()[0]


def test_without_close_range_programs_start_as_fast(launch):
    keeper = launch(preexec_fn=without_close_range)  # 2^31 calls would take minutes
    with keeper.daemon() as daemon:
        assert set(daemon.run("ls", "/proc/self/fd")[0].split()) == {b"0", b"1", b"2", b"3"}


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
