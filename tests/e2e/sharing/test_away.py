"""Sharing goes on while daemons and relays come and go; a host that is away says so by its silence."""

import os
import signal

import pytest

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
        until(lambda: labels(guest) == ["ann"], "the host answers the guest")
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
        there.until("removed")
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
