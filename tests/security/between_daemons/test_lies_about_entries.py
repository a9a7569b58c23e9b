"""A relay flips, forges, drops, doubles and reorders entries between two real daemons: rows of SPEC.md §16.10.

Whatever it did: once it is honest, both sides show the same again, what both have stored is sound, and nothing has been
shown or typed that was not printed or typed. What must be noticed, the journal of whoever noticed it names.
"""

import dataclasses
import os
from collections.abc import Callable

import pytest

from cctm.protocol.entry import decode_record_untrusted, encode_record
from cctm.protocol.sync import messages as m
from cctm.protocol.tables import Message
from lied_to import Attached, Once, World, records_to
from lying_relay import Passage, honest
from machine import until
from outer import needs_tmux

pytestmark = [needs_tmux, pytest.mark.untraced]

# --- it flips, truncates, forges, splices, reorders


def with_record(entries: m.Entries, record: bytes) -> list[Message]:
    return [entries._replace(records=[record, *entries.records[1:]])]


def flipped(at: float) -> Callable[[World, m.Entries], list[Message]]:
    def change(_: World, entries: m.Entries) -> list[Message]:
        record = bytearray(entries.records[0])
        record[int(at * (len(record) - 1))] ^= 0x10
        return with_record(entries, bytes(record))

    return change


def truncated(_: World, entries: m.Entries) -> list[Message]:
    return with_record(entries, entries.records[0][:-9])


def forged(_: World, entries: m.Entries) -> list[Message]:
    sealed = decode_record_untrusted(entries.records[0])
    body = os.urandom(len(sealed.entry.body))
    entry = dataclasses.replace(sealed.entry, body=body, sig=os.urandom(64))
    return with_record(entries, encode_record(dataclasses.replace(sealed, entry=entry)))


def spliced_from_the_other_channel(world: World, entries: m.Entries) -> list[Message]:
    [passage, *_] = world.liar.up(lambda one: one.is_host and one.channel != world.channel)
    sent = [message for message in passage.heard if isinstance(message, m.Append)]
    return with_record(entries, sent[-1].records[-1])


def spliced_from_before(world: World, entries: m.Entries) -> list[Message]:
    [passage, *_] = world.liar.up(world.hosts)
    sent = [message for message in passage.heard if isinstance(message, m.Append)]
    return with_record(entries, sent[0].records[-1])


def under_another_log(_: World, entries: m.Entries) -> list[Message]:
    return [entries._replace(log=os.urandom(32))]


def further_on(_: World, entries: m.Entries) -> list[Message]:
    return [entries._replace(first=entries.first + 1)]


def in_parts_that_contradict(_: World, entries: m.Entries) -> list[Message]:
    return [
        m.EntryPart(entries.log, entries.first, 0, 300_000, bytes(262_144)),
        m.EntryPart(entries.log, entries.first, 17, 300_000, bytes(37_856)),
    ]


def never_ending(_: World, entries: m.Entries) -> list[Message]:
    return [entries, m.Refused(99, "\x1b]0;pwned\x07" * 100, "\x1b[2J")]


@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(flipped(at / 4), id=f"flipped at {at}/4") for at in range(5)),
        *(truncated, forged, spliced_from_the_other_channel, spliced_from_before, under_another_log),
        *(further_on, in_parts_that_contradict),
    ],
)
def test_what_is_changed_on_the_way_to_a_reader_is_refused_and_named(
    world: World, both: Attached, change: Callable[[World, m.Entries], list[Message]]
) -> None:
    before = world.guest_noticed()
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message] | None:
        entries = to_reader(passage, message)
        return None if entries is None else change(world, entries)

    once = world.liar.lie = Once(lie)
    word = both.print()
    until(lambda: once.told, "the lie is told")
    both.there.until(word)
    until(lambda: world.guest_noticed() > before, "it is noticed")


def test_a_refusal_that_would_steer_a_terminal_steers_none(world: World, both: Attached) -> None:
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message] | None:
        entries = to_reader(passage, message)
        return None if entries is None else never_ending(world, entries)

    world.liar.lie = Once(lie)
    word = both.print()
    both.there.until(word)
    both.until_level()
    assert "pwned" not in both.there.ask("pane_title")


def test_entries_in_another_order_are_refused_and_named(world: World, both: Attached) -> None:
    before = world.guest_noticed()
    held: list[m.Entries] = []
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message]:
        entries = to_reader(passage, message)
        if entries is None or len(held) == 2:
            return [message]
        held.append(entries)
        return list(reversed(held)) if len(held) == 2 else []

    world.liar.lie = lie
    both.print()
    until(lambda: held, "the first is held back")
    word = both.print()
    both.there.until(word)
    until(lambda: world.guest_noticed() > before, "it is noticed")


@pytest.mark.parametrize("change", [flipped(0.5), truncated, forged, spliced_from_before])
def test_what_is_changed_on_the_way_to_the_relay_is_refused_there_and_sent_again(
    world: World, both: Attached, change: Callable[[World, m.Entries], list[Message]]
) -> None:
    def lie(passage: Passage, message: Message) -> list[Message] | None:
        if not world.hosts(passage) or not isinstance(message, m.Append):
            return None
        [changed] = change(world, m.Entries(*message))
        return [m.Append(*changed)]  # type: ignore[arg-type]

    once = world.liar.lie = Once(lie)
    word = both.print()
    until(lambda: once.told, "the lie is told")
    both.there.until(word)


# --- it drops and withholds


def test_a_single_entry_that_is_dropped_is_missed_with_the_next(world: World, both: Attached) -> None:
    before = world.guest_noticed()
    to_reader = records_to(world.readers)
    once = world.liar.lie = Once(lambda passage, message: [] if to_reader(passage, message) else None)
    first = both.print()
    until(lambda: once.told, "it is dropped")
    both.print()
    both.there.until(first)
    until(lambda: world.guest_noticed() > before, "it is noticed")


def test_what_is_withheld_is_said_on_the_screen(world: World, both: Attached) -> None:
    to_reader = records_to(world.readers)
    world.liar.lie = lambda passage, message: [] if to_reader(passage, message) else [message]
    word = both.print()
    both.there.until("The relay withholds what the host has recorded.")
    assert not both.there.shows(word)
    world.liar.lie = honest
    world.liar.cut(world.readers)
    both.there.until(word)
    both.there.until_gone("The relay withholds")


def test_a_reader_that_is_led_to_where_nothing_is_goes_on_where_it_is(world: World, both: Attached) -> None:
    before = world.guest_noticed()
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message] | None:
        entries = to_reader(passage, message)
        if entries is None:
            return None
        beyond = entries.first + 1_000
        return [m.Lagged(entries.log, beyond + 1, beyond - 1, beyond), entries]

    once = world.liar.lie = Once(lie)
    connections = world.liar.up(world.readers)
    word = both.print()
    until(lambda: once.told, "the lie is told")
    both.there.until(word)
    both.until_level()
    assert not both.there.shows("The relay withholds")
    assert world.liar.up(world.readers) == connections
    assert world.guest_noticed() == before


# --- it doubles and replays entries


def test_entries_that_come_twice_or_again_on_another_connection_change_nothing(
    world: World, both: Attached
) -> None:
    before = world.guest_noticed()
    seen: list[Message] = []
    to_reader = records_to(world.readers)

    def lie(passage: Passage, message: Message) -> list[Message]:
        if to_reader(passage, message) is None:
            return [message]
        seen.append(message)
        return [message, message, *seen[-5:]]

    world.liar.lie = lie
    for _ in range(3):
        both.there.until(both.print())
    world.liar.cut(world.readers)
    both.there.until(both.print())
    assert len(seen) >= 4
    assert world.guest_noticed() == before
    for word in both.printed:
        assert world.guest.export("work").count(word.encode()) == 2, "its echo, and the program's"
