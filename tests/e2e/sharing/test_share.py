"""Share and join: two people at one terminal, through a relay."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from machine import Machine, until
from outer import Outer, needs_tmux
from two_machines import (
    catalogue_of,
    labels,
    link_of,
    machine_at,
    members_of,
    people,
    share,
    shares,
    until_here,
    verify,
)

pytestmark = needs_tmux


def test_a_driver_and_the_host_type_and_both_see_the_same(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link) as there:
        here.enter("echo from-$((40+2))-host")
        there.until("from-42-host")
        there.enter("echo from-$((40+3))-guest")
        here.until("from-43-guest")
        there.until("from-43-guest")
        assert here.lines()[:6] == there.lines()[:6]


def test_one_keyboard_for_all_is_not_promised_where_every_driver_types(host: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    share(host, "work", "--drive")
    refused = host.run("share", "work", "--drive", "--floor", check=False)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"every driver types. Leave out --floor" in refused.stderr


def test_whoever_joins_is_told_how_to_leave(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    with Outer(guest, "join", share(host, "work", "--drive")) as there:
        there.until("Ctrl+B d leaves it")


def test_a_viewer_sees_and_cannot_type(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    link = share(host, "work")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link) as there:
        here.enter("echo seen-$((40+2))")
        there.until("seen-42")
        there.enter("echo typed-$((40+3))")
        there.until("watch only")
        here.enter("echo later-$((40+4))")
        there.until("later-44")
        assert not here.shows("typed")


def test_what_was_printed_before_is_not_shown(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    with Outer(host, "attach", "work") as here:
        here.enter("echo old-$((40+2)); clear; echo cleared")
        here.until_gone("old-42")
        link = share(host, "work")
        with Outer(guest, "join", link) as there:
            there.until("cleared")
        assert b"old-42" not in guest.export("work")


def test_unsharing_ends_it(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link) as there:
        here.enter("echo seen-$((40+2))")
        there.until("seen-42")
        host.run("unshare", "work")
        there.until("shares this terminal no longer")  # as the host says, or its relay
        here.enter("echo later-$((40+3))")
        here.until("later-43")
        assert not there.shows("later-43")
    until(lambda: shares(host) == [], "the relay has heard of it")
    assert b"Ask for a new link." in guest.run("join", "-d", link, check=False).stderr


def test_one_is_kicked_and_the_other_stays(host: Machine, guest: Machine, tmp_path: Path) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    link = share(host, "work", "--drive")
    with (
        machine_at(tmp_path / "other") as other,
        Outer(host, "attach", "work") as here,
        Outer(guest, "join", link, "--as", "ada") as there,
        Outer(other, "join", link, "--as", "bob") as beside,
    ):
        here.enter("echo seen-$((40+2))")
        there.until("seen-42")
        beside.until("seen-42")
        until(lambda: {"ada", "bob"} <= set(labels(host)), "both are here")
        host.run("kick", "work", "ada")
        there.until("removed")
        until(lambda: all(row["link"] for row in shares(host)), "the relay has heard of it")
        assert b"Ask for a new link." in guest.run("join", "-d", link, check=False).stderr
        here.enter("echo later-$((40+3))")
        beside.until("later-43")
        assert not there.shows("later-43")
        until(lambda: "ada" not in labels(host), "who tells the truth")


def test_two_edit_one_file(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "bash", "--norc", "--noprofile")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ann") as there:
        here.edit_a_hundred_lines()
        there.until("line 23")
        there.type("ggOby the guest")
        here.until("by the guest")
        here.until("INSERT")
        there.keys("Escape")
        here.until_gone("INSERT")  # what both type is in the order in which it arrives
        here.type("Goby the host")
        there.until("by the host")
        here.keys("Escape")
        there.until_gone("INSERT")
        there.enter(":wq")
        here.until_gone("by the guest")
    lines = (host.cwd / "file.txt").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("by the guest", "by the host")
    verify(host)
    verify(guest)


@pytest.mark.skipif(shutil.which("htop") is None, reason="htop is not installed")
def test_a_guest_steers_htop(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "htop")
    link = share(host, "work", "--drive")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ann") as there:
        there.until("F10")
        there.keys("F2")
        here.until("Done")
        there.until("Done")
        here.keys("F10")
        there.until_gone("Done")
        there.keys("q")
        here.until("[work ended")
        there.until("[work ended")


def test_who_tells_the_truth_on_both_sides(host: Machine, guest: Machine, tmp_path: Path) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    drive, watch = share(host, "work", "--drive"), share(host, "work")
    with (
        machine_at(tmp_path / "other") as other,
        Outer(guest, "join", drive, "--as", "ann") as there,
        Outer(other, "join", watch, "--as", "bob"),
    ):
        until_here(host, "you", "ann", "bob")
        at_host = {row["label"]: row for row in people(host)}
        assert {name: row["role"] for name, row in at_host.items()} == {
            "you": "owner",
            "ann": "drive",
            "bob": "view",
        }
        there.type("x")
        for machine, own in ((guest, "ann"), (other, "bob")):
            until(lambda machine=machine: sorted(labels(machine)) == ["", "ann", "bob"], "both are told")
            rows = {row["label"]: row for row in people(machine)}
            assert {name: row["role"] for name, row in rows.items()} == {
                "": "owner",
                "ann": "drive",
                "bob": "view",
            }
            assert [name for name, row in rows.items() if row["you"]] == [own]
            assert {row["who"] for row in rows.values()} == {row["who"] for row in at_host.values()}
        until(
            lambda: (
                {row["label"]: row["idle"] is not None for row in people(host)}
                == {"you": False, "ann": True, "bob": False}
            ),
            "who typed is said",
        )
        other.run("daemon", "stop")  # it says goodbye
        until_here(host, "you", "ann")
        until(lambda: labels(guest) == ["", "ann"], "the other is told")


def test_a_link_that_expires_ends_it(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    lasting = share(host, "work")
    link = share(host, "work", "--drive", "--expires", "20s")
    channel = link_of(link).channel
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ann") as there:
        until_here(host, "you", "ann")
        until(lambda: len(members_of(host, channel).links) == 1, "it expired")
        there.until("removed you")
        here.enter("later")
        here.until("later")
        there.enter("typed")
        assert not there.shows("later")
        assert not here.shows("typed")
    assert guest.run("join", "-d", link, check=False).returncode == 1
    guest.run("join", "-d", lasting)


def test_a_viewer_by_one_link_drives_by_another(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    guest.run("join", "-d", share(host, "work"), "--as", "ann")
    with Outer(host, "attach", "work") as here:
        with Outer(guest, "attach", "work") as there:
            until_here(host, "you", "ann")
            there.type("x")
            there.until("watch only")
            there.prefixed("d")
            there.until("detached")
        with Outer(guest, "join", share(host, "work", "--drive"), "--as", "ann") as there:
            until(lambda: "drive" in [row["role"] for row in people(host)], "the host knows")
            there.enter("typed")
            here.until_rows(lambda rows: rows.count("typed") == 2, "it was typed, and printed")


def test_a_guest_who_is_away_is_listed_and_removed_by_name(host: Machine, guest: Machine) -> None:
    host.run("new", "-d", "-n", "work", "--", "cat")
    link = share(host, "work", "--drive")
    with Outer(guest, "join", link, "--as", "ann"):
        until_here(host, "you", "ann")
    guest.run("daemon", "stop")
    until_here(host, "you")
    away = next(row for row in people(host) if row["label"] == "ann")
    assert not away["here"]
    assert away["seen"] > 0
    until(lambda: seen_at(host, link), "that is noted")
    host.run("daemon", "restart")
    until(
        lambda: [row["seen"] for row in people(host) if row["label"] == "ann"] == [away["seen"]],
        "the next daemon knows it, too",
    )
    said = host.run("kick", "work", "ann").stderr
    assert said.startswith(b"Removed ann, and revoked their link.")
    assert guest.run("join", "-d", link, check=False).returncode == 1


def seen_at(host: Machine, link: str) -> dict:
    with closing(catalogue_of(host)) as catalogue:
        return catalogue.seen(link_of(link).channel)
