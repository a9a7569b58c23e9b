"""Titles are followed, bounded, and lose what could harm whoever reads them."""

import pytest

from cctm.screen.title import MAX_DEPTH, MAX_TITLE
from screens import folded

SIZE = (20, 5)


@pytest.mark.parametrize(
    ("printed", "title"),
    [
        ("\x1b]0;both\x07", "both"),
        ("\x1b]2;title\x1b\\", "title"),
        ("\x1b]02;zero\x07", "zero"),
        ("\x9d2;c1\x9c", "c1"),
        ("\x1b]1;icon\x07", ""),
        ("\x1b]2;a;b\x07", "a;b"),
        ("\x1b]2;wörld 界\x07", "wörld 界"),
        ("\x1b]2;one\x07\x1b]2;\x07", ""),
        ("\x1b]2;one\x07\x1bc", ""),
        ("\x1b]2;cut\x18", ""),
        ("\x1b]2;cut\x1b[m", ""),
        ("\x1b]2;a\nb\x1f\x07", "ab"),
        ("\x1b]2;\u202eevil\u2066\u200f\x07", "evil"),
        ("\x1b]2;one\x07\x1b[22;0t\x1b]2;two\x07\x1b[23;0t", "one"),
        ("\x1b]2;one\x07\x1b[22t\x1b]2;two\x07\x1b[23;2t", "one"),
        ("\x1b]2;one\x07\x1b[22;1t\x1b]2;two\x07\x1b[23;0t", "two"),
        ("\x1b]2;one\x07\x1b[22;0t\x1b]2;two\x07\x1b[23;1t", "two"),
        ("\x1b]2;one\x07\x1b[23t", "one"),
        ("\x1b]2;one\x07\x1b[21t\x1b[8;5;5t", "one"),
    ],
)
def test_a_title_is_followed(printed, title):
    assert folded(SIZE, printed.encode()).title == title
    assert folded(SIZE, *(bytes([byte]) for byte in printed.encode())).title == title


def test_titles_and_their_stack_are_bounded():
    fold = folded(SIZE, b"\x1b]2;" + b"x" * 3000 + b"\x07", b"\x1b[22t" * 50)
    assert fold.title == "x" * MAX_TITLE
    assert len(fold.titles.stack) == MAX_DEPTH
