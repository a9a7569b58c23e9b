"""Screens take any bytes, in any pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.screen.modes import Modes
from cctm.screen.queries import QueryScanner, without_queries
from cctm.screen.text import TextLines

pytestmark = pytest.mark.untraced

NOTHING_TO_UNDO = Modes().undo()

numbers = st.sampled_from([b"", b"0", b"1", b"4", b"7", b"25", b"47", b"1000", b"1049", b"2004", b"9" * 9])
parameters = st.lists(numbers, max_size=3).map(b";".join)
sequences = st.one_of(
    st.builds(lambda ps, on: b"\x1b[?%b%b" % (ps, on), parameters, st.sampled_from([b"h", b"l"])),
    st.builds(
        lambda mark, ps, final: b"\x1b[%b%b%b" % (mark, ps, final),
        st.sampled_from([b"", b">", b"<", b"=", b"?", b"!"]),
        parameters,
        st.sampled_from(
            [b"u", b"m", b"r", b" q", b"p", b"K", b"C", b"D", b"G", b"P", b"H", b"n", b"c", b"J"]
        ),
    ),
    st.sampled_from(
        [b"\x1b=", b"\x1b>", b"\x1bc", b"\x1bZ", b"\x1b]0;", b"\x1bP", b"\x1b\\", b"\x07", b"\x1b"]
    ),
    st.sampled_from([b"\r", b"\n", b"\b", b"\t", b"\x18", "\x85".encode(), "界".encode(), b"\xe2\x82"]),
    st.binary(max_size=6),
    st.text(max_size=6).map(lambda text: text.encode()),
)
streams = st.lists(sequences, max_size=20).map(b"".join)
# What the beginnings and ends of queries are made of, so that they meet in each order.
scraps = st.lists(
    st.sampled_from(
        [
            *(
                b"\x1b",
                b"[",
                b"]",
                b"P",
                b"_",
                b"\\",
                b"\x07",
                b"\xc2",
                b"\x9b",
                b"\x9d",
                b"\x9c",
                b"\x90",
                b"\x9f",
                b"?",
                b">",
            ),
            *(
                b"=",
                b"0",
                b"1",
                b"4",
                b"52",
                b"21",
                b"22",
                b";",
                b"$",
                b"*",
                b"y",
                b"q",
                b"p",
                b"c",
                b"n",
                b"t",
                b"u",
                b"x",
            ),
            *(
                b"S",
                b"m",
                b"G",
                b"Z",
                b"+",
                b"\x05",
                b"\n",
                b"a",
                b"w",
                b"\x1b[",
                b"\x1b]",
                b"\xc2\x9d",
                b"\x1b\\",
            ),
        ]
    ),
    max_size=24,
).map(b"".join)
cuts = st.lists(st.integers(0, 200), max_size=6)


def cut(stream, places):
    at = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(at)]


def followed(pieces):
    modes = Modes()
    for piece in pieces:
        modes.feed(piece)
    return modes


def lines(pieces):
    text = TextLines()
    return [*(line for piece in pieces for line in text.feed(piece)), *text.finish()]


@given(streams)
def test_undoing_leaves_nothing_to_undo(stream):
    modes = followed([stream + b" "])
    modes.feed(modes.undo())
    assert modes.undo() == NOTHING_TO_UNDO
    assert modes.restore() == b""


@given(streams, cuts)
def test_modes_do_not_depend_on_the_pieces(stream, places):
    whole, pieces = followed([stream]), followed(cut(stream, places))
    assert (whole.undo(), whole.restore(), whole.alternate) == (
        pieces.undo(),
        pieces.restore(),
        pieces.alternate,
    )


@given(streams, cuts)
def test_lines_do_not_depend_on_the_pieces(stream, places):
    assert lines(cut(stream, places)) == lines([stream])


@given(streams)
def test_lines_hold_no_control_characters(stream):
    assert all(letter >= " " and letter != "\x7f" for line in lines([stream]) for letter in line)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=200))
def test_plain_text_stays_as_it_is(text):
    assert without_queries(text.encode()) == text.encode()
    assert "".join(lines([text.encode()])) == text.rstrip(" ")


@given(streams)
def test_nothing_that_was_cut_out_of_output_was_ordinary(stream):
    kept = without_queries(stream)
    remaining = iter(stream)
    assert all(byte in remaining for byte in kept)


@given(
    st.lists(
        st.sampled_from([b"a", b"word ", b"\r", b"\n", b"\r\n", b"\x1b[1m", b"\t", b"\x1b[?1049h", b"\b"])
    )
)
def test_lines_cut_out_whole_are_those_that_each_token_makes(parts):
    whole, piecewise = TextLines(), TextLines()
    stream = b"".join(parts)
    by_bytes = [line for byte in stream for line in piecewise.feed(bytes((byte,)))]
    assert [*whole.feed(stream), *whole.finish()] == [*by_bytes, *piecewise.finish()]


def split_up(pieces):
    scanner = QueryScanner()
    return [part for piece in pieces for part in scanner.feed(piece)] + scanner.flush()


@given(st.one_of(scraps, streams), cuts)
def test_queries_cut_out_in_any_pieces_are_those_of_the_whole(stream, places):
    parts = split_up(cut(stream, places))
    assert b"".join(part for part in parts if isinstance(part, bytes)) == without_queries(stream)
    assert b"".join(part if isinstance(part, bytes) else part.raw for part in parts) == stream
    assert b"" not in parts
