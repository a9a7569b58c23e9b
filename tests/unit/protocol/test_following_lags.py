"""cctm.protocol.sync.follower: going on after a lag."""

import pytest

from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.sync import messages as m
from sharing_parts import PureRelay, Reader, later, reading, shared


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
    reader.offered(relay.logs())
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
