"""A thousand terminals at once."""

import os
from pathlib import Path

from cctm.cli.client import Client, try_connect
from cctm.cli.commands.ls import ask_rows
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Mode, Others, Rights
from machine import Machine

COUNT = int(os.environ.get("CCTM_TEST_TERMINALS", "1000"))
EVERY = int(os.environ.get("CCTM_TEST_EVERY", "10"))  # of how many one is typed into; `make torture`: each


def connect(machine: Machine) -> Client:
    client = try_connect(Home.locate(machine.env))
    assert client is not None
    return client


def new(name: str) -> requests.New:
    env = [[b"PATH", os.environb[b"PATH"]]]
    return requests.New([b"cat"], b"/", env, 0o022, 80, 24, name, record_input=False, private=False)


def attach(name: str) -> requests.Attach:
    return requests.Attach(name, 80, 24, "xterm", Mode.RAW, Rights.DRIVE, Others.KEEP, None, 0, None)


def echoed(machine: Machine, name: str, typed: bytes) -> bytes:
    """What comes back when *typed* is typed into the terminal *name*."""
    with connect(machine) as client:
        client.ask(attach(name), replies.Attached)
        client.send(requests.Input(typed))
        heard = b""
        while len(heard) < 2 * len(typed) + 2:
            message = client.next_message()
            if isinstance(message, replies.Output):
                heard += message.data
        return heard


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(pid)


def test_a_thousand_terminals_are_listed_and_echo_and_outlive_their_daemon(tmp_path: Path) -> None:
    with Machine(tmp_path, traced=False) as machine:
        _a_thousand(machine)


def _a_thousand(machine: Machine) -> None:
    machine.run("daemon", "start")
    with connect(machine) as client:
        for n in range(COUNT):
            assert client.ask(new(f"t{n}"), replies.Created).name == f"t{n}"
        running = {row.name for row in ask_rows(client, requests.List(0)) if row.running}
        assert running == {f"t{n}" for n in range(COUNT)}
    for n in {*range(0, COUNT, EVERY), COUNT - 1}:
        assert echoed(machine, f"t{n}", b"a%d\n" % n) == b"a%d\r\n" % n * 2
    assert resident_kib(machine.daemon_pid) < 100 * 1024 + 512 * COUNT
    daemon = machine.daemon_pid
    os.kill(daemon, 9)
    machine.run("daemon", "start", timeout_s=120)
    for n in range(0, COUNT, 50):
        assert echoed(machine, f"t{n}", b"b%d\n" % n) == b"b%d\r\n" % n * 2
    with connect(machine) as client:
        assert len([row for row in ask_rows(client, requests.List(0)) if row.running]) == COUNT
