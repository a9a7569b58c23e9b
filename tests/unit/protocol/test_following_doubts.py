"""cctm.protocol.sync.follower: of forks and of what is stale, what is read and what is said."""

import pytest

from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import Doubt
from samples import drawn
from sharing_parts import DEVICE, LINK, PureRelay, Reader, announced, forked, later, reading, shared

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
    reader.offered(m.Logs([relay.row(host.log, head=drawn("another"))], more=False))
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
