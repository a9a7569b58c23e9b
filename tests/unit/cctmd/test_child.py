"""What a program is started with is what SPEC.md §9.1 says."""

import os
import pwd
import re
from pathlib import Path

import pytest

from cctm.cctmd.child import ELLIPSIS, program, recorded_argv, shown_command
from cctm.protocol.events import MAX_ARGV, MAX_ARGV_BYTES

SPEC = (Path(__file__).parents[3] / "SPEC.md").read_text()
[LISTED] = re.findall(r"\*\*9\.1 The child\*\* gets the caller's environment without ([^;]+);", SPEC)
NOT_INHERITED = re.findall(r"[A-Z_]{3,}", LISTED)
CHANNEL = bytes(range(32))
AGENT = b"/home/of/cctm/agent"


def started(argv=(b"true",), **env):
    return program(list(argv), {name.encode(): value for name, value in env.items()}, CHANNEL, AGENT)


def test_the_specification_lists_what_is_not_inherited():
    assert len(NOT_INHERITED) == 15
    assert {"TMUX", "STY", "LISTEN_FDS", "COLUMNS"} <= set(NOT_INHERITED)


@pytest.mark.parametrize("name", NOT_INHERITED)
def test_what_speaks_of_the_callers_terminal_or_service_is_not_inherited(name):
    assert name.encode() not in started(**{name: b"1"}).env


def test_everything_else_is_inherited_unchanged_beside_what_is_set():
    odd = {
        "PATH": b"/bin",
        "HOME": b"/root",
        "CCTM_HOME": b"/h",
        "LC_ALL": b"C",
        "X": b"\xff\n",
        "EMPTY": b"",
    }
    assert started(**odd, TERM=b"dumb", CCTM_TERMINAL=b"outer").env == {
        **{name.encode(): value for name, value in odd.items()},
        b"TERM": b"xterm-256color",
        b"CCTM_TERMINAL": CHANNEL.hex().encode(),
    }


def test_an_agent_is_found_through_the_link_if_the_caller_had_one():
    assert started(SSH_AUTH_SOCK=b"/tmp/ssh/agent").env[b"SSH_AUTH_SOCK"] == AGENT
    assert b"SSH_AUTH_SOCK" not in started().env


def test_a_command_runs_as_it_is():
    what = started((b"make", b"-j8", b"\xff"), SHELL=b"/bin/sh")
    assert what.argv == [b"make", b"-j8", b"\xff"]
    assert not what.login


def test_without_a_command_the_callers_shell_runs_as_a_login_shell():
    what = started((), SHELL=b"/bin/sh")
    assert what.argv == [b"/bin/sh"]
    assert what.login


@pytest.mark.parametrize("shell", [b"", b"sh", b"/no/such/shell", b"/etc/passwd"])
def test_a_shell_that_cannot_run_gives_way_to_that_of_the_passwd_entry(shell):
    entry = os.fsencode(pwd.getpwuid(os.getuid()).pw_shell)
    assert started((), SHELL=shell).argv == [entry if os.access(entry, os.X_OK) else b"/bin/sh"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a passwd entry")
def test_a_user_without_a_passwd_entry_gets_the_standard_shell():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(54_321, 54_321, 54_321)
            os.write(writer, started(()).argv[0])
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    assert os.read(reader, 100) == b"/bin/sh"
    os.close(reader)


def test_a_command_is_shown_as_a_shell_would_read_it_and_always_as_text():
    assert shown_command((b"echo", b"two words", b"it's")) == "echo 'two words' 'it'\"'\"'s'"
    assert shown_command((b"cat", b"\xff.txt")).encode() == "cat '\ufffd.txt'".encode()


@pytest.mark.parametrize("argv", [[b"true"], [b"x"] * MAX_ARGV, [b"", b"x" * MAX_ARGV_BYTES]])
def test_a_command_line_that_fits_is_recorded_whole(argv):
    assert recorded_argv(argv) == tuple(argv)


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        ([b"x"] * (MAX_ARGV + 1), MAX_ARGV - 1),
        ([b"prog", *[b"x" * 1000] * 200], 1 + (MAX_ARGV_BYTES - len(ELLIPSIS) - 4) // 1000),
        ([b"prog", b"x" * MAX_ARGV_BYTES, b"y"], 1),
    ],
)
def test_of_a_longer_command_line_the_beginning_is_recorded_and_an_ellipsis(argv, kept):
    assert recorded_argv(argv) == (*argv[:kept], ELLIPSIS)


def test_of_a_program_whose_name_alone_is_too_long_the_beginning_is_recorded():
    name, ellipsis = recorded_argv([b"x" * (MAX_ARGV_BYTES + 1)])
    assert (len(name) + len(ellipsis), ellipsis) == (MAX_ARGV_BYTES, ELLIPSIS)
