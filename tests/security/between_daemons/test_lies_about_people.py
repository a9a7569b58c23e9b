"""A relay replays pulses, hails and farewells, and names other senders: rows of SPEC.md §16.10.

Whatever it did: once it is honest, both sides show the same again, what both have stored is sound, and nothing has been
shown or typed that was not printed or typed. What must be noticed, the journal of whoever noticed it names.
"""

import os
from pathlib import Path

import pytest

from cctm.protocol.ids import WriterId
from cctm.protocol.live.envelope import Kind, decode_live_untrusted
from cctm.protocol.sync import messages as m
from cctm.protocol.tables import Message
from lied_to import WORDS, Attached, World, kind_of, typed_to_host
from lying_relay import Passage, honest
from machine import until
from outer import Outer, needs_tmux
from two_machines import labels, machine_at, share

pytestmark = [needs_tmux, pytest.mark.untraced]

# --- it replays pulses, hails and farewells


def test_old_pulses_confirm_nothing(world: World, both: Attached) -> None:
    old: list[Message] = []

    def lie(passage: Passage, message: Message) -> list[Message]:
        if not world.readers(passage) or not isinstance(message, m.LiveFrom):
            return [message]
        if kind_of(message) is not Kind.PULSE:
            return [message]
        old.append(message)
        return [old[0]] if len(old) > 1 else [message]

    world.liar.lie = lie
    both.there.until("Not confirmed live: the host does not answer.")
    assert len(old) > 3
    both.there.until(both.print())  # it is no less what the host printed
    world.liar.lie = honest
    both.there.until_gone("Not confirmed live")


def test_old_hails_show_nobody_as_here(world: World, both: Attached) -> None:
    hails: list[Message] = []

    def lie(passage: Passage, message: Message) -> list[Message]:
        if world.readers(passage) and isinstance(message, m.Live):
            hails.append(message)
        return [message]

    world.liar.lie = lie
    both.there.type("x")
    until(lambda: len(hails) > 2, "hails are there")
    member = next(passage.member for passage in world.liar.up(world.readers))
    both.there.prefixed("d")
    world.guest.run("daemon", "restart")  # it says goodbye
    until(lambda: labels(world.host) == ["you"], "the guest is gone")
    world.liar.lie = honest
    [host] = world.liar.up(world.hosts)
    for hail in hails:
        host.say(m.LiveFrom(member, hail[1]))  # type: ignore[arg-type]
    both.here.until(both.print())
    assert labels(world.host) == ["you"]
    both.there.command("attach", "work")
    until(lambda: labels(world.host) == ["you", "ann"], "the guest is here again")


def test_a_farewell_is_worth_nothing_to_another_key(world: World, both: Attached, tmp_path: Path) -> None:
    farewells: list[Message] = []

    def lie(_: Passage, message: Message) -> list[Message]:
        if isinstance(message, m.LiveFrom) and kind_of(message) is Kind.FAREWELL:
            farewells.append(message)
        return [message]

    world.liar.lie = lie
    url = share(world.host, "work")
    with machine_at(tmp_path / "bob", traced=False) as bob, Outer(bob, "join", url, "--as", "bob") as beside:
        until(lambda: "bob" in labels(world.host))
        world.host.run("kick", "work", "bob")
        until(lambda: farewells, "bob is told")
        beside.until("removed")
        for passage in world.liar.up(world.readers):
            for farewell in farewells:
                passage.say(farewell)
        both.there.until(both.print())
        assert not both.there.shows("removed you")


# --- it impersonates


def test_another_name_for_a_sender_changes_nothing(world: World, both: Attached) -> None:
    renamed: list[Message] = []

    def lie(passage: Passage, message: Message) -> list[Message]:
        if not world.hosts(passage) or not isinstance(message, m.LiveFrom):
            return [message]
        renamed.append(message)
        return [message._replace(who=WriterId(os.urandom(32)))]

    world.liar.lie = lie
    word = next(WORDS)
    both.there.enter(word)
    both.here.until_match(f"^{word}$")
    assert renamed


def test_a_word_under_another_s_name_types_nothing(world: World, both: Attached) -> None:
    forgeries: list[Message] = []
    before = world.host.export("work")

    def lie(passage: Passage, message: Message) -> list[Message]:
        if typed_to_host(world, passage, message):
            assert isinstance(message, m.Live)
            letter = decode_live_untrusted(message.data)
            forged = m.Live(b"", message.data.replace(letter.sender, os.urandom(32)))
            forgeries.append(forged)
            return [forged, forged._replace(data=message.data.replace(letter.sig, bytes(64)))]
        return [message]

    world.liar.lie = lie
    both.there.type("impersonated")
    until(lambda: forgeries, "it forges")
    both.there.until_match("may not have taken|did not take")
    assert world.host.export("work") == before
