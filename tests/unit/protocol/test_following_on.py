"""cctm.protocol.sync.follower: going on after a lost connection, and after a restart."""

import dataclasses

from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import NOTHING_KNOWN, Doubt
from cctm.protocol.sync.following import LEAP_ENTRIES
from samples import drawn
from sharing_parts import PureRelay, Reader, later, reading, shared

# --- the next connection


def test_a_new_connection_goes_on_where_the_reader_is():
    host = shared()
    reader, relay = reading(host)
    host.output(b"meanwhile")
    relay.update()
    reader.offered(relay.logs())
    assert reader.asked == [m.Tail(host.log, 5)]
    reader.settle(relay)
    assert reader.screen == b"0 1 meanwhile"


def test_a_reader_that_is_far_behind_goes_on_at_the_newest_keyframe():
    host = shared()
    reader, relay = reading(host)
    for _ in range(LEAP_ENTRIES):
        host.output(b".")
    host.rotate()
    host.keyframe(b"<now>")
    relay.update()
    reader.offered(relay.logs())
    size = host.writer.size
    assert reader.asked == [m.Fetch(host.log, size - 3, 1), m.Tail(host.log, size - 1)]
    reader.settle(relay)
    assert reader.screen == b"<now>"
    assert sorted(reader.stored[host.log]) == [*range(5), size - 3, size - 1]


def test_a_connection_that_ends_before_the_first_screen_costs_nothing_but_time():
    host = shared(30)
    host.keyframe(b"<now>")
    relay = PureRelay(host)
    reader = Reader()
    reader.offered(relay.logs())
    for answer in relay.answers(reader.asked[-1]):
        reader.take(answer)
    assert (reader.screen, reader.follower.known) == (None, NOTHING_KNOWN)
    reader.connect(relay)
    assert reader.screen == b"<now>"


def test_a_connection_that_ends_within_a_leap_is_made_up_for_by_the_next():
    host = shared()
    reader, relay = reading(host)
    for _ in range(LEAP_ENTRIES):
        host.output(b".")
    host.rotate()
    host.output(b"!")
    relay.update()
    reader.offered(relay.logs())
    for answer in relay.answers(reader.asked[-1]):  # the tail, and not the grant
        reader.take(answer)
    assert reader.screen == b"0 1 "
    reader.connect(relay)
    assert reader.screen == b"rotated!"
    assert [event.data for event in reader.events if hasattr(event, "data")] == [b"0 ", b"1 ", b"!"]


# --- the next start


def test_after_a_restart_the_reader_begins_at_the_newest_keyframe_and_stores_nothing_twice():
    host = shared(10)
    host.keyframe(b"<now>")
    host.output(b"one")
    reader, relay = reading(host)
    host.output(b"two")
    relay.update()
    again = Reader(known=reader.follower.known)
    again.connect(relay)
    assert again.screen == b"<now>onetwo"
    assert list(again.stored[host.log]) == [15]
    assert again.learnt


def test_after_a_restart_a_relay_that_has_less_is_stale_until_it_has_as_much():
    host = shared(10)
    host.keyframe(b"<old>")
    host.output(b"one")
    reader, relay = reading(host)
    for number in range(10):
        host.output(b"%d" % number)
    later(host, relay, reader)
    back = PureRelay(host, {host.log: host.records[host.log][:16]})
    again = Reader(known=reader.follower.known)
    again.connect(back)
    assert (again.screen, again.doubts) == (None, [Doubt.STALE])
    again.take(m.Entries(host.log, 16, host.records[host.log][16:]))
    assert again.screen == b"<old>one0123456789"
    assert again.follower.doubts == set()


def test_after_a_restart_an_older_grant_than_was_seen_is_refused():
    host = shared(10)
    host.keyframe(b"<old>")
    host.rotate(screen=b"<old>")
    reader, relay = reading(host)
    again = Reader(known=reader.follower.known)
    again.offered(m.Logs([relay.row(host.log, grant=1, keyframe=13)], more=False))
    assert again.asked == [m.Fetch(host.log, 0, 1), m.Tail(host.log, 13)]
    assert again.doubts == [Doubt.STALE]
    again.take(m.Entries(host.log, 0, host.records[host.log][:1]))
    again.take(m.Entries(host.log, 13, host.records[host.log][13:14]))
    assert again.screen is None
    again.take(m.Entries(host.log, 14, host.records[host.log][14:]))
    assert again.screen == b"<old>"


def test_after_a_restart_another_history_than_was_seen_is_a_fork():
    host = shared()
    reader, relay = reading(host)
    known = dataclasses.replace(reader.follower.known, size=4, head=drawn("another"))
    again = Reader(known=known)
    again.connect(relay)
    assert (again.doubts, again.screen, again.stored) == ([Doubt.FORK], None, {})
