"""The keys i, S and r of both sides of a shared terminal."""

import json

from machine import Machine, until
from outer import Outer, needs_tmux

pytestmark = needs_tmux


def share(host: Machine, *options: str) -> str:
    host.run("new", "-d", "-n", "work", "--", "cat")
    return host.run("share", "work", *options).stdout.decode().strip()


def people(machine: Machine) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(machine.run("who", "work", "--json").stdout)
    return found


def test_the_keyboard_is_asked_for_passed_on_and_given_back(host: Machine, guest: Machine) -> None:
    link = share(host, "--drive", "--floor")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ana") as there:
        until(lambda: [row["label"] for row in people(host)] == ["you", "ana"])
        there.prefixed("r")
        there.until_match(r"^ \* host", r"^   ana \(you\)")
        there.keys("r")
        there.until("You asked for the keyboard.")
        here.prefixed("r")
        here.until_match(r"^ \* you", "^   ana")
        here.keys("j", "Enter")
        here.until("The keyboard was passed on.")
        until(lambda: [row["keyboard"] for row in people(guest)] == [False, True])
        there.prefixed("r")
        there.until_match(r"^ \* ana \(you\)")
        there.keys("l")
        there.until("You gave the keyboard back.")
        until(lambda: [row["keyboard"] for row in people(host)] == [True, False])


def test_who_is_here_is_shown_as_it_changes_and_a_guest_is_removed(host: Machine, guest: Machine) -> None:
    link = share(host)
    with Outer(host, "attach", "work") as here:
        here.prefixed("i")
        here.until("1 client, 1 person")
        with Outer(guest, "join", link, "--as", "ana") as there:
            here.until_match("1 client, 2 people", "^   ana .* view ")
            here.keys("G", "d")
            here.until("Remove ana, and revoke the link they came by? (y/n)")
            here.keys("n")
            here.until("2 people")
            here.keys("G", "d")
            here.until("(y/n)")
            here.keys("y")
            here.until("Removed.")
            until(lambda: people(host) == [])
            there.prefixed("d")


def test_a_link_is_made_shown_again_and_revoked_by_keys(host: Machine) -> None:
    first = share(host)
    with Outer(host, "attach", "work", cols=100, rows=40) as here:
        here.prefixed("S")
        here.until_match("view  never    0")
        here.keys("Enter")
        here.until("whoever has this link watches")
        assert first in "".join(line.rstrip() for line in here.lines())
        here.keys("q")
        here.until_gone("whoever has this link watches")
        here.prefixed("S")
        here.until("Share work")
        here.keys("d")
        here.until("whoever has this link watches and types")
        here.keys("q")
        here.until_gone("whoever has this link watches")
        here.prefixed("S")
        here.until_match("drive  never    0")
        here.keys("x")
        here.until("(y/n)")
        here.keys("y")
        here.until("whoever has it watches")
        here.until_gone("(y/n)")
    assert len(json.loads(host.run("shares", "--json").stdout)) == 1


def test_the_host_takes_the_keyboard_back_at_any_time(host: Machine, guest: Machine) -> None:
    link = share(host, "--drive", "--floor")
    with Outer(host, "attach", "work") as here, Outer(guest, "join", link, "--as", "ana") as there:
        until(lambda: [row["label"] for row in people(host)] == ["you", "ana"])
        there.enter("too-early")
        there.until("somebody else has the keyboard")
        here.prefixed("r")
        here.until_match(r"^ \* you", "^   ana")
        here.keys("j", "Enter")
        here.until("The keyboard was passed on.")
        until(lambda: [row["keyboard"] for row in people(guest)] == [False, True])
        there.enter("the-guest-types")
        here.until_rows(lambda rows: rows.count("the-guest-types") == 2, "it was typed, and printed")
        here.enter("not-now")
        here.until("ana has the keyboard")
        here.prefixed("r")
        here.until_match(r"^ \* ana", "^   you")
        here.keys("k", "k", "Enter")
        until(lambda: [row["keyboard"] for row in people(host)] == [True, False])
        until(lambda: [row["keyboard"] for row in people(guest)] == [True, False])
        there.enter("too-late")
        there.until("somebody else has the keyboard")
        here.enter("the-host-types")
        here.until_rows(lambda rows: rows.count("the-host-types") == 2, "it was typed, and printed")
        for word in ("too-early", "not-now", "too-late"):
            assert not here.shows(word)
