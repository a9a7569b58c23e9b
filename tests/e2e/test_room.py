"""Full disks and quotas: programs wait rather than lose, and go on by themselves."""

import base64
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine import PRINT, Machine, alive, until

# Text, which a screen takes much faster than noise, and which a disk cannot hold in less than three quarters of it.
NOISE = base64.encodebytes(random.Random(3).randbytes(9_000_000))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four mebibytes."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "cctm-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def machine(disk: Path) -> Iterator[Machine]:
    """A machine whose home lies on the small disk and may fill it."""
    with Machine(disk, env={"CCTM_MIN_FREE": "0"}, traced=False) as one:
        yield one


def enlarge(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)


def print_noise(machine: Machine, directory: Path, noise: bytes = NOISE) -> None:
    """Open the terminal `noise`, which prints that, from a file in *directory*."""
    path = directory / "noise"
    path.write_bytes(noise)
    machine.run("new", "-d", "-n", "noise", "--", sys.executable, "-c", PRINT, str(path))


def is_stalled(machine: Machine) -> bool:
    return bool((machine.status() or {}).get("stalled"))


@needs_root
def test_on_a_full_disk_programs_wait_and_nothing_is_lost(
    machine: Machine, disk: Path, tmp_path: Path
) -> None:
    machine.run("new", "-d", "-n", "typing", "--", "cat")
    print_noise(machine, tmp_path)
    program = machine.terminals()["noise"]["pid"]
    until(lambda: is_stalled(machine), "recording waits")
    assert b"no space left" in machine.run("daemon", "status").stdout.lower()
    assert alive(program)
    refused = machine.run("new", "-d", "--", "cat", check=False)
    assert b"Free some space" in refused.stderr
    with machine.open("attach", "typing") as screen:
        screen.type(b"hello\r")
        screen.expect(b"hello\r\nhello\r\n")
    enlarge(disk)
    until(lambda: machine.terminals()["noise"]["state"] == "ended", "the program ends")
    until(lambda: not is_stalled(machine), "recording goes on")
    assert machine.export("noise") == NOISE
    machine.run("log", "verify")


@needs_root
def test_a_daemon_killed_on_a_full_disk_loses_nothing(machine: Machine, disk: Path, tmp_path: Path) -> None:
    print_noise(machine, tmp_path)
    until(lambda: is_stalled(machine), "recording waits")
    os.kill(machine.daemon_pid, signal.SIGKILL)
    enlarge(disk)
    machine.run("daemon", "start")
    until(lambda: machine.terminals()["noise"]["state"] == "ended", "the program ends")
    assert machine.export("noise") == NOISE


@needs_root
@pytest.mark.parametrize("printed_bytes", [1, 1_000_000])
def test_on_a_disk_without_a_free_byte_a_record_can_be_deleted(
    machine: Machine, disk: Path, tmp_path: Path, printed_bytes: int
) -> None:
    print_noise(machine, tmp_path, NOISE[:printed_bytes])
    until(lambda: machine.terminals()["noise"]["state"] == "ended")
    machine.export("noise")  # all of it is stored
    with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    machine.run("rm", "noise")
    assert machine.terminals("-a") == {}
    (disk / "filler").unlink()
    machine.run("daemon", "restart")
    assert machine.terminals("-a") == {}
    assert list((machine.home / "archive").iterdir()) == []
    assert machine.run("log", "verify").stdout == b""


def test_a_terminal_over_its_quota_waits_and_no_other_does(tmp_path: Path) -> None:
    with Machine(tmp_path, env={"CCTM_QUOTA": "1000000"}, traced=False) as machine:
        print_noise(machine, tmp_path)
        until(lambda: machine.terminals()["noise"]["stalled"] == "quota reached", "the quota is reached")
        program = machine.terminals()["noise"]["pid"]
        with machine.open("new", "-n", "other", "--", "cat") as screen:
            screen.type(b"hello\r")
            screen.expect(b"hello\r\nhello\r\n")
        assert alive(program)
        machine.run("kill", "noise")
        until(lambda: machine.terminals()["noise"]["state"] == "ended")
        printed = machine.export("noise")
        assert NOISE.startswith(printed)
        assert len(printed) > 1_000_000


def test_with_too_little_free_space_nothing_new_is_opened(tmp_path: Path) -> None:
    with Machine(tmp_path, env={"CCTM_MIN_FREE": str(1 << 60)}) as machine:
        done = machine.run("new", "-d", "--", "cat", check=False)
        assert done.returncode == 1
        assert b"disk full" in done.stderr
        assert b"cctm prune" in done.stderr
