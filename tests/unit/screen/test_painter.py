"""The painter says no more than it must, and what it says is safe for whoever's terminal it is."""

from dataclasses import replace

import pytest

from cctm.screen.fold import Fold
from cctm.screen.frame import Framer, Overlay, View, cut, joined, row_of
from cctm.screen.modes import ClientModes
from cctm.screen.painter import ENTER, LEAVE, Painter
from cctm.screen.painting import row_change, soft_wrap
from cctm.screen.picture import EMPTY, Cursor, Row, Run, text_of
from screens import folded

SIZE = (20, 5)


def row(*runs):
    return Row(tuple(Run(text, len(text), pen) for text, pen in runs), wraps=False)


def painted(*steps, size=SIZE, window=None):
    """What is painted for each step of output."""
    fold, painter = Fold(*size), Painter(*(window or size))
    said = []
    for step in steps:
        fold.feed(step)
        said.append(painter.paint(fold.picture()))
    return said, painter


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (EMPTY, row(("abc", "")), "\x1b[3;1Habc"),
        (row(("abc", "")), EMPTY, "\x1b[3;1H\x1b[K"),
        (row(("abc", "")), row(("abcd", "")), "\x1b[3;4Hd"),
        (row(("abcd", "")), row(("abc", "")), "\x1b[3;4H\x1b[K"),
        (row(("abc", "")), row(("abc", "1")), "\x1b[3;1H\x1b[0;1mabc\x1b[m"),
        (row(("12:00", ""), (" x", "7")), row(("12:01", ""), (" x", "7")), "\x1b[3;5H1"),
        (row(("hello world", "")), row(("hexxo world", "")), "\x1b[3;3Hxx"),
        (
            row(("a", "1"), ("b", "2"), ("c", "3")),
            row(("a", "1"), ("x", "2"), ("c", "3")),
            "\x1b[3;2H\x1b[0;2mx\x1b[m",
        ),
        (row(("界界", "")), row(("界あ", "")), "\x1b[3;1H界あ"),
        (row(("same", "1")), row(("same", "1")), ""),
    ],
)
def test_only_what_differs_of_a_row_is_printed(before, after, change):
    assert row_change(2, before, after) == change


def test_a_character_of_disputed_width_moves_nothing_behind_it():
    for text in ("👩\u200d💻", "❤\ufe0f", "🇩"):
        fold = folded(SIZE, f"a{text}b".encode())
        said = row_change(0, EMPTY, fold.picture().lines[0])
        # A terminal that makes one character of it, or two or four columns, prints b where it belongs.
        assert said.endswith(f"\x1b[{fold.cursor.col}Gb")
        assert "X" + text[0] in said


def test_across_the_edge_nothing_disputed_is_printed():
    plain, heart = row_of("abc"), row_of("ab👩")
    assert soft_wrap(0, plain, row_of("d")).endswith("c\x1b[md\x1b[m\x1b[?7l")
    assert soft_wrap(0, heart, plain) == soft_wrap(0, plain, row_of("👩")) == ""
    assert soft_wrap(0, plain, EMPTY).endswith("c\x1b[m \x1b[m\x1b[?7l")


def test_an_unchanged_picture_costs_nothing():
    _, painter = painted(b"hello")
    fold = folded(SIZE, b"hello")
    picture = fold.picture()
    painter.paint(picture)
    assert painter.paint(picture) == b""
    fold.feed(b"\x1b[m")
    assert fold.picture() is not picture
    assert painter.paint(fold.picture()) == b""


def test_a_typed_character_costs_some_bytes():
    said, _ = painted(b"\x1b[31m$\x1b[m echo", b"x", b"\b \b", b"\x1b[2D")
    assert said[1:] == [
        b"\x1b[1;7Hx\x1b[1;8H\x1b[?25h",
        b"\x1b[1;7H\x1b[K\x1b[1;7H\x1b[?25h",
        b"\x1b[1;5H\x1b[?25h",
    ]


def test_several_rows_are_shown_at_once():
    said, _ = painted(b"a", b"\r\nb\r\nc")
    assert said[1].startswith(b"\x1b[?2026h\x1b[?25l")
    assert said[1].endswith(b"\x1b[?25h\x1b[?2026l")


def test_the_first_painting_puts_the_clients_screen_aside_and_leaving_brings_it_back():
    said, painter = painted(b"x", b"y")
    assert ENTER.encode() in said[0]
    assert ENTER.encode() not in said[1]
    assert painter.leave() == LEAVE.encode()
    assert painter.leave() == b""
    assert ENTER.encode() in painter.paint(folded(SIZE, b"z").picture())


def test_leaving_a_client_that_was_never_painted_says_nothing():
    assert Painter(80, 24).leave() == b""


def test_leaving_undoes_the_modes_that_were_followed():
    every = b"\x1b[?1h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b=\x1b[4 q\x1b[=5u\x1b[>4;2m"
    every += b"\x1b]2;title\x07\x1b[?25l\x1b[?7l"
    client = folded(SIZE, b"\x1b]2;before\x07before")
    before = client.picture(), client.screen()
    said, painter = painted(every)
    client.feed(said[0])
    assert client.picture().modes == folded(SIZE, every).picture().modes
    assert client.title == "title"
    client.feed(painter.leave())
    assert client.picture() == before[0]
    # A terminal saves the cursor when the alternate screen is entered: that is what brings it back.
    assert replace(client.screen(), saved=None) == before[1]


def test_modes_follow_the_program():
    said, _ = painted(
        b"\x1b[?1000h\x1b[?1006h",
        b"\x1b[?1000l\x1b[?1003h",
        b"\x1b=",
        b"\x1b>",
        b"\x1b[=1u",
        b"\x1b[2 q",
        b"\x1b[>4;1m",
        b"\x1b[>4m",
    )
    assert said[1:] == [
        b"\x1b[?1000l\x1b[?1003h",
        b"\x1b=",
        b"\x1b>",
        b"\x1b[=1u",
        b"\x1b[2 q",
        b"\x1b[>4;1m",
        b"\x1b[>4;0m",
    ]


@pytest.mark.parametrize("mode", [5, 12, 45, 66, 2031, 2048, 7777])
def test_modes_that_change_nothing_for_the_program_stay_as_the_client_has_them(mode):
    said, _ = painted(b"x", b"\x1b[?%dh" % mode)
    assert said[1] == (b"" if mode != 66 else b"\x1b[?66h")


def test_the_mouse_is_followed_only_where_its_place_is_the_programs_place():
    fold, painter = Fold(40, 10), Painter(20, 5)
    fold.feed(b"\x1b[?1002;1006h")
    assert b"\x1b[?1002h" in painter.paint(fold.picture())
    fold.feed(b"\x1b[9;30H")
    assert b"\x1b[?1002l" in painter.paint(fold.picture())
    assert painter.view == View(10, 4)
    fold.feed(b"\x1b[1;1H")
    assert b"\x1b[?1002h" in painter.paint(fold.picture())
    assert painter.view == View(0, 0)


def test_a_title_comes_and_goes():
    said, _ = painted(b"\x1b]2;one\x07", b"\x1b]2;\x07", b"\x1b]2;e\x1b]2;two\xe2\x80\xae\xc2\x9b6n\x07")
    assert b"\x1b]2;one\x1b\\" in said[0]
    assert said[1] == b"\x1b]2;\x1b\\"
    assert said[2] == b""  # a C1 character ends it, so nothing became the title


def test_nothing_of_what_a_hostile_program_prints_is_passed_on():
    said, painter = painted(
        b"\x1b]52;c;c2VjcmV0\x07\x1b[c\x1b[6n\x1bP$qm\x1b\\\x1b[21t\x1b[8;5;5t\x1b]11;?\x07\x05\x1b_Gi=1;AAAA\x1b\\\x1b[?996n"
        b"\x1b]2;\x1b[6n\x07\x1b]8;;http://example.org\x07link\x1b]8;;\x07\x1b#8"
    )
    text = said[0] + painter.leave()
    for unwanted in (
        b"\x1b]52",
        b"6n",
        b"\x1bP",
        b"[c",
        b"[21t",
        b"8;5;5t",
        b"]11",
        b"\x05",
        b"\x1b_",
        b"996",
        b"]8;",
        b"\x07",
    ):
        assert unwanted not in text


def test_after_another_size_everything_is_painted():
    fold, painter = folded(SIZE, b"hello"), Painter(*SIZE)
    painter.paint(fold.picture())
    painter.resize(10, 3)
    client = Fold(10, 3)
    client.feed(painter.paint(fold.picture()))
    assert text_of(client.picture().lines[0]) == "hello"


def test_a_window_that_is_larger_is_filled_with_marks():
    client = Fold(8, 4)
    client.feed(painted(b"ab\x1b[31m\r\ncd", size=(5, 2), window=(8, 4))[0][0])
    assert [text_of(line) for line in client.picture().lines] == [
        "ab   ···",
        "cd   ···",
        "········",
        "········",
    ]
    assert client.picture().lines[0].runs[-1] == Run("···", 3, "2")


def test_the_view_moves_as_little_as_it_must():
    fold, painter = Fold(20, 10), Painter(10, 4)
    for place, view in [
        (b"\x1b[1;1H", (0, 0)),
        (b"\x1b[4;10H", (0, 0)),
        (b"\x1b[5;11H", (1, 1)),
        (b"\x1b[10;20H", (10, 6)),
        (b"\x1b[8;15H", (10, 6)),
        (b"\x1b[6;5H", (4, 5)),
        (b"\x1b[1;1H\x1b[?25l", (4, 5)),
        (b"\x1b[?25h", (0, 0)),
    ]:
        fold.feed(place)
        painter.paint(fold.picture())
        assert painter.view == view


def test_a_wide_character_at_the_edge_is_cut_to_a_blank():
    line = joined(Row((Run("a界b", 4, "1"),), wraps=False))
    assert cut(line, 0, 2).runs == (Run("a ", 2, "1"),)
    assert cut(line, 2, 4).runs == (Run(" b", 2, "1"),)
    assert cut(line, 1, 3).runs == (Run("界", 2, "1"),)


def test_an_overlays_text_loses_control_characters():
    assert text_of(row_of("a\x1b[31m\x07\u202eb\x9b")) == "a[31mb"
    assert row_of("\x1b") == EMPTY


def test_a_framed_picture_under_no_overlay_is_the_picture_itself():
    picture = folded(SIZE, b"x").picture()
    frame = Framer(SIZE).frame(picture, View(0, 0), [])
    assert frame.lines is picture.lines
    assert frame.cursor == Cursor(1, 0, visible=True)


def test_an_overlay_beyond_the_window_shows_what_fits():
    picture = folded(SIZE, b"x" * 100).picture()
    frame = Framer(SIZE).frame(picture, View(0, 0), [Overlay(18, 4, (row_of("abc"), row_of("def")))])
    assert [text_of(line) for line in frame.lines] == ["x" * 20] * 4 + ["x" * 18 + "ab"]


def test_modes_of_a_client_are_the_default_ones_at_first():
    assert Fold(80, 24).picture().modes == ClientModes()
