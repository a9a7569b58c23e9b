"""How much of what a relay passes on is looked at."""

import trio

from cctm.cctmd.links.pacing import AT_ONCE, AT_ONCE_S, PER_SECOND, SHARE, Pace, Paced, Turn
from cctm.protocol.sync.messages import LiveFrom


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


def test_a_relay_whose_messages_cost_much_has_its_share_of_the_time():
    turn = Turn(0.0)
    now_s = 0.0
    for _ in range(1_000):
        now_s += 0.02 + turn.wait_s(now_s + 0.02, 0.02)
    assert abs(now_s - (1_000 * 0.02 - AT_ONCE_S) / SHARE) < 0.1


def test_one_whose_messages_cost_less_than_its_share_never_waits():
    turn = Turn(0.0)
    assert all(turn.wait_s(number * 0.1, 0.04) == 0.0 for number in range(1_000))


class Flood:
    """A connection that always has a message, each of which costs so much."""

    def __init__(self, cost_s):
        self.cost_s = cost_s
        self.taken = 0
        self.spent_s = 0.0

    async def receive(self):
        self.taken += 1
        return LiveFrom(b"", b"")

    async def be_taken(self, seconds):
        paced = Paced(self.receive, lambda: self.spent_s)
        with trio.move_on_after(seconds):
            while True:
                await paced.receive()
                self.spent_s += self.cost_s


async def test_of_a_flood_of_messages_that_cost_nothing_as_many_are_taken_as_may_be(autojump_clock):
    flood = Flood(0.0)
    await flood.be_taken(10)
    assert abs(flood.taken - (AT_ONCE + 10 * PER_SECOND)) <= 2


async def test_of_a_flood_of_dear_messages_so_many_are_taken_as_the_others_can_spare(autojump_clock):
    flood = Flood(0.05)
    await flood.be_taken(10)
    assert abs(flood.spent_s - (AT_ONCE_S + 10 * SHARE)) <= 0.2
