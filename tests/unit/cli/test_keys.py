"""The prefix key, whatever pieces it arrives in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.cli.keys import HELP, Command, PrefixKeys

CASES = {
    "ordinary keys": (b"ls -l\r\x1b[A\xff", [b"ls -l\r\x1b[A\xff"]),
    "detach": (b"\x02d", [Command.DETACH]),
    "help": (b"\x02?", [Command.HELP]),
    "twice": (b"\x02\x02", [b"\x02"]),
    "three times, then a letter": (b"\x02\x02\x02d", [b"\x02", Command.DETACH]),
    "unknown": (b"\x02z", [Command.UNKNOWN]),
    "among others": (b"ab\x02?cd\x02d", [b"ab", Command.HELP, b"cd", Command.DETACH]),
    "one after the other": (b"\x02?\x02?", [Command.HELP, Command.HELP]),
    "an escape sequence behind it": (b"\x02\x1b[A", [Command.UNKNOWN, b"[A"]),
}


def joined(parts):
    """*parts*, keys that stand beside each other as one piece."""
    found = []
    for part in parts:
        if isinstance(part, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += part
        elif part != b"":
            found.append(part)
    return found


def received(*pieces):
    keys = PrefixKeys()
    return joined([part for piece in pieces for part in keys.receive(piece)])


@pytest.mark.parametrize("name", CASES)
def test_keys_and_commands_are_told_apart_however_they_are_split(name):
    data, expected = CASES[name]
    expected = joined(expected)
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            assert received(data[:first], data[first:second], data[second:]) == expected


@given(st.lists(st.sampled_from([b"\x02", b"d", b"?", b"x", b"\r"]), max_size=12), st.data())
def test_no_split_changes_what_is_meant(letters, data):
    whole = b"".join(letters)
    cut = data.draw(st.integers(0, len(whole)))
    assert received(whole[:cut], whole[cut:]) == received(whole)


@given(st.binary().filter(lambda data: b"\x02" not in data))
def test_keys_without_the_prefix_pass_unchanged(data):
    assert received(data) == joined([data])


def test_a_prefix_alone_waits_for_what_follows():
    keys = PrefixKeys()
    assert keys.receive(b"a\x02") == [b"a"]
    assert keys.receive(b"d") == [Command.DETACH]


def test_the_help_names_every_command():
    for command in Command:
        assert command is Command.UNKNOWN or f"Ctrl+B {command.value}" in HELP
