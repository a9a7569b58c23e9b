"""cctm.protocol.sync.follower: going on after a lost connection, a restart, a lag; and from log to log."""

import dataclasses

import pytest

from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.events import LogHead
from cctm.protocol.keys import StreamId
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import NOTHING_KNOWN, Doubt, Known
from cctm.protocol.sync.following import LEAP_ENTRIES
from samples import drawn
from sharing_parts import DEVICE, LINK, Host, PureRelay, Reader, forked

STOP = 2**63 - 1


def shared(outputs=2):
    host = Host()
    host.begin()
    for number in range(outputs):
        host.output(b"%d " % number)
    return host


def reading(host):
    relay = PureRelay(host)
    reader = Reader()
    reader.connect(relay)
    return reader, relay


def later(host, relay, reader):
    """The relay has what the host wrote since, and sends it of the log that is followed."""
    log = reader.follower.known.log
    first = len(relay.has[log])
    relay.update()
    if relay.has[log][first:]:
        reader.take(m.Entries(log, first, relay.has[log][first:]))


# --- the next connection


def test_a_new_connection_goes_on_where_the_reader_is():
    host = shared()
    reader, relay = reading(host)
    host.output(b"meanwhile")
    relay.update()
    reader.follower.connected()
    reader.asked = []
    reader.take(relay.logs())
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
    reader.follower.connected()
    reader.asked = []
    reader.take(relay.logs())
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
    reader.follower.connected()
    reader.take(relay.logs())
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
    reader.follower.connected()
    reader.asked = []
    reader.take(relay.logs())
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
    again.follower.connected()
    again.take(m.Logs([relay.row(host.log, grant=1, keyframe=13)], more=False))
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


# --- lagging


def test_a_reader_that_lags_goes_on_at_the_grant_and_the_keyframe():
    host = shared()
    reader, _relay = reading(host)
    for _ in range(5):
        host.output(b"missed ")
    host.rotate(screen=b"<now>")
    host.output(b"!")
    records = host.records[host.log]
    reader.take(m.Lagged(host.log, 13, 10, 11))
    reader.take(m.Entries(host.log, 10, records[10:11]))
    reader.take(m.Entries(host.log, 11, records[11:]))
    assert reader.screen == b"<now>!"
    assert sorted(reader.stored[host.log]) == [*range(5), 10, 11, 12]
    assert reader.doubts == []


def test_what_comes_after_a_lag_waits_for_the_grant_that_it_named():
    host = shared()
    reader, _relay = reading(host)
    host.output(b"missed ")
    host.rotate(screen=b"<now>")
    records = host.records[host.log]
    reader.take(m.Lagged(host.log, 8, 6, 7))
    assert reader.take(m.Entries(host.log, 7, records[7:])) == []
    reader.take(m.Entries(host.log, 6, records[6:7]))
    assert reader.screen == b"<now>"


def test_a_lag_never_leads_back():
    host = shared(10)
    host.keyframe(b"<k>")
    reader, _relay = reading(host)
    host.output(b"!")
    seen = reader.follower.known
    assert reader.take(m.Lagged(host.log, 14, 1, 2)) == []
    assert reader.take(m.Entries(host.log, 2, host.records[host.log][2:4])) == []
    assert (reader.follower.known, reader.screen) == (seen, b"<k>")


@pytest.mark.parametrize("places", [(5, 1, 5), (5, 5, 4), (5, 0, 4)])
def test_a_lag_to_where_no_log_has_a_place_is_malformed(places):
    host = shared()
    reader, _relay = reading(host)
    with pytest.raises(MalformedError):
        reader.take(m.Lagged(host.log, *places))


@pytest.mark.parametrize("places", [(10**6, 10**6 - 1, 10**6 - 2), (9, 7, 8), (9, 1, 8)])
def test_a_lag_that_never_was_ends_with_what_goes_on_where_the_reader_is(places):
    host = shared()
    reader, relay = reading(host)
    reader.take(m.Lagged(host.log, *places))
    host.output(b"goes on ")
    later(host, relay, reader)
    assert reader.screen == b"0 1 goes on "
    assert reader.follower.known.size == 6
    host.output(b"and on")
    later(host, relay, reader)
    assert reader.screen == b"0 1 goes on and on"
    assert reader.doubts == []


def test_a_lag_that_never_was_does_not_do_without_the_grant_that_was_waited_for():
    host = shared()
    host.rotate(screen=b"<now>")
    host.output(b"!")
    relay = PureRelay(host)
    reader = Reader()
    reader.follower.connected()
    reader.take(relay.logs())
    records = host.records[host.log]
    reader.take(m.Entries(host.log, 0, records[:1]))
    reader.take(m.Entries(host.log, 6, records[6:7]))
    reader.take(m.Lagged(host.log, 99, 97, 98))
    assert reader.take(m.Entries(host.log, 7, records[7:])) == []
    assert reader.screen is None
    reader.take(m.Entries(host.log, 5, records[5:6]))
    assert reader.screen == b"<now>!"


def test_a_grant_right_behind_the_reader_is_no_denial_of_the_lag():
    host = shared()
    reader, _relay = reading(host)
    host.rotate(screen=b"<old>")
    host.output(b"missed")
    host.keyframe(b"<now>")
    records = host.records[host.log]
    reader.take(m.Lagged(host.log, 9, 5, 8))
    reader.take(m.Entries(host.log, 5, records[5:6]))
    reader.take(m.Entries(host.log, 8, records[8:]))
    assert reader.screen == b"<now>"
    assert sorted(reader.stored[host.log]) == [*range(5), 5, 8]


def test_a_hole_that_no_lag_announced_is_refused():
    host = shared()
    reader, _relay = reading(host)
    host.output(b"withheld")
    host.output(b"!")
    with pytest.raises(ChainError):
        reader.take(m.Entries(host.log, 6, host.records[host.log][6:]))
    reader.connect(PureRelay(host))
    assert reader.screen == b"0 1 withheld!"


def test_a_lag_to_what_is_no_keyframe_is_refused_and_changes_nothing():
    host = shared()
    reader, _relay = reading(host)
    host.output(b"a")
    host.output(b"b")
    reader.take(m.Lagged(host.log, 7, 1, 6))
    with pytest.raises(ChainError):
        reader.take(m.Entries(host.log, 6, host.records[host.log][6:]))
    reader.connect(PureRelay(host))
    assert reader.screen == b"0 1 ab"


# --- from log to log


def announced(host, relay, reader):
    relay.update()
    reader.take(m.Logs([relay.row(host.log)], more=False))


def test_a_log_of_a_higher_generation_is_followed_once_its_keyframe_is_there():
    host = shared()
    reader, relay = reading(host)
    old = host.log
    host.begin(blank=True)
    announced(host, relay, reader)
    reader.settle(relay)
    host.writers.append(host.writers.pop(0))
    host.output(b"the last of the old one ")
    later(host, relay, reader)
    host.writers.append(host.writers.pop(0))
    assert reader.follower.known.log == old
    host.grant()
    host.keyframe(None)
    host.output(b"and the new one")
    reader.take(m.Entries(host.log, 1, host.records[host.log][1:]))
    assert reader.screen == b"0 1 the last of the old one and the new one"
    assert len(reader.starts) == 1
    assert reader.follower.known == Known(2, host.log, 4, host.writer.head, 1)
    assert reader.asked == [m.Tail(old, STOP)]


def test_output_that_the_next_log_repeats_is_shown_once():
    host = shared()
    reader, relay = reading(host)
    host.end = 2
    host.begin(None)
    host.output(b"1 and ")
    host.output(b"on")
    announced(host, relay, reader)
    reader.settle(relay)
    assert reader.screen == b"0 1 and on"
    assert reader.doubts == []


def test_output_that_is_repeated_otherwise_is_a_conflict_and_what_came_first_stays():
    host = shared()
    reader, relay = reading(host)
    host.end = 2
    host.begin(None)
    host.output(b"X and")
    announced(host, relay, reader)
    reader.settle(relay)
    assert reader.screen == b"0 1 and"
    assert reader.doubts == [Doubt.CONFLICT]


def test_behind_a_hole_the_screen_waits_for_the_next_keyframe_that_has_one():
    host = shared()
    reader, relay = reading(host)
    host.end += 100
    host.begin(None)
    host.output(b"unseen")
    announced(host, relay, reader)
    reader.settle(relay)
    assert (reader.screen, reader.doubts) == (b"0 1 ", [Doubt.HOLE])
    assert not reader.follower.is_shown
    host.keyframe(b"<now>")
    host.output(b"!")
    later(host, relay, reader)
    assert reader.screen == b"<now>!"
    assert reader.follower.doubts == set()


def test_another_stream_begins_with_an_empty_screen():
    host = shared()
    reader, relay = reading(host)
    host.opened(StreamId(drawn("second", 16)))
    host.output(b"anew")
    later(host, relay, reader)
    assert reader.screen == b"anew"


@pytest.mark.parametrize("lost", [1, 2])
def test_a_host_that_goes_on_from_less_than_was_seen_has_recovered(lost):
    host = shared()
    reader, relay = reading(host)
    size = host.writer.size - lost
    host.begin(predecessor=LogHead(host.log, size, host.heads[host.log][size]))
    announced(host, relay, reader)
    reader.settle(relay)
    assert reader.doubts == [Doubt.RECOVERED]
    assert reader.follower.known.generation == 2


@pytest.mark.parametrize("lost", [0, 1])
def test_a_predecessor_with_another_head_is_a_fork(lost):
    host = shared()
    reader, relay = reading(host)
    host.begin(predecessor=LogHead(host.log, host.writer.size - lost, drawn("another")))
    announced(host, relay, reader)
    reader.settle(relay)
    assert reader.doubts == [Doubt.FORK]
    assert reader.follower.known.generation == 2


def test_a_predecessor_of_which_less_was_seen_is_no_doubt():
    host = shared()
    reader, relay = reading(host)
    host.output(b"unseen")
    host.begin(b"<now>")
    announced(host, relay, reader)
    reader.settle(relay)
    assert (reader.doubts, reader.screen) == ([], b"<now>")


def test_after_a_restart_the_predecessor_is_compared_with_what_was_kept():
    host = shared()
    reader, _relay = reading(host)
    host.begin(predecessor=LogHead(host.log, host.writer.size, drawn("another")))
    again = Reader(known=reader.follower.known)
    again.connect(PureRelay(host))
    assert again.doubts == [Doubt.FORK]


def test_a_log_whose_generation_is_not_as_claimed_is_refused():
    host = shared()
    reader = Reader()
    reader.follower.connected()
    relay = PureRelay(host)
    reader.take(m.Logs([relay.row(host.log, generation=9)], more=False))
    with pytest.raises(MalformedError):
        reader.settle(relay)


def test_of_two_logs_of_one_generation_the_one_with_the_lower_id_is_followed():
    host = shared()
    clone = Host(lineage="clone")
    clone.begin(b"<clone>")
    host.records |= clone.records
    host.heads |= clone.heads
    host.writers += clone.writers
    reader = Reader()
    reader.connect(PureRelay(host))
    assert reader.follower.known.log == min(host.records)
    assert reader.follower.known.generation == 1


# --- forks


@pytest.mark.parametrize("seq", [3, 4, 5])
def test_a_second_entry_for_one_place_freezes_the_log_until_the_next_generation(seq):
    host = shared()
    reader, relay = reading(host)
    seen = reader.screen
    reader.take(m.Entries(host.log, seq, [forked(host, seq)]))
    assert reader.doubts == [Doubt.FORK]
    host.output(b"ignored")
    later(host, relay, reader)
    assert reader.screen == seen
    reader.connect(relay)
    assert (reader.screen, reader.asked) == (seen, [])
    host.begin(b"<next>")
    announced(host, relay, reader)
    reader.settle(relay)
    assert reader.screen == b"<next>"
    assert reader.follower.doubts == set()


def test_entries_before_a_fork_are_read():
    host = shared()
    reader, _relay = reading(host)
    host.output(b"genuine")
    other = forked(host, 6)
    reader.take(m.Entries(host.log, 5, [host.records[host.log][5], other]))
    assert reader.screen == b"0 1 genuine"
    assert reader.doubts == [Doubt.FORK]


def test_a_relay_that_claims_another_head_is_asked_to_show_it():
    host = shared()
    reader, relay = reading(host)
    reader.follower.connected()
    reader.asked = []
    reader.take(m.Logs([relay.row(host.log, head=drawn("another"))], more=False))
    assert reader.asked == [m.Fetch(host.log, 4, 1), m.Tail(host.log, 5)]
    reader.take(m.Entries(host.log, 4, [forked(host, 4)]))
    assert reader.doubts == [Doubt.FORK]


# --- what is stale


def test_a_newcomer_is_shown_nothing_older_than_the_link_names():
    host = shared()
    reader = Reader(least=(2, 1))
    reader.connect(PureRelay(host))
    assert (reader.screen, reader.doubts, reader.asked) == (None, [Doubt.STALE], [])


def test_a_newcomer_learns_nothing_of_a_grant_below_the_links_epoch():
    host = shared()
    host.rotate({DEVICE: 1, LINK: 1})
    reader = Reader(least=(1, 2))
    early = PureRelay(host, {host.log: host.records[host.log][:5]})
    reader.connect(early)
    assert (reader.screen, reader.doubts, reader.learnt) == (None, [Doubt.STALE], [])
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert reader.screen == b"rotated"
    assert reader.follower.doubts == set()


def test_a_relay_without_what_was_seen_is_stale():
    host = shared()
    reader, _relay = reading(host)
    reader.connect(PureRelay(host, {}))
    assert reader.doubts == [Doubt.STALE]
    assert reader.screen == b"0 1 "


def test_a_log_of_an_earlier_generation_than_was_seen_is_stale():
    host = shared()
    old = dict(host.records)
    host.begin(b"<second>")
    reader, relay = reading(host)
    reader.connect(PureRelay(host, old))
    assert (reader.doubts, reader.asked) == ([Doubt.STALE], [])
    assert reader.screen == b"<second>"
    reader.connect(relay)
    host.output(b"!")
    later(host, relay, reader)
    assert reader.follower.doubts == set()


def test_a_relay_that_lost_the_end_is_stale_until_its_writer_sent_it_again():
    host = shared()
    reader, _relay = reading(host)
    reader.connect(PureRelay(host, {host.log: host.records[host.log][:4]}))
    assert reader.doubts == [Doubt.STALE]
    host.output(b"on")
    reader.take(m.Entries(host.log, 5, host.records[host.log][5:]))
    assert (reader.screen, reader.follower.doubts) == (b"0 1 on", set())
