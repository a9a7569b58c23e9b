"""cctm.archive.fold: holes, overlaps and streams."""

import pytest

from archive_fixtures import drawn
from cctm.archive.fold import NO_STREAM, Conflict, Hole, OutputFolder
from cctm.archive.kept import Kept
from cctm.protocol.events import Gap, Keyframe, Marked, Opened, Output

A, B = drawn("a", size=16), drawn("b", size=16)


def opened(stream=A):
    return Opened(0, (b"sh",), b"/", 80, 24, "n", "t", 0, stream)


def keyframe(stream, offset=0):
    return Keyframe(0, stream, offset, 80, 24, "n", 0, None, None, (), None)


def out(offset, data):
    return Output(0, offset, data)


def folded(*events, **options):
    folder = OutputFolder(**options)
    return [piece for event in events for piece in folder.fold(event)] + list(folder.finish())


@pytest.mark.parametrize(
    ("events", "pieces"),
    [
        ([opened(), out(0, b"ab"), out(2, b"cd")], [b"ab", b"cd"]),
        ([opened(), out(0, b"abcd"), out(2, b"cdef")], [b"abcd", b"ef"]),
        ([opened(), out(0, b"abcd"), out(1, b"bc")], [b"abcd"]),
        ([opened(), out(0, b"abcd"), out(2, b"XYef")], [b"abcd", Conflict(A, 2, 2), b"ef"]),
        ([opened(), out(0, b"ab"), out(4, b"ef")], [b"ab", Hole(A, 2, 2, False), b"ef"]),
        ([opened(), out(0, b"ab"), out(4, b"ef"), out(1, b"bcde")], [b"ab", b"cde", b"f"]),
        ([opened(), out(0, b"ab"), out(4, b"ef"), out(2, b"cdXX")], [b"ab", b"cdXX", Conflict(A, 4, 2)]),
        ([opened(), out(3, b"d"), out(5, b"f")], [Hole(A, 0, 3, False), b"d", Hole(A, 4, 1, False), b"f"]),
        ([opened(), out(0, b"a"), Gap(0, 1, 4), out(5, b"f")], [b"a", Hole(A, 1, 4, True), b"f"]),
        ([opened(), out(0, b"a"), Gap(0, 1, None), out(9, b"f")], [b"a", Hole(A, 1, None, True), b"f"]),
        ([opened(), out(0, b"abc"), Gap(0, 1, 2), out(3, b"d")], [b"abc", b"d"]),
        ([opened(), out(0, b"abc"), Gap(0, 1, None), out(3, b"d")], [b"abc", b"d"]),
        ([opened(), out(0, b"abc"), Gap(0, 1, 4), out(5, b"d")], [b"abc", Hole(A, 3, 2, True), b"d"]),
        ([opened(), Gap(0, 2, 1)], [Hole(A, 0, 2, False), Hole(A, 2, 1, True)]),
        ([opened(), Gap(0, 0, None), Gap(0, 5, 1)], [Hole(A, 0, None, True), Hole(A, 5, 1, True)]),
        ([opened(), out(0, b"a"), opened(B), out(0, b"b")], [b"a", b"b"]),
        (
            [opened(), out(0, b"a"), opened(B), out(0, b"b"), opened(A), out(0, b"ax")],
            [b"a", b"b", Conflict(A, 0, 1), b"x"],
        ),
        ([opened(), out(0, b"a"), out(2, b"c"), opened(B)], [b"a", Hole(A, 1, 1, False), b"c"]),
        ([opened(), out(0, b"ab"), keyframe(A, 2), keyframe(None), out(2, b"c")], [b"ab", b"c"]),
        ([keyframe(B, 7), out(7, b"x")], [Hole(B, 0, 7, False), b"x"]),
        ([out(0, b"x"), Marked(0, "here")], [b"x"]),
        ([out(1, b"x")], [Hole(NO_STREAM, 0, 1, False), b"x"]),
    ],
)  # fmt: skip
def test_what_comes_out(events, pieces):
    assert folded(*events) == pieces


def test_a_fold_may_begin_anywhere():
    events = [opened(), out(100, b"ab"), out(102, b"c"), opened(B), out(7, b"d")]
    assert folded(*events, begin_anywhere=True) == [b"ab", b"c", b"d"]


def test_overlap_further_back_than_is_remembered_counts_as_a_conflict():
    events = [opened(), out(0, b"aaaa"), out(4, b"bbbb"), out(8, b"cccc"), out(0, b"aaaabbbbccccd")]
    assert folded(*events, remembered_bytes=8)[3:] == [Conflict(A, 0, 12), b"d"]
    assert folded(*events, remembered_bytes=12)[3:] == [b"d"]


def test_too_much_behind_a_hole_is_given_out_without_waiting():
    folder = OutputFolder(remembered_bytes=3)
    pieces = [piece for event in (opened(), out(2, b"cd"), out(4, b"ef")) for piece in folder.fold(event)]
    assert pieces == [Hole(A, 0, 2, False), b"cd", b"ef"]


@pytest.mark.parametrize(
    ("events", "pieces"),
    [
        ([keyframe(B, 7)], [Hole(B, 0, 7, True)]),
        ([keyframe(B, 7), keyframe(B, 9)], [Hole(B, 0, 9, True)]),
        ([keyframe(B, 7), out(7, b"x")], [Hole(B, 0, 7, True), b"x"]),
        ([keyframe(B, 7), out(7, b"x"), keyframe(B, 12)], [Hole(B, 0, 7, True), b"x", Hole(B, 8, 4, True)]),
        ([keyframe(B, 7), opened(A), out(0, b"a")], [Hole(B, 0, 7, True), b"a"]),
    ],
)  # fmt: skip
def test_of_what_was_followed_all_before_the_newest_keyframe_need_not_be_there(events, pieces):
    assert folded(*events, kept=Kept.FOLLOWED) == pieces
