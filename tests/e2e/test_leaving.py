"""However a client goes, its window is as it was, nothing is said that is no sentence, and the terminal stays."""

import contextlib
import os
import signal
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import CCTM, Machine, Screen, processes_of, until

MODES = rb"printf '\033[?1049h\033[?2004h\033[?1000h\033[?25l\033[>1u\033='; echo se$((1))t"


@pytest.fixture
def complaints(tmp_path: Path) -> Path:
    """What the session says on stderr."""
    return tmp_path / "stderr"


@pytest.fixture
def screen(machine: Machine, complaints: Path) -> Iterator[Screen]:
    """A window with a session in it whose program has set modes."""
    script = f"exec {' '.join(CCTM)} new -n work -- bash --norc --noediting 2> {complaints}"
    with opened(machine, script) as one:
        one.type(MODES + b"\r")
        one.expect(b"se1t")
        yield one


@contextlib.contextmanager
def opened(machine: Machine, script: str) -> Iterator[Screen]:
    """A window in which a shell runs *script*."""
    screen = Screen(["/bin/sh", "-c", script], machine.env, str(machine.cwd))
    try:
        yield screen
    finally:
        screen.close()


def assert_restored(screen: Screen) -> None:
    """The window is as it was before the session."""
    undone = screen.received.rpartition(b"se1t")[2]
    for undo in (b"\x1b[?2004l", b"\x1b[?1000l", b"\x1b[?25h", b"\x1b[<1u", b"\x1b>"):
        assert undo in undone
    assert undone.rstrip(b" \r\x1b[J").endswith(b"\x1b[?1049l")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_detaches_and_restores_the_window(
    machine: Machine, screen: Screen, complaints: Path, number: int
) -> None:
    os.kill(screen.pid, number)
    assert screen.wait() == 0
    assert_restored(screen)
    assert b"[detached from work]" in complaints.read_bytes()
    assert machine.terminals()["work"]["state"] == "running"


def test_a_window_that_closes_is_no_error(machine: Machine, screen: Screen, complaints: Path) -> None:
    assert screen.hang_up() >= 0  # an exit status, and no signal's number
    assert b"Traceback" not in complaints.read_bytes()
    until(lambda: machine.terminals()["work"]["clients"] == 0)
    assert machine.terminals()["work"]["state"] == "running"


def test_keys_come_back_to_line_mode(machine: Machine) -> None:
    script = f"{' '.join(CCTM)} new -n work -- cat; stty -a; echo st$((1))ty"
    with opened(machine, script) as screen:
        screen.type(b"hello\r")
        screen.expect(b"hello\r\nhello\r\n")
        assert not termios.tcgetattr(screen.master)[3] & termios.ECHO
        screen.type(b"\x02?")
        screen.expect(b"detach: leave it running")
        screen.type(b"\x02z")
        screen.expect(b"\a")
        screen.type(b"\x02d")
        shown = screen.expect(b"st1ty")
        assert b" icanon" in shown
        assert b" echo " in shown


def test_the_program_learns_the_size_of_the_window(machine: Machine) -> None:
    with machine.open("new", "-n", "work", "--", "bash", "--norc", cols=90, rows=20) as screen:
        screen.type(b"stty size; echo si$((1))ze\r")
        assert b"20 90" in screen.expect(b"si1ze")
        screen.resize(100, 30)
        until(lambda: machine.terminals()["work"]["cols"] == 100, "the size follows")
        screen.type(b"stty size; echo ag$((1))ain\r")
        assert b"30 100" in screen.expect(b"ag1ain")


def test_a_terminal_that_somebody_kills_ends_the_session_with_its_status(machine: Machine) -> None:
    with machine.open("new", "-n", "work", "--", "cat") as screen:
        screen.type(b"x\r")
        screen.expect(b"x\r\nx")
        machine.run("kill", "-s", "KILL", "work")
        screen.expect(b"[work ended: SIGKILL]")
        assert screen.wait() == 128 + signal.SIGKILL


def test_who_is_detached_by_another_is_told(machine: Machine) -> None:
    with machine.open("new", "-n", "work", "--", "cat") as first:
        first.type(b"x\r")
        first.expect(b"x\r\nx")
        with machine.open("attach", "-d", "work") as second:
            first.expect(b"[detached from work: another client attached with -d]")
            assert first.wait() == 0
            second.type(b"y\r")
            second.expect(b"y\r\ny")
            machine.run("rename", "work", "better")
            until(lambda: "better" in machine.terminals())
            second.type(b"\x02d")
            second.expect(b"[detached from better]")


def test_attaching_inside_a_terminal_of_ours_is_refused_unless_it_is_meant(machine: Machine) -> None:
    with machine.open("new", "-n", "outer", "--", "bash", "--norc") as screen:
        screen.type(f"{' '.join(CCTM)} attach outer; echo st$((1))atus $?\r".encode())
        screen.expect(b"This is a terminal of CCTM already")
        screen.expect(b"st1atus 1")
        screen.type(
            f"{' '.join(CCTM)} new --nested -n inner -- sh -c 'exit 5'; echo in$((1))ner $?\r".encode()
        )
        screen.expect(b"in1ner 5")


@pytest.mark.parametrize(
    "arguments",
    [
        ("new", "-d", "-n", b"\xff"),
        ("kill", b"\xff"),
        ("rename", b"\xff", "x"),
        ("rm", b"\xff"),
        ("export", b"\xff"),
        ("log", b"\xff"),
        ("prune", "--older-than", "999999999w", "--yes"),
        ("prune", "--keep", "999999999999T"),
        ("kill", "-s", "²", "x"),
        ("new", "-d", "--", "sh", "-c", *("y" * 100_000,) * 12),
    ],
    ids=lambda arguments: repr(arguments)[:40],
)
def test_odd_arguments_get_a_sentence(shared_machine: Machine, arguments: tuple[str | bytes, ...]) -> None:
    machine = shared_machine
    done = subprocess.run(
        [*CCTM, *arguments],
        env=machine.env,
        cwd=machine.cwd,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert b"Traceback" not in done.stderr
    assert done.stderr.strip()
    assert done.returncode in {0, 1, 2}
    assert machine.terminals("-a") == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_session_that_waits_for_the_daemon(
    machine: Machine, screen: Screen, complaints: Path, number: int
) -> None:
    with machine.without_daemon():
        until(lambda: b"start.lock" in b"".join(open_files(screen.pid)), "it waits for the daemon")
        os.kill(screen.pid, number)
        assert screen.wait() == 0
        assert_restored(screen)
        assert b"[detached from work]" in complaints.read_bytes()


def test_the_user_leaves_a_session_that_waits_for_the_daemon(
    machine: Machine, screen: Screen, complaints: Path
) -> None:
    with machine.without_daemon():
        screen.expect("[reconnecting…] Ctrl+B d leaves".encode())
        screen.type(b"typed for the program\r\x02d")
        assert screen.wait() == 0
        assert_restored(screen)
        assert b"[detached from work]" in complaints.read_bytes()


def test_a_session_that_waited_says_so_and_goes_on(machine: Machine, screen: Screen) -> None:
    with machine.without_daemon():
        screen.expect(b"[reconnecting")
    screen.type(b"echo on$((1))ce\r")
    screen.expect(b"on1ce")


@pytest.mark.parametrize("everything", [(), ("--all",)], ids=["stop", "stop then all"])
def test_stopping_the_daemon_ends_its_sessions_and_does_not_start_another(
    machine: Machine, everything: tuple[str, ...]
) -> None:
    script = f"{' '.join(CCTM)} new -n work -- cat; echo st$((1))atus $?; cat"
    with opened(machine, script) as screen:
        screen.type(b"x\r")
        screen.expect(b"x\r\nx")
        machine.run("daemon", "stop")
        screen.expect(b"[detached from work: the daemon was stopped; the terminal goes on]")
        screen.expect(b"st1atus 0")
        assert machine.status() is None
        if everything:
            machine.run("daemon", "stop", *everything)
            until(lambda: processes_of(machine.home) == [], "nothing is left")
        else:
            assert machine.terminals()["work"]["state"] == "running"


def test_a_session_ends_when_its_terminal_is_gone_for_good(
    machine: Machine, screen: Screen, complaints: Path
) -> None:
    os.kill(screen.pid, signal.SIGSTOP)
    os.kill(machine.daemon_pid, signal.SIGKILL)
    machine.run("kill", "work")
    machine.run("rm", "work")
    os.kill(screen.pid, signal.SIGCONT)
    assert screen.wait() == 1
    assert b"\x1b[?2004l" in screen.received
    assert b"There is no terminal" in complaints.read_bytes()


def open_files(pid: int) -> list[bytes]:
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.fsencode(path.readlink()))
    return found
