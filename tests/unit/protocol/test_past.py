"""cctm.protocol.sync.past: a piece of the past, and what a relay can make of it."""

import dataclasses
import itertools

import pytest

import specification
from cctm.protocol.entry import decode_record_untrusted, encode_record
from cctm.protocol.errors import ChainError, MalformedError, RemoteError
from cctm.protocol.sync import messages as m
from cctm.protocol.sync import past
from cctm.protocol.sync.past import (
    Absent,
    Excess,
    Gap,
    Piece,
    Recall,
    State,
    check_opening_untrusted,
    next_number,
)
from cctm.protocol.sync.records import Records, cut_entries
from samples import CHANNEL, HOST, drawn
from sharing_parts import Host, forked


def written(outputs=20, size=10):
    host = Host()
    host.begin()
    for number in range(outputs):
        host.output(bytes([number]) * size)
    return host


def gap_of(host, floor, end):
    return Gap(host.log, floor, end, host.heads[host.log][end])


def answer(recall, host):
    """What an honest relay says."""
    fetch = recall.ask
    records = host.records[fetch.log][fetch.first : fetch.first + fetch.number]
    return list(cut_entries(Records(fetch.log, fetch.first, records)))


def outcome(recall, messages):
    [*nothing, last] = [recall.take_untrusted(message) for message in messages]
    assert not any(nothing)
    return last


@pytest.mark.parametrize(("floor", "number", "first"), [(0, 8, 12), (0, 100, 0), (15, 8, 15), (0, 1, 19)])
def test_the_end_of_a_gap_is_asked_for_and_taken(floor, number, first):
    host = written()
    recall = Recall(CHANNEL, gap_of(host, floor, 20), number)
    assert recall.ask == m.Fetch(host.log, first, 20 - first)
    piece = outcome(recall, answer(recall, host))
    assert isinstance(piece, Piece)
    assert (piece.first, piece.records) == (first, host.records[host.log][first:20])
    assert [sealed.entry.seq for sealed in piece.entries] == list(range(first, 20))
    assert recall.state is State.OVER


def test_records_come_in_as_many_messages_as_they_take():
    host = Host()
    host.begin()
    for number in range(6):
        host.output(bytes(itertools.islice(itertools.cycle(drawn(f"noise {number}", 64)), 10)))
    recall = Recall(CHANNEL, gap_of(host, 3, 9), 10)
    records = host.records[host.log][3:9]
    singly = [m.Entries(host.log, 3 + at, [record]) for at, record in enumerate(records)]
    assert outcome(recall, singly).records == records


def test_each_bit_counts():
    host = written(4)
    gap = gap_of(host, 3, 7)
    for at in range(4):
        records = list(host.records[host.log][3:7])
        for byte in range(0, len(records[at]), 7):
            changed = bytearray(records[at])
            changed[byte] ^= 1
            lie = [*records[:at], bytes(changed), *records[at + 1 :]]
            with pytest.raises(RemoteError):
                Recall(CHANNEL, gap, 10).take_untrusted(m.Entries(host.log, 3, lie))


def test_another_history_is_refused_though_the_host_signed_it():
    host = written(4)
    recall = Recall(CHANNEL, gap_of(host, 3, 5), 10)
    with pytest.raises(ChainError):
        recall.take_untrusted(m.Entries(host.log, 3, [host.records[host.log][3], forked(host, 4)]))
    assert recall.state is State.OVER


def test_entries_of_another_place_are_refused():
    host = written()
    recall = Recall(CHANNEL, gap_of(host, 3, 9), 3)
    with pytest.raises(ChainError):
        recall.take_untrusted(m.Entries(host.log, 6, host.records[host.log][9:12]))


def test_what_is_not_there_is_said_also_in_the_middle():
    host = written()
    assert Recall(CHANNEL, gap_of(host, 3, 9), 3).take_untrusted(m.Entries(host.log, 6, [])) == Absent()
    recall = Recall(CHANNEL, gap_of(host, 3, 9), 3)
    assert recall.take_untrusted(m.Entries(host.log, 6, host.records[host.log][6:7])) is None
    assert recall.take_untrusted(m.Entries(host.log, 7, [])) == Absent()


def test_more_than_may_be_held_is_not_held(monkeypatch):
    monkeypatch.setattr(past, "MOST_HELD_BYTES", 1_000)
    host = written()
    recall = Recall(CHANNEL, gap_of(host, 3, 20), 17)
    assert recall.take_untrusted(m.Entries(host.log, 3, host.records[host.log][3:12])) == Excess()
    assert recall.state is State.OVER
    part = m.EntryPart(host.log, 3, 0, 300_000, bytes(262_144))
    assert Recall(CHANNEL, gap_of(host, 3, 20), 17).take_untrusted(part) == Excess()


HERE = written()
FIRST = HERE.records[HERE.log][6:7]
SAID = {
    "the first": (m.Entries(HERE.log, 6, FIRST), None),
    "a part of the first": (m.EntryPart(HERE.log, 6, 0, 300_000, bytes(262_144)), None),
    "all": (m.Entries(HERE.log, 6, HERE.records[HERE.log][6:9]), Piece),
    "nothing": (m.Entries(HERE.log, 6, []), Absent),
    "of another log": (m.Entries(drawn("log"), 6, FIRST), MalformedError),
    "one that comes later": (m.Entries(HERE.log, 7, FIRST), MalformedError),
    "one that was not asked for": (m.Entries(HERE.log, 3, FIRST), MalformedError),
    "too many": (m.Entries(HERE.log, 6, HERE.records[HERE.log][6:10]), MalformedError),
    "parts that contradict": (m.EntryPart(HERE.log, 6, 9, 300_000, bytes(262_144)), MalformedError),
    "no record": (m.Entries(HERE.log, 6, [b"x", b"y", b"z"]), MalformedError),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", SAID)
def test_what_comes_of_each_message_in_each_state(state, name):
    message, comes_of_it = SAID[name]
    recall = Recall(CHANNEL, gap_of(HERE, 3, 9), 3)
    if state is State.OVER:
        recall.take_untrusted(m.Entries(HERE.log, 6, []))
        comes_of_it = MalformedError
    if comes_of_it is MalformedError:
        with pytest.raises(MalformedError):
            recall.take_untrusted(message)
        assert recall.state is State.OVER
    elif comes_of_it is None:
        assert recall.take_untrusted(message) is None
        assert recall.state is State.ASKED
    else:
        assert isinstance(recall.take_untrusted(message), comes_of_it)
        assert recall.state is State.OVER


# --- the first entry of an older log


def opening(host):
    recall = Recall(CHANNEL, Gap(host.log, 0, 1, None), 10)
    return outcome(recall, answer(recall, host))


def test_a_log_says_itself_what_it_is():
    host = written()
    body = check_opening_untrusted(CHANNEL, HOST.public, host.log, opening(host))
    assert (body.generation, body.predecessor) == (1, None)


def test_a_log_cannot_be_passed_off_as_another():
    host, other = written(), written()
    other.begin()
    piece = opening(other)
    with pytest.raises(RemoteError):
        check_opening_untrusted(CHANNEL, HOST.public, host.log, piece)


def test_what_is_no_first_entry_opens_no_log():
    host = written()
    sealed = decode_record_untrusted(host.records[host.log][3])
    moved = dataclasses.replace(sealed, entry=dataclasses.replace(sealed.entry, seq=0))
    piece = Piece(0, (moved,), (encode_record(moved),))
    with pytest.raises(RemoteError):
        check_opening_untrusted(CHANNEL, HOST.public, host.log, piece)


# --- how much


@pytest.mark.parametrize(
    ("number", "n_bytes", "next_one"),
    [
        (16, 5_000, 1024),
        (16, 16 << 20, 1),
        (16, 1 << 20, 8),
        (1, 33 << 20, 1),
        (1024, 512 << 10, 1024),
        (16, 0, 1024),
    ],
)
def test_as_many_entries_are_asked_for_as_come_to_half_a_mib(number, n_bytes, next_one):
    assert next_number(number, n_bytes) == next_one


def test_the_limits_and_the_states_are_those_of_the_specification():
    section = specification.section(16)
    assert f"at first {past.FIRST_NUMBER}" in section
    assert (past.MOST_HELD_BYTES >> 20, past.WANTED_BYTES) == (48, 2**19)
    assert "| asked | more than 48 MiB |" in section
    assert "about half a MiB" in section
    table = section.split("| recall is |")[1].split("\n\n")[0].splitlines()[2:]
    assert {line.split(" | ")[0].strip("| ") for line in table} == {state.value for state in State}
