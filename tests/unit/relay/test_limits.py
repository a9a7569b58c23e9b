"""cctm.relay.limits: how much of something there may be in a time."""

from cctm.relay.limits import Bucket, Buckets


def test_a_burst_is_taken_at_once_and_what_is_beyond_it_takes_time():
    bucket = Bucket(rate=10, burst=100)
    assert bucket.take(100, 0) == 0
    assert bucket.take(10, 0) == 1
    assert bucket.take(10, 0) == 2
    assert bucket.take(0, 2) == 0


def test_what_is_not_used_is_there_later_up_to_the_burst():
    bucket = Bucket(rate=10, burst=100)
    bucket.take(100, 0)
    assert bucket.may_take(50, 5)
    assert not bucket.may_take(1, 5)
    assert not bucket.may_take(101, 1_000_000)
    assert bucket.may_take(100, 1_000_000)


def test_what_is_refused_costs_nothing():
    bucket = Bucket(rate=1, burst=2)
    assert not bucket.may_take(3, 0)
    assert bucket.may_take(2, 0)


def test_a_clock_that_goes_backwards_gives_nothing():
    bucket = Bucket(rate=1, burst=1)
    assert bucket.may_take(1, 100)
    assert not bucket.may_take(1, 50)


def test_each_key_has_an_allowance_of_its_own():
    buckets = Buckets(rate=1, burst=1)
    assert buckets.of("a").may_take(1, 0)
    assert not buckets.of("a").may_take(1, 0)
    assert buckets.of("b").may_take(1, 0)


def test_of_too_many_keys_the_longest_unused_is_forgotten():
    buckets = Buckets(rate=1, burst=1, most_keys=2)
    first = buckets.of("a")
    second = buckets.of("b")
    assert buckets.of("a") is first
    buckets.of("c")
    assert buckets.of("a") is first
    assert buckets.of("b") is not second
