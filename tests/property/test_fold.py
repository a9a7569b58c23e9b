"""However a stream's output is cut, repeated and shuffled into logs, each byte comes out once."""

from hypothesis import given
from hypothesis import strategies as st

from cctm.archive.fold import Conflict, Hole, OutputFolder
from cctm.protocol.events import Gap, Opened, Output
from cctm.protocol.keys import StreamId

STREAM = StreamId(b"s" * 16)
OPENED = Opened(0, (b"sh",), b"/", 80, 24, "n", "t", 0, STREAM)


def folded(events, **options):
    folder = OutputFolder(**options)
    pieces = [piece for event in [OPENED, *events] for piece in folder.fold(event)]
    return pieces + list(folder.finish())


@st.composite
def covering(draw):
    """A text, and outputs that together hold all of it: runs in order that overlap, some of them swapped."""
    text = draw(st.binary(min_size=1, max_size=60))
    outputs, end = [], 0
    while end < len(text):
        start = max(0, end - draw(st.integers(0, 8)))
        stop = min(len(text), max(end + 1, start + draw(st.integers(1, 12))))
        outputs.append(Output(0, start, text[start:stop]))
        end = stop
    for index in draw(st.lists(st.integers(0, max(0, len(outputs) - 2)), max_size=4)):
        outputs[index : index + 2] = reversed(outputs[index : index + 2])
    return text, outputs


@given(covering())
def test_each_byte_comes_out_once_and_in_order(case):
    text, outputs = case
    pieces = folded(outputs)
    assert all(isinstance(piece, bytes) for piece in pieces)
    assert b"".join(pieces) == text


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=9)), max_size=12))
def test_whatever_is_claimed_no_offset_comes_out_twice(claims):
    end, given_out = 0, 0
    for piece in folded([Output(0, offset, data) for offset, data in claims], remembered_bytes=16):
        match piece:
            case bytes():
                end += len(piece)
                given_out += len(piece)
            case Hole(offset=offset, length=length):
                assert offset == end
                end += length
            case Conflict(offset=offset, length=length):
                assert offset + length <= end
    assert end == max((offset + len(data) for offset, data in claims), default=0)
    covered = {offset + i for offset, data in claims for i in range(len(data))}
    assert given_out <= len(covered)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 9)), max_size=12))
def test_gaps_and_outputs_in_any_order_end_where_the_furthest_ends(claims):
    events = [Gap(0, at, size) if gap else Output(0, at, b"x" * size) for gap, at, size in claims]
    end = 0
    for piece in folded(events):
        if isinstance(piece, bytes):
            end += len(piece)
        elif isinstance(piece, Hole):
            end = piece.offset + piece.length
    assert end == max((at + size for _, at, size in claims), default=0)
