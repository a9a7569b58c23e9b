"""cctm.protocol.sync.records: records cut into messages and put together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol.entry import MAX_WIRE_BYTES
from cctm.protocol.errors import MalformedError
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.records import Gathered, Joiner, Records, cut_appends, cut_entries
from samples import drawn

LOG = drawn("log")
KIB = 1024
LARGE = bytes(600 * KIB)


def joined(messages):
    joiner = Joiner()
    runs = [run for run in map(joiner.take_untrusted, messages) if run is not None]
    assert joiner.held_bytes == 0
    return [(run.first + place, record) for run in runs for place, record in enumerate(run.records)]


SIZES = st.sampled_from([0, 1, 200, 100 * KIB, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 700 * KIB])


@pytest.mark.parametrize("cut", [cut_appends, cut_entries], ids=["up", "down"])
@given(first=st.integers(0, 2**40), sizes=st.lists(SIZES, max_size=6))
def test_what_is_cut_is_put_together_again(cut, first, sizes):
    records = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    messages = list(cut(Records(LOG, first, records)))
    for message in messages:
        assert m.TABLE.decode_untrusted(m.TABLE.encode(message)) == message
    assert joined(messages) == list(enumerate(records, first))


def test_small_records_travel_together_and_large_ones_in_parts():
    kinds = [type(message) for message in cut_appends(Records(LOG, 7, [b"a", b"b", LARGE, b"c"]))]
    assert kinds == [m.Append, m.AppendPart, m.AppendPart, m.AppendPart, m.Append]
    kinds = [type(message) for message in cut_entries(Records(LOG, 7, [LARGE]))]
    assert kinds == [m.EntryPart] * 3


PARTS = list(cut_appends(Records(LOG, 3, [LARGE])))


@pytest.mark.parametrize(
    "messages",
    [
        [PARTS[0], m.Append(LOG, 4, [b"x"])],
        [PARTS[1]],
        [PARTS[0], PARTS[2]],
        [PARTS[0], PARTS[0]],
        [PARTS[0], PARTS[1]._replace(seq=4)],
        [PARTS[0], PARTS[1]._replace(log=drawn("other"))],
        [PARTS[0], PARTS[1]._replace(total=601 * KIB)],
        [PARTS[0]._replace(data=b"short")],
        [PARTS[0]._replace(data=b"")],
        [m.AppendPart(LOG, 0, 0, 256 * KIB, bytes(256 * KIB))],
        [m.AppendPart(LOG, 0, 0, MAX_WIRE_BYTES + 1, bytes(256 * KIB))],
        [m.Append(LOG, 0, [bytes(200 * KIB), bytes(200 * KIB)])],
        [m.Entries(LOG, 0, [LARGE])],
    ],
)
def test_what_is_cut_otherwise_is_malformed(messages):
    joiner = Joiner()
    for message in messages[:-1]:
        assert joiner.take_untrusted(message) is None
    with pytest.raises(MalformedError):
        joiner.take_untrusted(messages[-1])


def test_no_room_is_taken_on_the_word_of_a_total():
    joiner = Joiner()
    assert joiner.take_untrusted(m.AppendPart(LOG, 0, 0, MAX_WIRE_BYTES, bytes(256 * KIB))) is None
    assert joiner.held_bytes == 256 * KIB


def test_records_that_follow_each_other_are_gathered():
    gathered = Gathered()
    assert gathered.take() is None
    assert gathered.add(Records(LOG, 3, [b"a", b"b"]))
    assert gathered.add(Records(LOG, 5, [b"c"]))
    for other in (Records(LOG, 5, [b"c"]), Records(LOG, 7, [b"d"]), Records(drawn("other"), 6, [b"d"])):
        assert not gathered.add(other)
    assert gathered.take() == Records(LOG, 3, [b"a", b"b", b"c"])
    assert gathered.take() is None


def test_no_more_is_gathered_than_goes_into_a_message():
    gathered = Gathered()
    assert gathered.add(Records(LOG, 0, [LARGE]))
    assert not gathered.add(Records(LOG, 1, [b"x"]))
    assert gathered.take() == Records(LOG, 0, [LARGE])
    assert gathered.add(Records(LOG, 1, [bytes(200 * KIB)]))
    assert not gathered.add(Records(LOG, 2, [bytes(100 * KIB)]))


def test_an_empty_run_is_handed_on_as_it_came():
    gathered = Gathered()
    assert gathered.add(Records(LOG, 3, []))
    assert gathered.take() == Records(LOG, 3, [])
