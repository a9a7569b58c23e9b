"""cctm.cli.pages.keystrokes: what bytes mean as keys."""

import pytest

from cctm.cli.pages.keystrokes import Keystrokes


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a\xc3\xa9 ", ["a", "é", " "]),
        (b"\x1b[A\x1bOB\x1b[C\x1b[1;5D", ["up", "down", "right", "left"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["page up", "page down", "home", "end"]),
        (b"\r\x7f\x08\x15\x1b", ["enter", "backspace", "backspace", "clear", "escape"]),
        (b"\x03", ["escape"]),
        (b"\x1b[17~\x1b[<0;1;1Mx", ["x"]),
        (b"\x1bx\x01y", ["y"]),
    ],
)
def test_keys_have_names(data, names):
    assert Keystrokes().receive(data) == names


def test_a_character_that_comes_in_pieces_is_one_key():
    keys = Keystrokes()
    assert keys.receive(b"\xe7\x95") == []
    assert keys.receive(b"\x8c") == ["界"]
