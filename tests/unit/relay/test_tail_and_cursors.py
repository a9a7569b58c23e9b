"""cctm.relay.tail and cursors: the newest of a log in memory, and how far somebody is in it."""

import pytest

from cctm.protocol.entry import decode_record_untrusted
from cctm.protocol.errors import ChainError
from cctm.protocol.sync import messages as m
from cctm.relay.cursors import MOST_FETCHES, Cursor, Cursors
from cctm.relay.tail import TAIL_BYTES, Tail
from relay_parts import HOST_RECORDS, LOG, long_chain
from samples import CHANNEL, HOST

SIZE = len(HOST_RECORDS)


def admit(tail, records):
    tail.admit_untrusted([decode_record_untrusted(record) for record in records], records)


def whole():
    tail = Tail(CHANNEL, LOG)
    admit(tail, HOST_RECORDS)
    return tail


def test_what_is_known_of_a_log_is_what_its_entries_say():
    tail = whole()
    assert (tail.size, tail.generation, tail.grant, tail.keyframe) == (SIZE, 1, 1, 2)
    assert tail.writer == HOST.public
    assert tail.row == m.LogRow(LOG, HOST.public, 1, SIZE, tail.state.head, 1, 2)


def test_a_log_goes_on_where_it_was_stored():
    before = Tail(CHANNEL, LOG)
    admit(before, HOST_RECORDS[:3])
    after = Tail(CHANNEL, LOG, before.state)
    assert (after.first, after.stored, after.size) == (3, 3, 3)
    admit(after, HOST_RECORDS[3:])
    assert after.state == whole().state


def test_what_is_refused_changes_nothing():
    tail = Tail(CHANNEL, LOG)
    admit(tail, HOST_RECORDS[:3])
    before = tail.state
    with pytest.raises(ChainError):
        admit(tail, HOST_RECORDS[4:])
    assert tail.state == before
    assert tail.from_memory(0, 99) == HOST_RECORDS[:3]


def test_what_is_not_stored_stays_in_memory_and_of_the_rest_a_little():
    records = long_chain(300, 400)
    tail = Tail(CHANNEL, LOG)
    admit(tail, records)
    assert tail.first == 0
    tail.note_stored(100)
    assert tail.first == 100
    tail.note_stored(400)
    kept = records[tail.first :]
    assert sum(map(len, kept)) <= TAIL_BYTES < sum(map(len, [records[tail.first - 1], *kept]))


def test_a_message_s_worth_is_read_at_a_time():
    records = long_chain(300, 60)
    tail = Tail(CHANNEL, LOG)
    admit(tail, records)
    read = tail.from_memory(0, 60)
    assert read == records[: len(read)]
    assert sum(map(len, read)) <= m.MAX_RECORDS_BYTES < sum(map(len, records[: len(read) + 1]))


def test_those_who_read_the_same_share_the_same_bytes():
    tail = whole()
    first = tail.frames(0, tail.from_memory(0, SIZE))
    assert m.TABLE.decode_untrusted(first[0]) == m.Entries(LOG, 0, HOST_RECORDS)
    assert tail.frames(0, tail.from_memory(0, SIZE)) is first
    assert tail.frames(1, tail.from_memory(1, SIZE)) is not first


def far_ahead(keyframe_at=300):
    """A cursor that had read all, and a log that has grown far beyond it."""
    records = long_chain(keyframe_at, 600)
    tail = Tail(CHANNEL, LOG)
    admit(tail, records[:3])
    cursor = Cursor.tailing(tail, 3)
    admit(tail, records[3:])
    return tail, cursor


def test_who_is_behind_what_is_in_memory_lags():
    tail, cursor = far_ahead()
    assert not cursor.lags  # all is in memory still
    tail.note_stored(tail.size)
    assert cursor.lags
    told, grant = cursor.skip()
    assert told == m.Lagged(LOG, 600, 299, 300)
    assert (grant.next, grant.end) == (299, 300)
    assert (cursor.next, cursor.lags) == (300, False)


def test_who_has_the_newest_grant_is_not_sent_it_again():
    tail, cursor = far_ahead()
    cursor.next = 300
    cursor.tail.keyframe = 500
    tail.note_stored(tail.size)
    assert cursor.lags
    assert cursor.skip() == (m.Lagged(LOG, 600, 299, 500), None)


def test_nobody_lags_who_is_behind_the_newest_keyframe_or_asked_for_the_past():
    tail, cursor = far_ahead()
    tail.note_stored(tail.size)
    cursor.next = 301
    assert not cursor.lags
    assert not Cursor.tailing(tail, 0).lags
    assert not Cursor.fetching(tail, 0, 600).lags


def test_a_fetch_ends_where_the_log_ends():
    tail = whole()
    assert Cursor.fetching(tail, 2, 2).until == 4
    assert Cursor.fetching(tail, 2, 2**62).until == SIZE
    behind = Cursor.fetching(tail, SIZE + 5, 1)
    assert (behind.has_more, behind.is_over) == (False, True)


def test_fetches_and_tails_are_read_by_turns():
    tail = whole()
    cursors = Cursors()
    assert cursors.next() is None
    fetch, follow = Cursor.fetching(tail, 0, SIZE), Cursor.tailing(tail, 0)
    cursors.fetch(fetch)
    cursors.follow(follow)
    assert [cursors.next() for _ in range(4)] == [follow, fetch, follow, fetch]
    follow.next = SIZE
    assert [cursors.next() for _ in range(2)] == [fetch, fetch]
    cursors.finish(fetch)
    assert cursors.next() is None


def test_logs_are_followed_in_turn_and_each_once():
    cursors = Cursors()
    tails = [whole(), whole(), whole()]
    for number, tail in enumerate(tails):
        tail.log = bytes([number]) * 32
    followed = [Cursor.tailing(tail, 0) for tail in tails]
    for cursor in followed:
        cursors.follow(cursor)
    assert [cursors.next() for _ in range(4)] == [*followed, followed[0]]
    again = Cursor.tailing(tails[0], 2)
    cursors.follow(again)
    assert {id(cursors.next()) for _ in range(6)} == {id(again), id(followed[1]), id(followed[2])}


def test_there_is_an_end_to_what_may_be_asked_for_at_once():
    cursors = Cursors()
    tail = whole()
    taken = [cursors.fetch(Cursor.fetching(tail, 0, 1)) for _ in range(MOST_FETCHES + 1)]
    assert taken == [True] * MOST_FETCHES + [False]
