"""Secrets and what users type stay out of argv, environments, logs, `repr` and names of our processes."""

import os
from pathlib import Path

import pytest

from archive_fixtures import DEVICE, make_home
from cctm.cctmd.recorder import ChannelKeys, Recorder, Screen
from cctm.cctmd.services import Services
from cctm.launch import service_environment
from cctm.protocol.control import requests
from cctm.protocol.keys import EpochSecret, StreamId, WriterKey, channel_id
from daemon_parts import opened, running_daemon
from machine import Machine, until
from raw_client import RawClient

WRITER = WriterKey.from_seed(bytes(range(32)))
EPOCH = EpochSecret(1, bytes(range(100, 132)))
KEYS = ChannelKeys(channel_id(WRITER.public), WRITER, (EPOCH,), DEVICE)
SECRETS = [
    *(DEVICE.seed, DEVICE.wrap_key, DEVICE.box_secret, DEVICE._sign_secret),
    *(WRITER.seed, WRITER._secret, EPOCH.secret),
]
MARKERS = {
    "variable": b"Xylophone1",
    "argument": b"Quagmire2",
    "name": b"Zeppelin3",
    "typed": b"Jackdaw4",
    "printed": b"Marzipan5",
    "directory": b"Halibut6",
}


def shown(secret):
    return repr(secret)[2:-1], secret.hex(), str(list(secret))[1:-1]


def test_the_keys_of_a_channel_do_not_show_themselves():
    for text in (repr(KEYS), str(KEYS), f"{KEYS}"):
        for secret in SECRETS:
            assert not any(form in text for form in shown(secret))


async def test_nothing_that_holds_keys_or_output_shows_them(tmp_path):
    async with running_daemon(tmp_path) as daemon:
        terminal, _ = await opened(daemon, "Zeppelin3")
        daemon.terminals.output(terminal.stream, 0, b"Marzipan5")
        terminal.input(b"Jackdaw4")
        holders = [daemon, daemon.services, daemon.terminals, terminal, terminal.recorder, terminal.recent]
        holders += [terminal.pty, terminal.recorder._keys, daemon.terminals.link, daemon.services.catalogue]
        secrets = [DEVICE.seed, DEVICE.wrap_key, DEVICE.box_secret, terminal.recorder._keys.epoch.secret]
        secrets += [terminal.recorder._keys.writer.seed]
        for holder in holders:
            text = repr(holder)
            for secret in secrets:
                assert not any(form in text for form in shown(secret)), type(holder)
            for marker in MARKERS.values():
                assert marker.decode() not in text, type(holder)


@pytest.mark.parametrize("kind", [ChannelKeys, Recorder, Services])
def test_what_holds_secrets_is_named_in_its_repr_by_type_at_most(kind, tmp_path):
    make_home(tmp_path / "home")
    assert "seed" not in kind.__name__.lower()
    recorder = Recorder(
        KEYS,
        None,
        None,
        print,
        screen=Screen(StreamId(bytes(16)), 80, 24, "Zeppelin3"),
        offset=0,
        predecessor=None,
        generation=1,
    )
    for secret in SECRETS:
        assert not any(form in repr(recorder) for form in shown(secret))


def test_a_service_gets_only_what_it_needs_of_the_callers_environment():
    kept = {"HOME": "/root", "PATH": "/bin", "LC_ALL": "C", "XDG_DATA_HOME": "/x", "CCTM_HOME": "/h"}
    dropped = {
        "TOKEN": "s",
        "SSH_AUTH_SOCK": "/a",
        "CCTM_TERMINAL": "00",
        "PYTHONPATH": "/p",
        "LD_PRELOAD": "x",
    }
    assert service_environment(kept | dropped) == kept


def processes(machine: Machine) -> list[Path]:
    """Everything that was started with this machine's home and is of ours, or holds its terminals."""
    wanted = f"CCTM_HOME={machine.home}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (path / "environ").read_bytes() and b"cctm." in (path / "cmdline").read_bytes():
                found.append(path)
        except OSError:
            continue
    return found


@pytest.fixture
def busy(machine: Machine) -> Machine:
    """A machine on which every marker was used where a user would use it, and mistakes were made."""
    directory = machine.cwd / MARKERS["directory"].decode()
    directory.mkdir()
    machine.env["SOME_TOKEN"] = MARKERS["variable"].decode()
    name, argument = MARKERS["name"].decode(), MARKERS["argument"].decode()
    with machine.open(
        *("new", "-n", name, "--record-input", "--cwd", str(directory)),
        *("--", "sh", "-c", f"env; echo {argument}; exec cat"),
    ) as screen:
        screen.expect(MARKERS["argument"])
        screen.type(MARKERS["typed"] + b"\r")
        screen.expect(MARKERS["typed"] + b"\r\n" + MARKERS["typed"])
        screen.type(MARKERS["printed"] + b"\r\x02d")
        screen.wait()
    for mistake in (
        ("new", "-d", "-n", name, "--", "cat"),
        ("new", "-d", "--", argument),
        ("new", "-d", "--cwd", "/dev/null", "--", argument),
        ("kill", argument),
        ("rename", name, "--", "-bad"),
    ):
        assert machine.run(*mistake, check=False).returncode == 1
    with RawClient(machine) as client:
        client.attach(name)
        client.say(requests.Input(MARKERS["typed"]))
        client.socket.sendall(b"\0\0\0\x08" + MARKERS["typed"])
        assert client.is_dropped()
    daemon = machine.daemon_pid
    os.kill(daemon, 9)
    until(lambda: (machine.status() or {}).get("daemon_pid") not in {None, daemon}, "the next daemon")
    return machine


def test_no_marker_and_no_secret_is_in_argv_environment_names_or_logs(busy: Machine) -> None:
    seed = bytes.fromhex((busy.home / "device.key").read_text().split()[1])
    secrets = [*MARKERS.values(), seed, seed.hex().encode()]
    found = processes(busy)
    assert len(found) >= 2
    for process in found:
        for file in ("cmdline", "environ", "comm"):
            text = (process / file).read_bytes()
            for secret in secrets:
                assert secret not in text, (process, file, secret)
    for log in ("daemon.log", "keeper.log"):
        text = (busy.home / "state" / log).read_bytes()
        for secret in secrets:
            assert secret not in text, (log, secret)
    for path in busy.home.rglob("*"):
        for secret in MARKERS.values():
            assert secret.decode() not in str(path.relative_to(busy.home))


def test_a_daemon_that_is_stopped_leaves_no_secret_in_its_log(busy: Machine) -> None:
    busy.run("daemon", "stop", "--all")
    logs = b"".join(path.read_bytes() for path in (busy.home / "state").glob("*.log*"))
    assert logs
    for secret in MARKERS.values():
        assert secret not in logs
    assert b"Traceback" not in logs
