"""The lines above the screen, for a terminal to scroll back to."""

import pytest

from cctm.screen.scrollback import MAX_LINES, lines_before_screen

LINES = b"".join(b"line %d\r\n" % number for number in range(10))


def test_what_is_still_on_the_screen_is_not_among_them():
    assert lines_before_screen(LINES, 20, 5) == b"".join(b"line %d\r\n" % number for number in range(6))
    assert lines_before_screen(b"little\r\n", 20, 5) == b""


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        (b"\x1b[31mred\x1b[0m plain", b"\x1b[0;31mred\x1b[m plain"),
        (b"\x1b[1;4;95;42mtext", b"\x1b[0;1;4;95;42mtext"),
        (b"\x1b[38;5;200;48;2;1;2;3mtext", b"\x1b[0;38;5;200;48;2;1;2;3mtext"),
        ("日本語 wide".encode(), "日本語 wide".encode()),
        (b"\xff\xfe", "��".encode()),
        (b"a\x07b\x1b[6nc\x1b]0;title\x07d\x1b]52;c;AAAA\x07", b"abcd"),
    ],
)
def test_colours_stay_and_nothing_else_but_text(line, drawn):
    shown = lines_before_screen(line + b"\x1b[m\r\n" + b"\r\n" * 5, 40, 3)
    assert shown.split(b"\r\n")[0].rstrip(b" \x1b[m").rstrip() == drawn.rstrip(b" \x1b[m").rstrip()
    assert shown.startswith(drawn.removesuffix(b"\x1b[m"))


@pytest.mark.parametrize("output", [b"\n" * 32_768, b"\x1b[24S" * 6000, b"a\x1b[65535b" * 1000])
def test_what_takes_an_emulator_long_leaves_at_most_a_thousand_lines(output):
    assert lines_before_screen(output, 80, 24).count(b"\r\n") <= MAX_LINES


def test_a_window_that_nobody_has_is_cut():
    assert lines_before_screen(b"text\r\n" * 2000, 65535, 65535) == b"text\r\n" * 1000
