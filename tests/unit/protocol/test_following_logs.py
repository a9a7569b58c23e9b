"""cctm.protocol.sync.follower: from log to log."""

import pytest

from cctm.protocol.errors import MalformedError
from cctm.protocol.events import LogHead
from cctm.protocol.keys import StreamId
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import Doubt, Known
from samples import drawn
from sharing_parts import Host, PureRelay, Reader, announced, later, reading, shared

STOP = 2**63 - 1


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
