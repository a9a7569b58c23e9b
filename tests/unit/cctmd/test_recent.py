"""A window on the end of a stream."""

import pytest

from cctm.cctmd.recent import ATTACHED_LIMIT, MAX_HOLES, Recent


def filled(base=0, data=b"", limit=10):
    recent = Recent(base)
    recent.limit = limit
    recent.append(data)
    return recent


def test_what_was_appended_is_read_from_any_offset_in_any_size():
    recent = filled(100, b"abc")
    recent.append(b"defg")
    assert (recent.base, recent.end) == (100, 107)
    for offset in range(100, 108):
        for size in range(9):
            assert recent.read(offset, size)[1] == b"abcdefg"[offset - 100 :][:size]


def test_the_oldest_is_forgotten_and_offsets_stay():
    recent = filled(0, b"x" * 20)
    assert recent.base == 0
    recent.append(b"0123456789")
    assert (recent.base, recent.end) == (20, 30)
    assert recent.read(20, 99)[1] == b"0123456789"


def test_it_never_holds_more_than_twice_its_limit():
    recent = filled()
    for _ in range(1000):
        recent.append(b"abc")
        assert recent.end - recent.base <= 2 * recent.limit
    assert recent.end == 3000


def test_one_piece_above_the_limit_keeps_its_end():
    recent = filled(0, bytes(range(256)))
    assert (recent.base, recent.end) == (246, 256)
    assert recent.read(246, 10)[1] == bytes(range(246, 256))


def test_trimming_what_is_within_the_limit_changes_nothing():
    recent = filled(7, b"short")
    recent.trim()
    assert (recent.base, recent.end, recent.read(7, 99)[1]) == (7, 12, b"short")


def test_earlier_output_is_put_in_front():
    recent = filled(50, b"now")
    recent.prepend(b"before ")
    assert (recent.base, recent.end) == (43, 53)
    assert recent.read(43, 99)[1] == b"before now"


def test_after_a_gap_it_begins_anew():
    recent = filled(0, b"lost")
    recent.restart(1000)
    assert (recent.base, recent.end, recent.read(1000, 9)[1]) == (1000, 1000, b"")
    recent.append(b"new")
    assert recent.read(1000, 9)[1] == b"new"


def test_a_piece_that_is_read_stays_as_it_was():
    recent = filled(0, b"abcdefghij", limit=ATTACHED_LIMIT)
    _, piece = recent.read(2, 3)
    recent.append(b"k")
    recent.limit = 1
    recent.trim()
    assert piece == b"cde"


def test_what_is_for_no_client_counts_and_is_never_read():
    recent = filled(0, b"ab", limit=100)
    recent.hide(b"??")
    recent.append(b"cd")
    recent.hide(b"?")
    recent.hide(b"??")
    assert recent.end == 9
    assert [recent.read(offset, 99) for offset in range(9)] == [
        (0, b"ab"), (1, b"b"), (4, b"cd"), (4, b"cd"), (4, b"cd"), (5, b"d"), (9, b""), (9, b""), (9, b""),
    ]  # fmt: skip
    assert recent.read_all() == b"abcd"


@pytest.mark.untraced
def test_a_program_that_only_asks_keeps_little():
    recent = Recent(0)
    for _ in range(3 * MAX_HOLES):
        recent.hide(b"?")
        recent.append(b"x")
    assert recent.end == 6 * MAX_HOLES
    assert recent.end - recent.base <= 2 * MAX_HOLES
    assert set(recent.read_all()) == {ord("x")}
