"""Terminals outlive their clients, their daemon and their keeper."""

import os
import random
import select
import signal
import sys
from pathlib import Path

import pytest

from machine import Machine, alive, until

# `make torture` asks for more.
KILLS = int(os.environ.get("CCTM_TEST_KILLS", "5"))
RESTARTS = int(os.environ.get("CCTM_TEST_RESTARTS", "2"))
STREAM_BYTES = int(os.environ.get("CCTM_TEST_STREAM_BYTES", "1000000"))
RATE = int(os.environ.get("CCTM_TEST_RATE", "1000000"))

# Prints numbered lines at a known rate until told that it is enough, then how many there were.
STREAM = """
import os, sys, termios, time
enough, per_second, at_least = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
attributes = termios.tcgetattr(1)
attributes[1] &= ~termios.OPOST
termios.tcsetattr(1, termios.TCSANOW, attributes)
start, written, count, rest = time.monotonic(), 0, 0, b""
while rest or written < at_least or not os.path.exists(enough):
    if written > (time.monotonic() - start) * per_second:
        time.sleep(0.002)
        continue
    if not rest:
        rest = b"".join(b"%08d %s\\n" % (n, bytes((65 + n % 26,)) * 90) for n in range(count, count + 50))
        count += 50
    size = os.write(1, rest)
    written += size
    rest = rest[size:]
open(enough + ".count", "w").write(str(count))
"""


def expected(lines: int) -> bytes:
    return b"".join(b"%08d %s\n" % (n, bytes((65 + n % 26,)) * 90) for n in range(lines))


@pytest.fixture
def stream(tmp_path: Path) -> str:
    path = tmp_path / "stream.py"
    path.write_text(STREAM)
    return str(path)


@pytest.mark.untraced
def test_a_flood_survives_kills_restarts_and_an_upgrade_byte_for_byte(
    machine: Machine, stream: str, tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    rate, size = str(RATE), str(STREAM_BYTES)
    machine.run("new", "-d", "-n", "flood", "--", sys.executable, stream, str(enough), rate, size)
    program = machine.terminals()["flood"]["pid"]
    keeper = machine.keeper_pid
    moments = random.Random(KILLS)
    for _ in range(KILLS):
        daemon = machine.daemon_pid
        select.select([], [], [], moments.uniform(0, 0.3))  # any moment will do
        os.kill(daemon, signal.SIGKILL)
        machine.run("daemon", "start")
        assert alive(program)
    for _ in range(RESTARTS):
        machine.run("daemon", "restart")
    machine.run("daemon", "restart", "--keeper")
    assert machine.keeper_pid == keeper
    assert alive(program)
    enough.touch()
    until(lambda: machine.terminals()["flood"]["state"] == "ended", "the flood ends", 600)
    assert machine.terminals()["flood"]["exit_status"] == 0
    lines = int(Path(f"{enough}.count").read_text())
    assert lines * 100 >= STREAM_BYTES
    assert machine.export("flood") == expected(lines)
    machine.run("log", "verify", "flood")


def test_shells_live_when_the_keeper_is_killed_and_the_gap_is_recorded(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "work", "--", "bash", "--norc")
    shell = machine.terminals()["work"]["pid"]
    with machine.open("attach", "work") as screen:
        screen.type(b"echo be$((1))fore\r")
        screen.expect(b"be1fore")
        keeper = machine.keeper_pid
        os.kill(keeper, signal.SIGKILL)
        until(lambda: (machine.status() or {}).get("keeper_pid") not in {None, keeper}, "another keeper")
        screen.type(b"echo af$((1))ter\r")
        screen.expect(b"af1ter")
        assert alive(shell)
        screen.type(b"exit\r")
        assert screen.wait() == 1
    assert machine.terminals()["work"]["lost"]
    assert b"gap" in machine.run("log", "work").stdout
    assert b"af1ter" in machine.export("work")


def test_a_client_goes_on_where_it_was_when_the_daemon_comes_back(machine: Machine) -> None:
    with machine.open("new", "-n", "work", "--", "bash", "--norc") as screen:
        screen.type(b"echo on$((1))e\r")
        screen.expect(b"on1e")
        daemon = machine.daemon_pid
        os.kill(daemon, signal.SIGKILL)
        until(lambda: not alive(daemon))
        until(lambda: machine.terminals()["work"]["clients"] == 1, "the client is back")
        screen.type(b"echo tw$((1))o\r")
        screen.expect(b"tw1o")
        # If it took long enough for the client to say so, the screen is drawn again; what was shown is never doubled.
        _, _, since_drawn = screen.received.rpartition(b"\x1b[H\x1b[2K")
        assert since_drawn.count(b"on1e") == 1
        screen.type(b"exit 3\r")
        assert screen.wait() == 3
