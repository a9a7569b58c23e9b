"""Sharing goes on while daemons and relays come and go; a host that is away says so by its silence."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from cctm.home import Home
from machine import Machine, until
from outer import Outer, needs_tmux
from two_machines import labels, share, until_here, verify

pytestmark = needs_tmux


def kill_daemon(machine: Machine) -> None:
    """Kill it, and wait for the one that its keeper starts."""
    before = machine.daemon_pid
    os.kill(before, signal.SIGKILL)
    until(lambda: (machine.status() or {}).get("daemon_pid") not in {None, before}, "the next daemon")


@pytest.mark.parametrize("whose", ["host", "guest"])
def test_a_daemon_that_is_killed_goes_on_sharing(host: Machine, guest: Machine, whose: str) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ann") as there:
        until_here(host, "you", "ann")
        here.enter("before")
        there.until("before")
        kill_daemon(host if whose == "host" else guest)
        here.enter("behind")
        here.until("behind")
        there.until("behind")
        until_here(host, "you", "ann")
        until(lambda: labels(guest) == ["", "ann"], "the host answers the guest")
        there.enter("typed-again")
        here.until_rows(lambda rows: rows.count("typed-again") == 2, "it was typed once, and printed")
        there.until_rows(lambda rows: rows == here.lines(), "both see the same")
    assert host.export("work").count(b"typed-again") == 2
    verify(host)
    verify(guest)


def test_a_daemon_that_is_restarted_in_between_knows_whom_it_let_in(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    guest.run("join", "-d", share(host, "work", "--drive"), "--as", "ann")
    host.run("daemon", "restart")
    guest.run("daemon", "restart")
    with Outer(host, "attach", "work") as here, Outer(guest, "attach", "work") as there:
        until_here(host, "you", "ann")
        there.enter("typed")
        here.until_rows(lambda rows: rows.count("typed") == 2, "it was typed once, and printed")


def test_whoever_was_removed_stays_removed_when_the_daemon_starts_anew(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ann") as there:
        until_here(host, "you", "ann")
        host.run("kick", "work", "ann")
        kill_daemon(host)
        there.until("nothing more comes")
        there.enter("typed")
        here.enter("behind")
        here.until("behind")
        assert labels(host) in ([], ["you"])
        assert not here.shows("typed")
        assert not there.shows("behind")


def test_a_terminal_can_be_joined_whose_host_is_away(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here:
        here.enter("left-behind")
        here.until("left-behind")
        with Outer(guest, "join", link, "--as", "ann") as there:
            there.until("left-behind")  # so the relay has it
            there.prefixed("d")
            there.until("detached")
        guest.run("rm", "work")
        with host.without_daemon(), Outer(guest, "join", link, "--as", "ann") as there:
            there.until("left-behind")
            there.until("Not confirmed live: the host does not answer.")
            there.type("x")
            there.until("Not typed")
        with Outer(guest, "attach", "work") as there:
            until_here(host, "you", "ann")
            there.enter("typed-later")
            here.until_rows(lambda rows: rows.count("typed-later") == 2, "it was typed once, and printed")


def test_a_backup_that_is_restored_brings_nobody_back_who_was_removed(
    host: Machine, guest: Machine, tmp_path: Path
) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    link = share(host, "work", "--drive")
    home = Home.locate(host.env)
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ann") as there:
        until_here(host, "you", "ann")
        there.enter("typed-before")
        here.until_rows(lambda rows: rows.count("typed-before") == 2, "it was typed, and printed")
        backup = tmp_path / "backup"
        backup.mkdir()
        with host.without_daemon():
            for path in kept(home):
                copy(path, backup / path.name)
        until_here(host, "you", "ann")
        host.run("kick", "work", "ann")
        there.until("nothing more comes")
        share(host, "work")  # the channel goes on
        here.enter("behind")
        here.until("behind")
        with host.without_daemon():
            for path in kept(home):
                remove(path)
            for path in backup.iterdir():
                copy(path, Path(home.root) / path.name)
        here.until("This home is a copy, or a backup: nobody shares this terminal any more.")
        until(lambda: host.run("shares", "--json").stdout.decode().strip() == "[]", "nothing is shared")
        there.enter("typed-behind")
        here.enter("alone")
        here.until("alone")
        assert not here.shows("typed-behind")
    assert guest.run("join", "-d", link, check=False).returncode == 1
    until(lambda: host.run("log", "verify", "work", check=False).returncode == 0, "its record is sound")


def kept(home: Home) -> list[Path]:
    """What a backup has."""
    return [Path(home.archive), *Path(home.root).glob("catalogue.sqlite*")]


def copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to)
    else:
        shutil.copy2(path, to)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
