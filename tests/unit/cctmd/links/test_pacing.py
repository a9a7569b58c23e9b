"""How much of what a relay passes on is looked at."""

from cctm.cctmd.links.pacing import AT_ONCE, PER_SECOND, Pace


def test_what_many_guests_say_is_not_held_up():
    pace = Pace(0.0)
    assert all(pace.wait_s(number / PER_SECOND) == 0.0 for number in range(10_000))


def test_a_burst_is_taken():
    pace = Pace(0.0)
    assert all(pace.wait_s(0.0) == 0.0 for _ in range(int(AT_ONCE)))


def test_a_flood_waits_its_turn():
    pace = Pace(0.0)
    now_s = 0.0
    number = 20_000
    for _ in range(number):
        now_s += pace.wait_s(now_s)
    assert now_s >= (number - AT_ONCE) / PER_SECOND * 0.99


def test_a_silence_is_worth_one_burst_and_not_more():
    pace = Pace(0.0)
    for _ in range(int(AT_ONCE)):
        pace.wait_s(1e6)
    assert pace.wait_s(1e6) > 0
