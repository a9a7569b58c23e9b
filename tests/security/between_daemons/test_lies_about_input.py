"""A relay drops, reorders, doubles, replays and redirects what is typed: rows of SPEC.md §16.10.

Whatever it did: once it is honest, both sides show the same again, what both have stored is sound, and nothing has been
shown or typed that was not printed or typed. What must be noticed, the journal of whoever noticed it names.
"""

import re

import pytest

from cctm.protocol.sync import messages as m
from cctm.protocol.tables import Message
from lied_to import WORDS, Attached, World, typed_to_host
from lying_relay import Passage, honest
from machine import until
from outer import needs_tmux

pytestmark = [needs_tmux, pytest.mark.untraced]

# --- it drops, reorders, doubles, replays, redirects input


class Dropped:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        return [] if self.count == 2 else [message]


class Doubled(Dropped):
    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        return [message, message]


class Reordered(Dropped):
    def __init__(self) -> None:
        super().__init__()
        self.held: list[Message] = []

    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        if self.count == 2:
            self.held = [message]
            return []
        held, self.held = self.held, []
        return [message, *held]


class Replayed(Dropped):
    def __init__(self) -> None:
        super().__init__()
        self.all: list[Message] = []

    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        self.all.append(message)
        return [message] if self.count < 3 else [*self.all, message]


class Flipped(Dropped):
    def __call__(self, message: Message) -> list[Message]:
        self.count += 1
        assert isinstance(message, m.Live)
        data = bytearray(message.data)
        data[len(data) // 2] ^= 4
        return [m.Live(message.to, bytes(data))] if self.count == 2 else [message]


@pytest.mark.parametrize("way", [Dropped, Doubled, Reordered, Replayed, Flipped])
def test_input_runs_at_most_once_and_in_order_and_the_driver_is_told(
    world: World, both: Attached, way: type[Dropped]
) -> None:
    said = way()
    world.liar.lie = lambda passage, message: (
        said(message) if typed_to_host(world, passage, message) else [message]
    )
    tokens = [f"<{next(WORDS)}>" for _ in range(12)]
    for token in tokens:
        both.there.type(token)
    until(lambda: said.count >= 2, "it lies")
    both.there.until_match("may not have taken|did not take|Not typed")
    world.liar.lie = honest
    before = both.print()
    both.here.until(before)
    printed = world.host.export("work").decode()
    found = [token for token in re.findall(r"<word\d+>", printed) if token in tokens]
    ran = list(dict.fromkeys(found))
    assert ran == [token for token in tokens if token in ran], "in order"
    # What is typed is echoed once, and printed once more with the line that it is in.
    for token in ran:
        assert found.count(token) <= 2


def test_input_for_one_terminal_is_nothing_to_another(world: World, both: Attached) -> None:
    before = world.host.export("other")
    redirected: list[Message] = []
    [other] = world.liar.up(lambda one: one.is_host and one.channel != world.channel)

    def lie(passage: Passage, message: Message) -> list[Message]:
        if not typed_to_host(world, passage, message):
            return [message]
        assert isinstance(message, m.Live)
        redirected.append(message)
        other.say(m.LiveFrom(passage.member, message.data))
        return []

    world.liar.lie = lie
    both.there.type("rm -rf")
    both.there.keys("Enter")
    until(lambda: redirected, "it is sent elsewhere")
    both.there.until_match("may not have taken|did not take")
    assert world.host.export("other") == before
    assert b"rm -rf" not in world.host.export("work")
