"""A fold does not depend on the pieces that it is fed; and its dump says all of it, at any place."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cctm.screen.dump import dump, last_to_print
from cctm.screen.fold import Fold
from screens import cut, feed, folded, outputs, sizes, state, streams

pytestmark = pytest.mark.untraced


@given(sizes, streams, st.lists(st.integers(0, 300), max_size=5))
def test_a_fold_does_not_depend_on_the_pieces(size, stream, places):
    assert state(folded(size, *cut(stream, places))) == state(folded(size, stream))


@given(sizes, outputs, streams, st.integers(0, 300), outputs)
def test_raw_output_and_new_sizes_may_follow_a_dump_at_any_place(size, earlier, stream, place, later):
    head, tail = stream[:place], stream[place:]
    fold = feed(Fold(*size), [*earlier, head])
    assume(last_to_print(fold, fold.screen()) == fold.last)
    restored = Fold.from_dump(fold.cols, fold.rows, dump(fold))
    assert state(restored) == state(fold)
    assert state(feed(restored, [tail, *later])) == state(feed(fold, [tail, *later]))
