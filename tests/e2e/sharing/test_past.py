"""The past that a guest was not let in to: not on its screen, not in its record, not to be had with all its keys.

What counts as had is all that a thief of the relay's whole database, and of the host's files, opens with the keys of
a guest and of its link.
"""

from pathlib import Path

import pytest

from cctm.archive.opening import OpenedEntry
from cctm.archive.reader import Archive
from cctm.home import Home
from cctm.protocol.events import Event
from machine import Machine, until
from outer import Outer, needs_tmux
from relay_process import RelayProcess
from two_machines import (
    keys_of,
    link_of,
    machine_at,
    opened,
    relay_records,
    share,
    shown_by,
    until_here,
    verify,
)

pytestmark = needs_tmux

SHELL = ("bash", "--norc", "--noprofile")
VIM = "vim -u NONE -N -n"


def to_be_had(host: Machine, guest: Machine, store: Path, url: str) -> bytes:
    """What the guest's keys open of the relay's database, of the host's archive, and of its own."""
    channel = link_of(url).channel
    keys = keys_of(guest, url)
    shown = shown_by(opened(channel, relay_records(store, channel), keys))
    for machine, device in [*((host, key) for key in keys), (guest, None)]:
        archive = Archive(Home.locate(machine.env), device)
        shown += shown_by(iter(events_of(archive, channel)))
    return shown


def events_of(archive: Archive, channel) -> list[Event]:
    return [
        event
        for entry in archive.entries(channel)
        if isinstance(entry, OpenedEntry)
        for event in entry.events
    ]


def settle(*machines: Machine) -> None:
    """Have everything on the disk."""
    for machine in machines:
        machine.export("work")


@pytest.fixture
def store(relay: RelayProcess, tmp_path: Path) -> Path:
    return tmp_path / "relay" / "relay.sqlite"


def test_whoever_joins_from_now_on_has_nothing_older(host: Machine, guest: Machine, store: Path) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        here.enter("for n in $(seq 1 60); do echo old-$n-$((40+2)); done")
        here.until("old-60-42")
        here.enter("clear; echo at-the-$((3+4))")
        here.until_gone("old-60-42")
        url = share(host, "work", "--drive")
        with Outer(guest, "join", url, "--as", "ann") as there:
            until_here(host, "you", "ann")
            there.until("at-the-7")
            here.enter("echo new-$((40+4))")
            there.until("new-44")
            there.prefixed("[")
            there.keys("PPage", "PPage", "g")
            there.until("at-the-7")
            assert not there.shows("old-")
            there.keys("q")
    settle(host, guest)
    had = to_be_had(host, guest, store, url)
    assert b"new-44" in had
    assert b"at-the-7" in had
    assert b"-42" not in had
    assert b"old-" not in guest.export("work")
    verify(guest)
    verify(host)


def test_whoever_joins_while_an_editor_is_open_has_nothing_of_the_screen_behind_it(
    host: Machine, guest: Machine, store: Path
) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        here.enter("echo behind-$((40+2))")
        here.until("behind-42")
        here.edit_a_hundred_lines()
        url = share(host, "work", "--drive")
        with Outer(guest, "join", url, "--as", "ann") as there:
            until_here(host, "you", "ann")
            there.until("line 23")
            # A keyframe is written for each link; none has what is behind the editor.
            share(host, "work")
            there.keys("G")
            there.until("line 100")
            settle(host, guest)
            had = to_be_had(host, guest, store, url)
            assert b"line 23" in had
            assert b"behind" not in had
            there.enter(":q!")
            here.until("behind-42")
            here.enter("echo beside-$((40+3))")
            there.until("beside-43")
            assert not there.shows("behind-42")
    settle(host, guest)
    had = to_be_had(host, guest, store, url)
    assert b"beside-43" in had
    assert b"behind" not in had


def test_with_the_past_all_is_there(host: Machine, guest: Machine, store: Path) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    with Outer(host, "attach", "work") as here:
        here.enter("echo old-$((40+2))")
        here.until("old-42")
        here.enter("clear")
        here.until_gone("old-42")
        url = share(host, "work", "--history")
        with Outer(guest, "join", url, "--as", "ann"):
            until_here(host, "you", "ann")
    settle(host, guest)
    assert b"old-42" in to_be_had(host, guest, store, url)


def test_the_second_share_does_not_show_what_was_printed_since_the_first_ended(
    host: Machine, guest: Machine, store: Path, tmp_path: Path
) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    first = share(host, "work")
    with Outer(host, "attach", "work") as here, machine_at(tmp_path / "late") as late:
        with Outer(guest, "join", first, "--as", "ann") as there:
            until_here(host, "you", "ann")
            here.enter("echo first-$((40+1))")
            there.until("first-41")
            host.run("unshare", "work")
            there.until("no longer")
            here.enter("echo between-$((40+2))")
            here.until("between-42")
            here.enter("clear; echo second-$((40+3))")
            here.until_gone("between-42")
            second = share(host, "work")
            with Outer(late, "join", second, "--as", "eve") as beside:
                beside.until("second-43")
                until_here(host, "you", "eve")
                here.enter("echo third-$((40+4))")
                beside.until("third-44")
            assert not there.shows("between")
            assert not there.shows("second")
        settle(host, guest, late)
        assert b"between" not in to_be_had(host, late, store, second)
        had = to_be_had(host, guest, store, first)
        assert b"first-41" in had
        for later in (b"between", b"second", b"third"):
            assert later not in had


def test_a_second_link_from_now_on_does_not_open_what_came_before_it(
    host: Machine, guest: Machine, store: Path, tmp_path: Path
) -> None:
    host.run("new", "-d", "-n", "work", "--", *SHELL)
    first = share(host, "work")
    with Outer(host, "attach", "work") as here, machine_at(tmp_path / "late") as late:
        with Outer(guest, "join", first, "--as", "ann") as there:
            until_here(host, "you", "ann")
            here.enter("echo between-$((40+2)); clear")
            until(lambda: b"between-42" in guest.export("work"), "the first guest has it")
            here.enter("echo second-$((40+3))")
            there.until("second-43")
            second = share(host, "work")
            with Outer(late, "join", second, "--as", "eve") as beside:
                until_here(host, "you", "ann", "eve")
                here.enter("echo third-$((40+4))")
                beside.until("third-44")
                there.until("third-44")
        settle(host, guest, late)
        assert b"between-42" in to_be_had(host, guest, store, first)
        had = to_be_had(host, late, store, second)
        assert b"third-44" in had
        assert b"between" not in had
