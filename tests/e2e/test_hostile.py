"""What a reviewer who wished us ill came up with."""

import base64
import os
import random
import shutil
import signal
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from cctm.keeper import wire
from machine import PRINT, Machine, alive, processes_of, until

NOISE = base64.encodebytes(random.Random(5).randbytes(7_000_000))


def upgrade(machine: Machine) -> None:
    """Have the keeper replace its code, and the daemon be connected again."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(machine.home / "state/keeper.sock"))
        connection.sendall(wire.encode(wire.Upgrade(())))
        connection.settimeout(60)
        assert connection.recv(100) == b""  # connections do not survive the execv
    until(lambda: (machine.status() or {}).get("keeper_pid"), "the daemon is back")


def test_what_the_daemon_only_holds_in_memory_survives_upgrades_of_the_keeper_and_its_own_death(
    tmp_path: Path,
) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(NOISE)
    with Machine(tmp_path, env={"CCTM_QUOTA": "500000"}, traced=False) as machine:
        machine.run("new", "-d", "-n", "noise", "--", sys.executable, "-c", PRINT, str(noise))
        until(lambda: machine.terminals()["noise"]["stalled"] == "quota reached")
        for _ in range(3):
            upgrade(machine)
        os.kill(machine.daemon_pid, signal.SIGKILL)
        machine.run("daemon", "start")
        done = machine.run("export", "noise", "-f", "raw")
        assert NOISE.startswith(done.stdout)
        assert done.stderr == b""
        machine.run("kill", "noise")
        until(lambda: machine.terminals()["noise"]["state"] == "ended")
        done = machine.run("export", "noise", "-f", "raw")
        assert NOISE.startswith(done.stdout)
        assert done.stderr == b""
        assert len(done.stdout) > 4_000_000  # all that the keeper held


def test_programs_that_end_during_an_upgrade_keep_their_output_and_status(machine: Machine) -> None:
    for n in range(5):
        script = f"sleep 0.{n}; echo precious{n}; exit {n}"
        machine.run("new", "-d", "-n", f"t{n}", "--", "sh", "-c", script)
    machine.run("daemon", "restart", "--keeper")
    until(lambda: {row["state"] for row in machine.terminals().values()} == {"ended"})
    for n in range(5):
        assert machine.terminals()[f"t{n}"]["exit_status"] == n
        assert machine.export(f"t{n}") == b"precious%d\r\n" % n


def test_a_daemon_with_its_sockets_elsewhere_does_not_touch_an_archive_in_use(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        del machine.env["CCTM_HOME"]
        machine.env |= {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_STATE_HOME": str(tmp_path / "s")}
        machine.run("new", "-d", "-n", "work", "--", "cat")
        with Machine(tmp_path) as other:
            del other.env["CCTM_HOME"]
            other.env |= machine.env | {"XDG_STATE_HOME": str(tmp_path / "t")}
            done = other.run("ls", check=False)
            assert done.returncode == 1
            assert b"Another daemon works on" in done.stderr
            until(lambda: not (tmp_path / "t/cctm/keeper.sock").exists(), "no keeper stays for nothing")
        assert machine.terminals()["work"]["state"] == "running"


def test_one_damaged_row_of_the_catalogue_stops_no_other_terminal(machine: Machine) -> None:
    for name in ("a", "b"):
        machine.run("new", "-d", "-n", name, "--", "cat")
    pids = {machine.terminals()[name]["pid"] for name in ("a", "b")}
    machine.run("daemon", "stop")
    for table, column in (("channels", "about"), ("writers", "wrapped")):
        with sqlite3.connect(machine.home / "catalogue.sqlite") as catalogue:
            (channel, blob) = catalogue.execute(f"SELECT channel, {column} FROM {table} LIMIT 1").fetchone()
            flipped = bytes((blob[0] ^ 1,)) + blob[1:]
            catalogue.execute(f"UPDATE {table} SET {column} = ? WHERE channel = ?", (flipped, channel))
        catalogue.close()
    assert {row["pid"] for row in machine.terminals().values() if row["state"] == "running"} == pids
    machine.run("new", "-d", "-n", "c", "--", "cat")
    assert all(alive(pid) for pid in pids)


def test_what_a_start_could_not_mend_is_in_the_log(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "a", "--", "true")
    channel = machine.terminals()["a"]["id"]
    machine.run("new", "-d", "--", "cat")
    machine.run("daemon", "stop")
    with sqlite3.connect(machine.home / "catalogue.sqlite") as catalogue:
        catalogue.execute("UPDATE channels SET about = x'00' WHERE channel = ?", (bytes.fromhex(channel),))
    catalogue.close()
    shutil.rmtree(machine.home / "archive" / channel)
    machine.run("daemon", "start")
    (log,) = machine.home.rglob("daemon.log")
    assert f"terminal {channel[:8]}: neither the catalogue nor its files tell what it is" in log.read_text()


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to(path), Path.mkdir])
def test_a_stray_name_in_the_archive_stops_nothing(machine: Machine, make) -> None:
    machine.run("new", "-d", "-n", "work", "--", "cat")
    machine.run("daemon", "stop")
    make(machine.home / "archive" / ("ab" * 32))
    assert machine.terminals()["work"]["state"] == "running"
    machine.run("new", "-d", "-n", "other", "--", "cat")
    machine.run("log", "verify", "other")


def test_the_command_does_not_talk_to_another_users_socket(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's socket")
    with Machine(tmp_path) as machine:
        state = machine.home / "state"
        state.mkdir(parents=True)
        reader, writer = os.pipe()
        listener = os.fork()
        if listener == 0:
            try:
                foreign = socket.socket(socket.AF_UNIX)
                foreign.bind(str(state / "control.sock"))
                os.setuid(65534)
                foreign.listen()  # which is when the kernel notes whose it is
                os.write(writer, b"x")
                connection, _ = foreign.accept()
                os.write(writer, b"heard" + connection.recv(10))
            finally:
                os._exit(0)
        assert os.read(reader, 1) == b"x"
        done = machine.run("new", "-d", "--", "cat", check=False)
        assert done.returncode == 1
        assert b"is another user's" in done.stderr
        os.close(writer)
        assert os.read(reader, 100) == b"heard"  # and nothing more
        os.waitpid(listener, 0)
        (state / "control.sock").unlink()


def test_a_client_that_breaks_the_protocol_or_half_of_it_disturbs_nobody(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "cat")
    connections = []
    for garbage in (b"\xff" * 100, b"\0\0\0\x05\x93\x01", b"\0\x0f\xff\xff", b"", b"\0\0\0\x02\x91\x07"):
        for name in ("control.sock", "keeper.sock"):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(machine.home / "state" / name))
            connection.sendall(garbage)
            connections.append(connection)
    daemon = machine.daemon_pid
    with machine.open("attach", "work") as screen:
        screen.type(b"hello\r")
        screen.expect(b"hello\r\nhello\r\n")
    assert machine.daemon_pid == daemon
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("in_its_place", [None, "an empty directory"])
def test_a_daemon_without_home_and_keeper_ends(machine: Machine, in_its_place: str | None) -> None:
    machine.run("new", "-d", "--", "cat")
    daemon, keeper = machine.daemon_pid, machine.keeper_pid
    shutil.rmtree(machine.home)
    if in_its_place is not None:
        machine.home.mkdir(mode=0o700)
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not alive(daemon), "the daemon ends")
    until(lambda: not processes_of(machine.home), "no keeper is left either")
