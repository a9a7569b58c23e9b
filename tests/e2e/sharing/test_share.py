"""Share and join: two people at one terminal, through a relay."""

import json
from pathlib import Path

from machine import Machine, until
from outer import Outer


def share(host: Machine, name: str, *options: str) -> str:
    return host.run("share", name, *options).stdout.decode().strip()


def people(machine: Machine, name: str) -> list[str]:
    return [row["label"] for row in json.loads(machine.run("who", name, "--json").stdout)]


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
    assert b"Ask for a new link." in guest.run("join", "-d", link, check=False).stderr


def test_one_is_kicked_and_the_other_stays(host: Machine, guest: Machine, tmp_path: Path) -> None:
    host.run("new", "-d", "-n", "work", "--", "sh")
    link = share(host, "work", "--drive")
    place = tmp_path / "other"
    place.mkdir()
    with (
        Machine(place) as other,
        Outer(host, "attach", "work") as here,
        Outer(guest, "join", link, "--as", "ada") as there,
        Outer(other, "join", link, "--as", "bob") as beside,
    ):
        here.enter("echo seen-$((40+2))")
        there.until("seen-42")
        beside.until("seen-42")
        until(lambda: {"ada", "bob"} <= set(people(host, "work")), "both are here")
        host.run("kick", "work", "ada")
        there.until("removed")
        assert b"Ask for a new link." in guest.run("join", "-d", link, check=False).stderr
        here.enter("echo later-$((40+3))")
        beside.until("later-43")
        assert not there.shows("later-43")
        until(lambda: "ada" not in people(host, "work"), "who tells the truth")
