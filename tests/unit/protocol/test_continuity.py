"""cctm.protocol.sync.continuity: what of the events can be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol.events import Gap, Keyframe, Marked, Opened, Output, Resized
from cctm.protocol.keys import StreamId
from cctm.protocol.sync.continuity import REMEMBERED_BYTES, Continuity
from cctm.protocol.sync.followed import Doubt, Shown
from samples import STREAM, drawn

OTHER = StreamId(drawn("other", 16))
TEXT = bytes(range(256)) * 4


def keyframe(offset, screen=b"s", stream=STREAM):
    return Keyframe(0, stream, offset, 80, 24, "n", 1, screen, b"", (), None)


def out(offset, data):
    return Output(0, offset, data)


def told(screen, *events):
    return [one for event in events for one in screen.follow(event)]


def shown_at(offset, *outputs):
    screen = Continuity()
    told(screen, keyframe(offset), *outputs)
    assert screen.is_shown
    return screen


def test_nothing_of_the_screen_is_told_before_the_first_keyframe_that_has_one():
    screen = Continuity()
    mark = Marked(0, "m")
    assert told(screen, out(0, b"x"), Resized(0, 9, 9, b""), keyframe(1, None), Gap(0, 1, 1), mark) == [mark]
    assert told(screen, keyframe(5)) == [Shown(keyframe(5))]
    assert told(screen, out(5, b"y"), Resized(0, 9, 9, b"")) == [out(5, b"y"), Resized(0, 9, 9, b"")]


@pytest.mark.parametrize("stream", [STREAM, None])
@pytest.mark.parametrize("offset", [0, 3, 5])
@pytest.mark.parametrize("picture", [b"s", None])
def test_a_keyframe_of_what_was_shown_says_nothing(offset, picture, stream):
    screen = shown_at(0, out(0, b"hello"))
    assert told(screen, keyframe(offset, picture, stream)) == []


def test_a_keyframe_ahead_shows_itself_or_loses_the_screen():
    screen = shown_at(0, out(0, b"hello"))
    assert told(screen, keyframe(9)) == [Shown(keyframe(9))]
    assert told(screen, keyframe(20, None)) == [Doubt.HOLE]
    assert told(screen, out(20, b"x"), keyframe(21, None)) == []


def test_a_keyframe_of_another_stream_shows_itself():
    screen = shown_at(0, out(0, b"hello"))
    assert told(screen, keyframe(2, b"s", OTHER)) == [Shown(keyframe(2, b"s", OTHER))]


def test_a_stream_that_opens_is_empty():
    opened = Opened(0, (b"sh",), b"/", 80, 24, "n", "t", 1, OTHER)
    blank = Keyframe(0, OTHER, 0, 80, 24, "n", 1, b"", b"", (), None)
    screen = shown_at(7)
    assert told(screen, opened) == [Shown(blank), opened]
    assert told(screen, opened) == [opened]
    screen.lose()
    assert told(screen, opened, out(0, b"x")) == [Shown(blank), opened, out(0, b"x")]


def test_output_behind_a_hole_is_not_shown():
    screen = shown_at(0, out(0, b"hello"))
    assert told(screen, out(6, b"x"), out(5, b"late")) == [Doubt.HOLE]


def test_a_gap_is_told_and_output_goes_on_behind_it():
    screen = shown_at(0, out(0, b"hello"))
    assert told(screen, Gap(0, 5, 10), out(15, b"x")) == [Gap(0, 5, 10), out(15, b"x")]
    assert told(screen, Gap(0, 16, None), out(99, b"y")) == [Gap(0, 16, None), out(99, b"y")]
    assert told(screen, Gap(0, 50, 10)) == []  # said of what was seen
    assert told(screen, Gap(0, 200, 1)) == [Doubt.HOLE]


def test_output_that_overlaps_what_was_shown_longer_ago_than_is_remembered_is_taken_as_equal():
    screen = shown_at(0, out(0, b"old" * 9_999), out(29_997, bytes(REMEMBERED_BYTES)))
    assert told(screen, out(0, b"new")) == []
    assert told(screen, out(REMEMBERED_BYTES, b"new")) == [Doubt.CONFLICT]


def test_output_of_all_sizes_is_remembered_in_few_pieces():
    screen = shown_at(0)
    whole = b""
    for number in range(4_000):
        piece = b"%d" % number * (9_000 if number % 1_000 == 7 else 1)
        told(screen, out(len(whole), piece))
        whole += piece
    assert told(screen, out(0, whole)) == []
    assert told(screen, out(10, whole[10:-3] + b"!")) == [Doubt.CONFLICT]


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(0, 255), st.integers(1, 60)), max_size=30))
def test_however_output_is_cut_and_repeated_each_byte_comes_once(base, pieces):
    screen = Continuity()
    told(screen, keyframe(base))
    end = base
    seen = b""
    for back, size in pieces:
        first = max(base, end - back // 4)
        for one in told(screen, out(first, TEXT[first : first + size])):
            assert isinstance(one, Output)
            assert one.offset == base + len(seen)
            seen += one.data
        end = max(end, min(first + size, len(TEXT)))
    assert seen == TEXT[base:end]


@given(st.integers(0, 99), st.integers(1, 99), st.integers(0, 98), st.lists(st.integers(1, 99), max_size=5))
def test_a_repeated_byte_that_differs_is_a_conflict(first, size, place, cuts):
    screen = Continuity()
    told(screen, keyframe(0))
    at = 0
    for cut in sorted({*cuts, 100}):
        told(screen, out(at, TEXT[at:cut]))
        at = cut
    again = bytearray(TEXT[first : first + size])
    assert told(screen, out(first, bytes(again)))[:1] != [Doubt.CONFLICT]
    at = place % size
    again[at] ^= 1
    differs = first + at < max(100, first + size)
    assert (Doubt.CONFLICT in told(screen, out(first, bytes(again)))) is differs


def test_the_end_of_what_was_shown_is_remembered_however_it_came():
    data = bytes(range(256)) * 64
    pieces = [data[start : start + 7] for start in range(0, len(data), 7)]
    offsets = [sum(map(len, pieces[:at])) for at in range(len(pieces))]
    screen = shown_at(0, *(out(offset, piece) for offset, piece in zip(offsets, pieces, strict=True)))
    assert told(screen, out(0, data)) == []
    assert told(screen, out(len(data) - 2, b"xy")) == [Doubt.CONFLICT]
