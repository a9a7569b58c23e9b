"""cctm.protocol.live.box_keys and allowance: what time does to them."""

from cctm.protocol.live.allowance import Allowance
from cctm.protocol.live.box_keys import BoxKeys
from live_parts import SECOND, Draw


def publics(keys, first=b""):
    return [key.public for key in keys.known(first)]


def test_a_key_serves_those_who_hail_for_five_seconds():
    keys = BoxKeys(Draw())
    first = keys.current(0)
    assert keys.current(5 * SECOND - 1) is first
    second = keys.current(5 * SECOND)
    assert second is not first
    assert publics(keys) == [second.public, first.public]


def test_a_secret_is_forgotten_ten_seconds_after_it_was_drawn():
    keys = BoxKeys(Draw())
    first = keys.current(0)
    keys.current(5 * SECOND)
    keys.forget(10 * SECOND - 1)
    assert first.public in publics(keys)
    keys.forget(10 * SECOND)
    assert first.public not in publics(keys)
    keys.forget(15 * SECOND)
    assert publics(keys) == []


def test_two_secrets_are_known_at_most():
    keys = BoxKeys(Draw())
    for second in range(60):
        keys.current(second * SECOND)
        assert len(publics(keys)) <= 2
        assert all(second * SECOND - key.drawn_us < 10 * SECOND for key in keys.known())


def test_no_key_is_drawn_but_for_a_hail():
    keys = BoxKeys(Draw())
    first = keys.current(0)
    assert keys.newest(9 * SECOND) is first


def test_the_key_used_last_is_tried_first():
    keys = BoxKeys(Draw())
    first, second = keys.current(0), keys.current(5 * SECOND)
    assert publics(keys, first.public) == [first.public, second.public]
    assert publics(keys, second.public) == [second.public, first.public]


def test_whoever_names_a_key_of_the_last_thirty_seconds_is_known_to_be_here():
    keys = BoxKeys(Draw())
    public = keys.current(0).public
    keys.forget(30 * SECOND - 1)
    assert keys.is_recent(public)
    assert not keys.is_recent(b"")
    keys.forget(30 * SECOND)
    assert not keys.is_recent(public)


def test_an_allowance_fills_at_its_rate_and_not_above_its_burst():
    allowance = Allowance(4, 2)
    assert [allowance.may_take(1, 0) for _ in range(3)] == [True, True, False]
    assert allowance.ready_us(1) == SECOND // 4 + 1
    assert allowance.may_take(1, SECOND // 4)
    assert not allowance.may_take(1, SECOND // 4)
    assert [allowance.may_take(1, 60 * SECOND) for _ in range(3)] == [True, True, False]


def test_an_allowance_gains_nothing_by_a_clock_that_goes_backwards():
    allowance = Allowance(1, 1)
    assert allowance.may_take(1, 10 * SECOND)
    assert not allowance.may_take(1, 0)
