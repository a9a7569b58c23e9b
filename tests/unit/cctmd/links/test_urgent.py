"""What the host says beside its logs."""

from cctm.cctmd.links.urgent import MOST_BYTES, MOST_MESSAGES, Urgent
from cctm.protocol.sync.messages import Access, Live


def said(urgent):
    found = []
    while (message := urgent.next()) is not None:
        found.append(message)
    return found


def live(number, size=1):
    return Live(b"", number.to_bytes(4, "big").ljust(size, b"."))


async def test_of_live_messages_the_newest_stay():
    urgent = Urgent()
    for number in range(MOST_MESSAGES + 10):
        urgent.live(live(number))
    assert said(urgent) == [live(number) for number in range(10, MOST_MESSAGES + 10)]


async def test_large_live_messages_are_bounded_by_their_bytes():
    urgent = Urgent()
    size = 32 * 1024
    for number in range(20):
        urgent.live(live(number, size))
    assert said(urgent) == [live(number, size) for number in range(20 - MOST_BYTES // size, 20)]


async def test_an_access_list_follows_what_was_said_before_it():
    urgent = Urgent()
    urgent.live(live(1))
    urgent.access(b"list", 1)
    urgent.live(live(2))
    assert said(urgent) == [live(1), Access(b"list"), live(2)]


async def test_only_the_newest_access_list_is_sent():
    urgent = Urgent()
    urgent.access(b"old", 1)
    urgent.access(b"new", 2)
    assert said(urgent) == [Access(b"new")]


async def test_dropped_live_messages_do_not_hold_the_access_list_up():
    urgent = Urgent()
    urgent.live(live(0))
    urgent.access(b"list", 1)
    for number in range(1, MOST_MESSAGES + 10):
        urgent.live(live(number))
    assert urgent.next() == Access(b"list")


async def test_a_new_connection_hears_the_access_list_if_it_knows_another():
    urgent = Urgent()
    urgent.access(b"list", 2)
    said(urgent)
    urgent.begin(known_version=1)
    assert said(urgent) == [Access(b"list")]
    urgent.begin(known_version=2)
    assert said(urgent) == []


async def test_a_new_connection_hears_nothing_that_was_said_to_an_earlier_one():
    urgent = Urgent()
    urgent.live(live(1))
    urgent.begin(known_version=0)
    assert said(urgent) == []
