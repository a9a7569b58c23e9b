"""What a client is shown of the past begins where nothing is cut in two, fits a frame, and answers nothing."""

import pytest

from cctm.cctmd.history import MAX_HISTORY_BYTES, shown_history
from cctm.cctmd.recent import ATTACHED_LIMIT, Recent
from cctm.protocol.control.frames import MAX_FRAME

LINES = b"".join(b"line %d\r\n" % number for number in range(1000))


def recent(data, base=0):
    one = Recent(base)
    one.limit = ATTACHED_LIMIT
    one.append(data)
    return one


def test_all_output_is_shown_if_it_is_little():
    assert shown_history(recent(b"no line yet"), 100) == (b"no line yet", False)
    assert shown_history(recent(b""), 100) == (b"", False)


def test_the_last_lines_are_shown_whole():
    shown, _ = shown_history(recent(LINES), 105)
    assert LINES.endswith(shown)
    assert shown.startswith(b"line 99")
    assert 90 < len(shown) <= 105


def test_what_was_forgotten_in_the_middle_of_a_line_is_not_shown():
    assert shown_history(recent(b"lf a line\r\nwhole\r\n", base=5), 1000) == (b"whole\r\n", False)


@pytest.mark.parametrize(
    ("unit", "beginning"),
    [(b"\x1b[5;5Htext", b"\x1b"), (b"x", b"x"), ("€".encode(), "€".encode()), (b"50%\r", b"5")],
    ids=["sequences", "letters", "wide letters", "progress"],
)
def test_output_without_lines_is_cut_where_a_sequence_or_letter_begins_and_fits_a_frame(unit, beginning):
    data = unit * (2 * ATTACHED_LIMIT // len(unit))
    for size in range(1000, 1000 + len(unit)):
        shown, _ = shown_history(recent(data), size)
        assert data.endswith(shown)
        assert 0 < len(shown) <= size
        if unit != b"50%\r":
            assert shown.startswith(beginning)
    assert len(shown_history(recent(data), MAX_FRAME)[0]) <= MAX_HISTORY_BYTES


def test_queries_are_cut_out():
    assert shown_history(recent(b"a\x1b[6nb\x1b]52;c;?\x07c"), 100) == (b"abc", False)


def test_on_the_alternate_screen_nothing_of_the_past_is_shown():
    shown, alternate = shown_history(recent(LINES + b"\x1b[?1049h\x1b[?1hvim"), 1000)
    assert alternate
    assert shown == b"\x1b[?1h\x1b[?1049h\x1b[H\x1b[2J"
