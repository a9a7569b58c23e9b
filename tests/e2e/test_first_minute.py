"""What a user meets first: starting, names, mistakes, and where things lie."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cctm.home import Home
from cctm.keeper import wire
from cctm.protocol.control import requests
from cctm.protocol.control.frames import VERSION, encode_message
from machine import CCTM, Machine, Screen, alive, processes_of, until, without_coverage


def test_two_first_commands_at_the_same_moment_share_one_daemon(machine: Machine) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda n: machine.run("new", "-d", "-n", f"t{n}", "--", "cat"), range(6)))
    assert {one.stdout for one in done} == {b"t%d\n" % n for n in range(6)}
    assert set(machine.terminals()) == {f"t{n}" for n in range(6)}
    daemons = [
        path
        for path in Path("/proc").glob("[0-9]*")
        if alive(int(path.name))
        and _belongs(path, machine)
        and b"cctm.cctmd" in (path / "cmdline").read_bytes().split(b"\0")
    ]
    assert len(daemons) == 1


def _belongs(process: Path, machine: Machine) -> bool:
    try:
        return f"CCTM_HOME={machine.home}\0".encode() in (process / "environ").read_bytes() + b"\0"
    except OSError:
        return False


def test_stale_sockets_are_replaced(machine: Machine) -> None:
    state = machine.home / "state"
    state.mkdir(parents=True, mode=0o700)
    for name in ("control.sock", "keeper.sock"):
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(state / name))
    assert machine.run("new", "-d", "-n", "work", "--", "cat").stdout == b"work\n"


def test_a_home_whose_path_is_too_long_for_a_socket_works(tmp_path: Path) -> None:
    place = tmp_path / ("a" * 90) / ("b" * 90)
    place.mkdir(parents=True)
    with Machine(place) as machine:
        machine.run("new", "-d", "-n", "work", "--", "cat")
        assert "work" in machine.terminals()
        sockets = Path(Home.locate(machine.env).sockets)
        assert sockets.parent.name == f"cctm-{os.geteuid()}"
        assert (sockets / "control.sock").exists()
        done = machine.run("daemon", "stop", "--all")
        assert done.stdout == b"Ended 1 terminal, the daemon and the keeper.\n"
        until(lambda: not sockets.exists(), "nothing is left in the directory for everybody's files")


def test_stopping_says_what_goes_on(machine: Machine) -> None:
    machine.run("new", "-d", "--", "cat")
    machine.run("new", "-d", "--", "cat")
    assert machine.run("daemon", "stop").stdout == b"Stopped the daemon; the keeper holds 2 terminals.\n"
    assert not (machine.home / "state/control.sock").exists()
    assert len(machine.terminals("-r")) == 2


def test_nothing_depends_on_a_runtime_directory(tmp_path: Path) -> None:
    with Machine(tmp_path, env={"XDG_RUNTIME_DIR": "/nonexistent"}) as machine:
        machine.run("new", "-d", "-n", "work", "--", "cat")
        assert "work" in machine.terminals()


def test_without_a_home_of_its_own_everything_lies_in_the_xdg_directories(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        del machine.env["CCTM_HOME"]
        machine.env |= {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_STATE_HOME": ""}
        machine.run("new", "-d", "-n", "work", "--", "cat")
        assert (tmp_path / ".local/share/cctm/device.key").exists()
        assert (tmp_path / ".local/share/cctm/daemon.lock").exists()
        assert (tmp_path / ".local/state/cctm/keeper.lock").exists()


def test_a_stray_module_in_the_users_directory_is_not_imported(machine: Machine) -> None:
    trap = 'open({!r}, "w").write(__name__); raise SystemExit("imported")'.format(str(machine.cwd / "sprung"))
    for name in ("select", "selectors", "socket", "json", "trio", "typing"):
        (machine.cwd / f"{name}.py").write_text(trap)
    machine.env["PYTHONPATH"] = ""
    done = subprocess.run(
        [str(Path(CCTM[0]).with_name("cctm")), "new", "-d", "-n", "work", "--", "cat"],
        env=machine.env,
        cwd=machine.cwd,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    os.kill(machine.daemon_pid, 9)
    machine.run("daemon", "start")
    assert not (machine.cwd / "sprung").exists()


def test_a_read_only_home_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.env["CCTM_HOME"] = "/proc/cctm"
        done = machine.run("new", "-d", check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(b"cctm: /proc/cctm")
        assert b"CCTM_HOME" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_home_on_a_file_system_without_sockets_or_room_is_refused_in_a_sentence(machine: Machine) -> None:
    machine.env["CCTM_HOME"] = "/dev/full/home"
    done = machine.run("new", "-d", check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "wanted"),
    [
        (("new", "-d", "--", "no-such-command"), 1, b"There is no command 'no-such-command'."),
        (("new", "-d", "--", "/etc/passwd"), 1, b"may not be executed"),
        (("new", "-d", "--cwd", "/no/such/place"), 1, b"/no/such/place is not a directory."),
        (("new", "-d", "-n", "-x"), 1, b"Choose another name."),
        (("new", "-d", "-n", "a\nb"), 1, b"Choose another name."),
        (("new", "-d", "--size", "0x5"), 2, b"is not a size"),
        (("attach", "nobody"), 1, b"needs a terminal"),
        (("kill", "nobody"), 1, b"There is no terminal 'nobody'."),
        (("rm", "nobody"), 1, b"There is no terminal 'nobody'."),
        (("rename", "nobody", "b"), 1, b"There is no terminal 'nobody'."),
        (("export", "nobody"), 1, b"There is no terminal 'nobody'."),
        (("log", "nobody"), 1, b"There is no terminal 'nobody'."),
        (("prune",), 2, b"--older-than"),
        (("frobnicate",), 2, b"There is no command 'frobnicate'."),
    ],
)
def test_a_mistake_gets_a_sentence(
    shared_machine: Machine, arguments: tuple[str, ...], status: int, wanted: bytes
) -> None:
    done = shared_machine.run(*arguments, check=False)
    assert done.returncode == status
    assert wanted in done.stderr
    assert b"Traceback" not in done.stderr
    assert shared_machine.terminals("-a") == {}


@pytest.mark.parametrize("name", ["CCTM_MIN_FREE", "CCTM_QUOTA"])
def test_a_limit_that_is_no_number_is_refused_before_anything_keeps_it(machine: Machine, name: str) -> None:
    mistaken = {**machine.env, name: "abc"}
    done = subprocess.run([*CCTM, "new", "-d", "--", "true"], env=mistaken, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"cctm: {name} is 'abc', which is no number of bytes.".encode())
    assert processes_of(machine.home) == []
    machine.run("new", "-d", "-n", "work", "--", "cat")
    assert machine.terminals()["work"]["state"] == "running"


def test_stopping_all_ends_the_keeper_and_its_programs_though_no_daemon_can_start(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "cat")
    program, keeper = machine.terminals()["work"]["pid"], machine.keeper_pid
    machine.run("daemon", "stop")
    (machine.home / "device.key").chmod(0o644)
    assert machine.run("ls", check=False).returncode == 1
    done = machine.run("daemon", "stop", "--all")
    assert b"device.key" in done.stderr
    assert b"The programs were ended without it" in done.stderr
    assert not alive(keeper)
    until(lambda: not alive(program) and processes_of(machine.home) == [])


def test_stopping_all_ends_a_keeper_that_holds_nothing_though_no_daemon_can_start(machine: Machine) -> None:
    machine.run("daemon", "start")
    keeper = machine.keeper_pid
    machine.run("daemon", "stop")
    (machine.home / "device.key").chmod(0o644)
    done = machine.run("daemon", "stop", "--all")
    assert b"programs" not in done.stderr
    assert not alive(keeper)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("ls",), 0),
        (("ls", "-a"), 0),
        (("du",), 0),
        (("log", "verify"), 0),
        (("log", "work"), 1),
        (("export", "work"), 1),
    ],
)
def test_a_fresh_home_frightens_nobody(machine: Machine, arguments: tuple[str, ...], status: int) -> None:
    for _ in range(2):
        done = machine.run(*arguments, check=False)
        assert done.returncode == status
        assert done.stdout == b""
        if status == 0:
            assert done.stderr == b"Nothing is recorded here yet. Open a terminal with `cctm`.\n"
        machine.run("daemon", "start")


def test_names_are_unique_among_running_terminals(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "cat")
    done = machine.run("new", "-d", "-n", "work", "--", "cat", check=False)
    assert done.returncode == 1
    assert b"is called 'work' already" in done.stderr
    machine.run("new", "-d", "-n", "other", "--", "cat")
    assert machine.run("rename", "other", "work", check=False).returncode == 1
    machine.run("kill", "work")
    machine.run("rename", "other", "work")
    assert machine.run("new", "-d", "--", "cat").stdout == b"0\n"


def test_files_are_private_and_so_are_directories(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "echo", "hello")
    until(lambda: machine.terminals()["work"]["state"] == "ended")
    for path in machine.home.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            assert stat.S_IMODE(mode) & 0o077 == 0, path
    assert stat.S_IMODE(machine.home.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_connect_even_where_the_directories_are_open(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.run("new", "-d", "-n", "work", "--", "cat")
        state = machine.home / "state"
        for path in [*tmp_path.parents, tmp_path, machine.home, state]:
            if path.stat().st_mode & 0o011 == 0:
                path.chmod(0o711)
        for name in ("control.sock", "keeper.sock"):
            (state / name).chmod(0o777)
            assert _heard_as_nobody(str(state / name)) == b"", name


def _heard_as_nobody(path: str) -> bytes:
    """What another user gets to read from the socket at *path*, having said hello."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(20)
                connection.connect(path)
                try:
                    connection.sendall(HELLOS[path.rsplit("/", 1)[1]])
                    os.write(writer, connection.recv(100))
                except ConnectionError:
                    os.write(writer, b"")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as heard:
        found = heard.read()
    os.waitpid(pid, 0)
    return found


HELLOS = {
    "control.sock": encode_message(requests.Hello(VERSION, "test")),
    "keeper.sock": wire.encode(wire.Hello(wire.VERSION, 1)),
}


def test_inside_a_terminal_of_cctm_attaching_is_refused_unless_asked_for(machine: Machine) -> None:
    machine.env["CCTM_TERMINAL"] = "ab" * 32
    with machine.open("new", "-n", "inner", "--", "cat") as screen:
        screen.expect(b"Detach first")
        assert screen.wait() == 1


@pytest.fixture(scope="module")
def with_a_record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with the terminal `work`, which has ended."""
    with Machine(tmp_path_factory.mktemp("recorded")) as one:
        one.run("new", "-d", "-n", "work", "--", "seq", "100000")
        until(lambda: one.terminals()["work"]["state"] == "ended")
        yield one


@pytest.mark.parametrize(
    ("arguments", "to", "status", "said"),
    [
        ("export work", "> /dev/full", 1, "The output cannot be written: No space left on device."),
        ("export work -f raw", "> /dev/full", 1, "The output cannot be written: No space left on device."),
        ("ls --json", "> /dev/full", 1, "The output cannot be written: No space left on device."),
        ("--help", "> /dev/full", 1, "The output cannot be written: No space left on device."),
        ("export work", ">&-", 1, "The output cannot be written: Bad file descriptor."),
        ("ls", ">&-", 1, "The output cannot be written: Bad file descriptor."),
        ("ls", "<&- > /dev/null", 0, ""),
        ("kill nobody", "2>&-", 1, ""),
        ("export work", "| true", 141, ""),
    ],
)
def test_output_that_cannot_be_written_gets_a_sentence_and_a_status(
    with_a_record: Machine, arguments: str, to: str, status: int, said: str
) -> None:
    machine = with_a_record
    script = f"set -o pipefail; {' '.join(CCTM)} {arguments} {to}"
    done = subprocess.run(
        ["/bin/bash", "-c", script], env=machine.env, cwd=machine.cwd, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (status, b"")
    assert done.stderr.decode() == (f"cctm: {said} Write it to another place.\n" if said else "")


def test_an_interrupt_before_the_command_has_begun_ends_it_without_a_word(machine: Machine) -> None:
    (machine.cwd / "click.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nsignal.pause()\n"
    )
    env = machine.env | {"PYTHONPATH": str(machine.cwd)}
    done = subprocess.run([*CCTM, "ls"], env=env, cwd="/", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def has_socket(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return any(str(path.readlink()).startswith("socket:") for path in Path(f"/proc/{pid}/fd").iterdir())
    return False


def test_an_interrupt_while_the_command_waits_is_told(machine: Machine) -> None:
    machine.run("daemon", "start")
    daemon = machine.daemon_pid
    os.kill(daemon, signal.SIGSTOP)
    waiting = subprocess.Popen([*CCTM, "ls"], env=machine.env, stderr=subprocess.PIPE)
    until(lambda: has_socket(waiting.pid), "it waits")
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=60)
    os.kill(daemon, signal.SIGCONT)
    assert (waiting.returncode, said.strip()) == (130, b"cctm: Interrupted.")


def test_every_command_has_help_with_an_example(machine: Machine) -> None:
    listed = machine.run("--help").stdout
    for name in ("new", "ls", "attach", "kill", "rename", "rm", "log", "export", "du", "prune", "daemon"):
        assert f"  {name} ".encode() in listed
        text = machine.run(name, "--help").stdout
        assert b"Usage: " in text
        assert b"Example: cctm " + name.encode() in text or name == "daemon"


def test_listing_and_attaching_import_neither_trio_nor_nacl(machine: Machine) -> None:
    code = (
        "import sys; from cctm.cli.commands import ls, attach, new; import cctm.cli.main; "
        "heavy = ('trio', 'nacl', 'zstandard', 'sqlite3', 'asyncio', 'wcwidth', 'difflib', 'segno'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    env = without_coverage(machine.env)  # coverage itself would import sqlite3
    done = subprocess.run([CCTM[0], "-c", code], capture_output=True, check=True, env=env)
    assert done.stdout == b"[]\n"


def test_without_a_command_it_opens_a_terminal_and_returns_to_it(machine: Machine) -> None:
    screen = Screen([*CCTM], machine.env | {"PS1": "$ "}, str(machine.cwd))
    try:
        screen.type(b"echo fi$((1))rst\r")
        screen.expect(b"fi1rst")
        screen.type(b"\x02d")
        screen.expect(b"[detached from 0]")
        assert screen.wait() == 0
    finally:
        screen.close()
    with machine.open() as again:
        again.expect(b"fi1rst")
        again.type(b"exit 5\r")
        assert again.wait() == 5
