"""The prefix key, in all its forms, whatever pieces it arrives in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.cli.keys import COMMANDS, Command, Jump, PrefixKeys

UNKNOWN, DETACH, HELP = Command.UNKNOWN, Command.DETACH, Command.HELP
KITTY, XTERM = b"\x1b[98;5u", b"\x1b[27;5;98~"
PASTE, PASTED = b"\x1b[200~", b"\x1b[201~"

CASES = {
    "ordinary keys": (b"ls -l\r\x1b[A\xff", [b"ls -l\r\x1b[A\xff"]),
    "detach": (b"\x02d", [DETACH]),
    "help": (b"\x02?", [HELP]),
    "a digit": (b"\x027", [Jump(7)]),
    "twice": (b"\x02\x02", [b"\x02"]),
    "three times, then a letter": (b"\x02\x02\x02d", [b"\x02", DETACH]),
    "unknown": (b"\x02z", [UNKNOWN]),
    "among others": (b"ab\x02?cd\x02d", [b"ab", HELP, b"cd", DETACH]),
    "one after the other": (b"\x02?\x02?", [HELP, HELP]),
    "Alt+Ctrl+B is another key": (b"\x1b\x02d", [b"\x1b\x02d"]),
    "ESC, then the prefix of kitty": (b"\x1b" + KITTY + b"d", [b"\x1b", DETACH]),
    # the forms of the prefix
    "kitty": (KITTY + b"d", [DETACH]),
    "kitty, twice": (KITTY + KITTY, [KITTY]),
    "kitty, with caps lock": (b"\x1b[98;69ud", [DETACH]),
    "kitty, with all its fields": (b"\x1b[98:66:98;5:1ud", [DETACH]),
    "kitty, on another alphabet": (b"\x1b[1080::98;5ud", [DETACH]),
    "kitty, B without Ctrl": (b"\x1b[98;1ud", [b"\x1b[98;1ud"]),
    "kitty, Ctrl+Shift+B": (b"\x1b[98;6ud", [b"\x1b[98;6ud"]),
    "kitty, Ctrl+Alt+B": (b"\x1b[98;7ud", [b"\x1b[98;7ud"]),
    "xterm": (XTERM + b"d", [DETACH]),
    "xterm, twice": (XTERM + XTERM, [XTERM]),
    "one form, then another": (KITTY + b"\x02" + XTERM + KITTY, [b"\x02", KITTY]),
    # the forms of the letter
    "a letter of kitty": (KITTY + b"\x1b[100u", [DETACH]),
    "a letter of kitty, with its text": (KITTY + b"\x1b[100;1;100u", [DETACH]),
    "a letter of xterm": (b"\x02\x1b[27;1;100~", [DETACH]),
    "a letter on another alphabet": (KITTY + b"\x1b[1074::100;1u", [DETACH]),
    "a shifted letter": (KITTY + b"\x1b[115;2u", [Command.SHARE]),
    "a shifted letter, named": (KITTY + b"\x1b[115:83;2u", [Command.SHARE]),
    "a shifted sign, named": (KITTY + b"\x1b[47:63;2u", [HELP]),
    "a shifted sign, guessed": (KITTY + b"\x1b[47;2u", [HELP]),
    "a shifted sign, as text": (KITTY + b"\x1b[223;2;63u", [HELP]),
    "a shifted letter of xterm": (b"\x02\x1b[27;2;83~", [Command.SHARE]),
    "with Ctrl it is another": (KITTY + b"\x1b[100;5u", [UNKNOWN]),
    # events of keys
    "releases of what went to us": (
        KITTY + b"\x1b[98;5:3u\x1b[100;1:1u\x1b[100;1:3ux",
        [DETACH, b"x"],
    ),
    "a release without Ctrl": (KITTY + b"\x1b[98;1:3ud", [DETACH]),
    "a prefix that repeats": (KITTY + b"\x1b[98;5:2u\x1b[98;5:2u\x1b[98;5:3ud", [DETACH]),
    "a release that comes late": (
        KITTY + b"\x1b[100u\x1b[98;5:3u\x1b[100;1:3u\x1b[101;1:3u",
        [DETACH, b"\x1b[101;1:3u"],
    ),
    "a prefix passed on is released there too": (KITTY + KITTY + b"\x1b[98;5:3u", [KITTY + b"\x1b[98;5:3u"]),
    "a key that went to us, then to the program": (
        KITTY + b"\x1b[100u" + b"\x1b[100u\x1b[100;1:3u",
        [DETACH, b"\x1b[100u\x1b[100;1:3u"],
    ),
    "an arrow's release": (KITTY + b"\x1b[1;1:1A\x1b[1;1:3Ax", [UNKNOWN, b"x"]),
    "Shift on the way to the letter": (
        KITTY + b"\x1b[57441;2:1u\x1b[47:63;2:1u",
        [b"\x1b[57441;2:1u", HELP],
    ),
    # whole keys behind the prefix
    "an arrow": (b"\x02\x1b[Dx", [UNKNOWN, b"x"]),
    "an arrow with modifiers": (b"\x02\x1b[1;5Dx", [UNKNOWN, b"x"]),
    "an arrow in application mode": (b"\x02\x1bOAx", [UNKNOWN, b"x"]),
    "Page Up": (b"\x02\x1b[5~x", [UNKNOWN, b"x"]),
    "F1": (b"\x02\x1bOPx", [UNKNOWN, b"x"]),
    "F1 of the Linux console": (b"\x02\x1b[25~x", [UNKNOWN, b"x"]),
    "Alt and a letter": (b"\x02\x1bdx", [UNKNOWN, b"x"]),
    "Alt and an arrow": (b"\x02\x1b\x1b[Ax", [UNKNOWN, b"x"]),
    "Alt and Ctrl+B": (b"\x02\x1b\x02x", [UNKNOWN, b"x"]),
    "Alt and a wide letter": (b"\x02\x1b\xc3\xa9x", [UNKNOWN, b"x"]),
    "Enter": (b"\x02\rx", [UNKNOWN, b"x"]),
    "two bytes": ("\x02éx".encode(), [UNKNOWN, b"x"]),
    "three bytes": ("\x02€x".encode(), [UNKNOWN, b"x"]),
    "four bytes": ("\x02😀x".encode(), [UNKNOWN, b"x"]),
    "Latin 1": (b"\x02\xe9xy", [UNKNOWN, b"xy"]),
    "a character that breaks off": (b"\x02\xe2\x82x", [UNKNOWN, b"x"]),
    # nobody pressed a key
    "the mouse": (b"\x02\x1b[<35;10;5Md", [b"\x1b[<35;10;5M", DETACH]),
    "the mouse, old": (b"\x02\x1b[M #!d", [b"\x1b[M #!", DETACH]),
    "focus": (b"\x02\x1b[O\x1b[Id", [b"\x1b[O\x1b[I", DETACH]),
    "an answer": (b"\x02\x1b[?62;22cd", [b"\x1b[?62;22c", DETACH]),
    "a colour": (b"\x02\x1b]11;rgb:0/0/0\x1b\\d", [b"\x1b]11;rgb:0/0/0\x1b\\", DETACH]),
    # pastes
    "in a paste": (
        PASTE + b"a\x02d" + KITTY + PASTED + b"\x02d",
        [PASTE + b"a\x02d" + KITTY + PASTED, DETACH],
    ),
    "two pastes": ((PASTE + b"\x02" + PASTED) * 2 + b"\x02d", [(PASTE + b"\x02" + PASTED) * 2, DETACH]),
    "what looks like the end of a paste": (
        PASTE + b"\x1b[20\x02\x1b[201\x1b[201~\x02d",
        [PASTE + b"\x1b[20\x02\x1b[201\x1b[201~", DETACH],
    ),
    "a paste behind the prefix": (b"\x02" + PASTE + b"\x02d" + PASTED, [UNKNOWN, PASTE + b"\x02d" + PASTED]),
    # what no terminal sends
    "numbers without end": (b"\x1b[" + b"9" * 80 + b"u\x02d", [b"\x1b[" + b"9" * 80 + b"u", DETACH]),
    "no character": (KITTY + b"\x1b[99999999u", [UNKNOWN]),
    "ESC twice": (b"\x02\x1b\x1bx", [UNKNOWN, b"\x1bx"]),
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
    parts = [part for piece in pieces for part in keys.receive(piece)]
    return joined([*parts, *keys.flush()])


@pytest.mark.parametrize("name", CASES)
def test_keys_and_commands_are_told_apart(name):
    data, expected = CASES[name]
    assert received(data) == joined(expected)


@pytest.mark.parametrize("name", CASES)
def test_keys_that_come_byte_by_byte_mean_the_same(name):
    data, expected = CASES[name]
    assert received(*(data[at : at + 1] for at in range(len(data)))) == joined(expected)


@pytest.mark.parametrize("name", CASES)
def test_a_cut_anywhere_changes_nothing(name):
    data, expected = CASES[name]
    for cut in range(len(data) + 1):
        assert received(data[:cut], data[cut:]) == joined(expected)


ATOMS = [
    *(b"\x02", KITTY, XTERM, PASTE, PASTED, b"d", b"?", b"[", b"7", b"\r", b"\x1b", b"\x1b[A", b"\x1bOP"),
    *(
        b"\x1b[98;5:3u",
        b"\x1b[98;5:2u",
        b"\x1b[100;1:3u",
        b"\x1b[100u",
        b"\x1b[<0;1;1M",
        b"\x1b[M !!",
        b"\x1b[2",
    ),
    *(
        b"\xc3\xa9",
        b"\xf0\x9f\x98\x80",
        b"\xe2",
        b"\x1b]11;x\x07",
        b"\x1b]",
        b"\x1bP",
        b"0~",
        b"u",
        b";",
        b"\x1b[9",
    ),
]
STREAMS = st.lists(st.sampled_from(ATOMS) | st.binary(max_size=3), max_size=12).map(b"".join)


@settings(deadline=None)
@given(STREAMS, st.data())
def test_no_split_of_any_keys_changes_what_is_meant(whole, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert received(*pieces) == received(whole)


@settings(deadline=None)
@given(STREAMS)
def test_nothing_typed_is_changed_or_put_elsewhere(whole):
    at = 0
    for part in received(whole):
        if isinstance(part, bytes):
            # What lies between are keys that went to us.
            for byte in part:
                at = whole.index(byte, at) + 1


@settings(deadline=None)
@given(st.binary().filter(lambda data: b"\x02" not in data and b"\x1b[" not in data))
def test_keys_without_the_prefix_pass_unchanged(data):
    assert received(data) == joined([data])


@settings(deadline=None)
@given(STREAMS)
def test_a_paste_loses_nothing(pasted):
    whole = PASTE + pasted.replace(PASTED, b"") + PASTED
    assert received(whole) == [whole]


def test_a_prefix_alone_waits_for_what_follows():
    keys = PrefixKeys()
    assert keys.receive(b"a\x02") == [b"a"]
    assert not keys.holds
    assert keys.flush() == []
    assert keys.receive(b"d") == [DETACH]


def test_a_lone_escape_is_held_until_it_is_flushed():
    keys = PrefixKeys()
    assert keys.receive(b":w\r\x1b") == [b":w\r"]
    assert keys.holds
    assert keys.flush() == [b"\x1b"]
    assert not keys.holds
    assert keys.receive(b"[98;5u") == [b"[98;5u"]


def test_a_lone_escape_behind_the_prefix_is_a_key_that_means_nothing():
    keys = PrefixKeys()
    assert keys.receive(b"\x02\x1b") == []
    assert keys.flush() == [UNKNOWN]
    assert keys.receive(b"x") == [b"x"]


def test_a_paste_ends_though_its_end_comes_slowly():
    keys = PrefixKeys()
    assert joined(keys.receive(PASTE + b"\x02\x1b[20")) == [PASTE + b"\x02\x1b[20"]
    assert not keys.holds
    assert keys.flush() == []
    assert keys.receive(b"1~\x02d") == [b"1~", DETACH]


def test_every_command_has_a_key_of_its_own():
    assert len(COMMANDS) == len(set(COMMANDS.values())) == len(Command) - 1 + 10
