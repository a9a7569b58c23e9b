"""Cells of a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.cli.table import align, cells, cut
from cctm.cli.words import printable


@pytest.mark.parametrize(("text", "taken"), [("", 0), ("abc", 3), ("界", 2), ("e\u0301", 1), ("täxt", 4)])
def test_a_text_takes_as_many_cells_as_a_terminal_gives_it(text, taken):
    assert cells(text) == taken


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        *(
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("abcdef", 1, "…"),
            ("abcdef", 0, ""),
            ("", 0, ""),
        ),
        *(("界界界", 6, "界界界"), ("界界界", 5, "界界…"), ("界界界", 4, "界…"), ("ab  cdef", 5, "ab…")),
    ],
)
def test_what_does_not_fit_is_cut_and_says_so(text, most, shown):
    assert cut(text, most) == shown


@given(st.text(), st.integers(0, 30))
def test_what_was_cut_fits(text, most):
    assert cells(cut(printable(text), most)) <= most


def test_columns_stand_below_each_other_but_the_last_is_as_it_is():
    assert align([("A", "B", "C"), ("long", "界", "x"), ("s", "b", "")]) == [
        "A     B   C",
        "long  界  x",
        "s     b",
    ]
