"""cctm.protocol.live.hailing: how a reader finds out that a relay withholds what the host stored."""

from cctm.protocol.access import Role
from cctm.protocol.events import LogHead
from live_parts import ANN, EVE, SECOND, Host, Reader
from samples import PREDECESSOR, drawn


def head(size):
    return (LogHead(PREDECESSOR.log, size, PREDECESSOR.head),)


def test_a_relay_that_shows_less_than_the_host_stored_is_found_out_after_ten_seconds():
    host = Host(heads=head(5))
    eve = Reader(host, EVE, Role.VIEWER)
    eve.settle()
    hailing = eve.driver.hailing
    assert not hailing.withholds({}, host.now_us)
    host.now_us += 8 * SECOND
    assert not hailing.withholds({PREDECESSOR.log: 4}, host.now_us)
    host.now_us += 2 * SECOND
    assert hailing.withholds({PREDECESSOR.log: 4}, host.now_us)
    assert not hailing.withholds({PREDECESSOR.log: 5}, host.now_us)


def test_a_reader_that_is_always_a_little_behind_is_not_withheld_from():
    host = Host(heads=head(1))
    ann = Reader(host, ANN)
    ann.settle()
    for size in range(2, 40):
        host.heads = head(size)
        ann.wait(SECOND)
        assert not ann.driver.hailing.withholds({PREDECESSOR.log: size - 3}, host.now_us)


def test_a_log_that_has_a_successor_is_waited_for_no_longer():
    host = Host(heads=head(5))
    ann = Reader(host, ANN)
    ann.settle()
    host.heads = (LogHead(drawn("next log"), 2, PREDECESSOR.head),)
    ann.wait(12 * SECOND)
    assert not ann.driver.hailing.withholds({drawn("next log"): 2}, host.now_us)


def test_what_was_told_before_a_cut_is_no_reproach():
    host = Host(heads=head(5))
    ann = Reader(host, ANN)
    assert not ann.driver.hailing.withholds({}, host.now_us)
    ann.settle()
    ann.driver.cut()
    host.now_us += 60 * SECOND
    assert not ann.driver.hailing.withholds({}, host.now_us)


def test_a_host_that_answers_but_stores_nothing_visible_is_remembered_from_the_first_time_on():
    host = Host(heads=head(5))
    ann = Reader(host, ANN)
    ann.settle()
    for size in range(6, 120):
        host.heads = head(size)
        ann.wait(3 * SECOND)
    assert ann.driver.hailing.withholds({PREDECESSOR.log: 4}, host.now_us)
    assert not ann.driver.hailing.withholds({PREDECESSOR.log: 119}, host.now_us)
