"""A fold does not depend on the pieces that it is fed; and its dump says all of it, at any place."""

from hypothesis import given
from hypothesis import strategies as st

from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from tests.screens import cut, folded, sizes, state, streams


@given(sizes, streams, st.lists(st.integers(0, 300), max_size=5))
def test_a_fold_does_not_depend_on_the_pieces(size, stream, places):
    assert state(folded(size, *cut(stream, places))) == state(folded(size, stream))


@given(sizes, streams, st.integers(0, 300))
def test_raw_output_may_follow_a_dump_at_any_place(size, stream, place):
    head, tail = stream[:place], stream[place:]
    before = folded(size, head)
    restored = Fold.from_dump(*size, dump(before))
    assert state(restored) == state(before)
    restored.feed(tail)
    assert state(restored) == state(folded(size, head, tail))
