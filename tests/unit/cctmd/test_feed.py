"""One client's cursor: what a real socket pair gets, fast, slow, stopped or gone."""

import socket
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from cctm.cctmd.feed import MAX_QUEUED, Feed
from cctm.cctmd.recent import ATTACHED_LIMIT, Recent
from cctm.protocol.control.frames import MAX_OUTPUT, FrameReader
from cctm.protocol.control.replies import Ended, History, NameChanged, Notice, Output, Painted, Resized
from daemon_parts import until


class Peer:
    """The client: reads when it is told to."""

    def __init__(self, connection):
        self.socket = connection
        self._frames = FrameReader()
        self.messages = []

    def read(self, size=1 << 20):
        """Take up to *size* bytes of what is there; how many."""
        try:
            data = self.socket.recv(size)
        except BlockingIOError:
            return 0
        self.messages.extend(self._frames.receive_untrusted(data))
        return len(data)

    def read_all(self):
        while self.read():
            continue
        return self.messages

    @property
    def output(self):
        return b"".join(message.data for message in self.messages if isinstance(message, Output))


@contextmanager
def connected():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield Feed(ours), Peer(theirs)


def following(feed, data=b"", base=0):
    recent = Recent(base)
    recent.limit = ATTACHED_LIMIT
    recent.append(data)
    feed.follow(recent, base)
    return recent


def grow(feed, recent, data):
    recent.append(data)
    feed.push(data)


def fill(feed):
    """Send until the socket takes no more; what was sent."""
    sent = []
    while not feed._blocked:
        sent.append(Notice(0, str(len(sent)) + "x" * 50_000))
        feed.send(sent[-1])
    return sent


@contextmanager
def closing(nursery):
    try:
        yield
    finally:
        nursery.cancel_scope.cancel()


async def test_output_is_sent_at_once():
    with connected() as (feed, peer):
        recent = following(feed)
        grow(feed, recent, b"one ")
        grow(feed, recent, b"two")
        assert peer.read_all() == [Output(0, b"one "), Output(4, b"two")]
        assert feed.behind_bytes == 0


async def test_what_lies_behind_the_cursor_is_sent_before_what_comes():
    with connected() as (feed, peer):
        recent = following(feed, b"earlier ")
        peer.read_all()
        assert peer.output == b"earlier "
        grow(feed, recent, b"now")
        peer.read_all()
        assert peer.output == b"earlier now"


async def test_output_before_an_offset_that_lies_ahead_is_not_sent():
    with connected() as (feed, peer):
        recent = Recent(0)
        feed.follow(recent, 5)
        grow(feed, recent, b"012")
        assert peer.read_all() == []
        grow(feed, recent, b"3456")
        grow(feed, recent, b"789")
        peer.read_all()
        assert peer.output == b"56789"
        assert feed.behind_bytes == 0


async def test_large_output_is_sent_in_frames_of_the_largest_size():
    with connected() as (feed, peer):
        recent = following(feed)
        data = bytes(range(256)) * 600
        recent.append(data)
        feed.push(data)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() is not None and len(peer.output) == len(data))
        assert peer.output == data
        assert all(len(message.data) <= MAX_OUTPUT for message in peer.messages)


async def test_without_following_no_output_is_sent():
    with connected() as (feed, peer):
        feed.push(b"nothing")
        recent = following(feed)
        grow(feed, recent, b"seen")
        feed.unfollow()
        grow(feed, recent, b"unseen")
        peer.read_all()
        assert peer.output == b"seen"
        assert feed.behind_bytes == 0


async def test_messages_keep_their_order_and_go_before_output_that_waits():
    with connected() as (feed, peer):
        first = fill(feed)
        recent = following(feed)
        grow(feed, recent, b"output")
        feed.send(NameChanged("new"))
        feed.send(Notice(0, "more"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() + len(peer.output) >= len(b"output") and peer.output)
        assert peer.messages == [*first, NameChanged("new"), Notice(0, "more"), Output(0, b"output")]


async def test_a_frame_that_was_taken_in_part_is_finished_before_anything_else():
    with connected() as (feed, peer):
        recent = following(feed)
        data = b"".join(b"%07d " % number for number in range(50_000))
        for start in range(0, len(data), 60_000):
            grow(feed, recent, data[start : start + 60_000])
            feed.send(Notice(0, str(start)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):

                def read_a_little():
                    return not peer.read(1_777) and len(peer.output) == len(data)

                await until(read_a_little)
        assert peer.output == data
        notices = [message.text for message in peer.messages if isinstance(message, Notice)]
        assert notices == [str(start) for start in range(0, len(data), 60_000)]


async def test_who_cannot_be_sent_what_is_no_longer_kept_is_reported_and_followed_no_more():
    with connected() as (feed, peer):
        recent = following(feed)
        recent.limit = 100_000
        lost = []
        feed.on_lost = lambda: lost.append(feed.behind_bytes)
        while not feed._blocked:
            grow(feed, recent, b"a" * 50_000)
        for _ in range(100):
            grow(feed, recent, b"b" * 50_000)
        assert feed.behind_bytes > 4_000_000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: not peer.read() and lost)
        assert lost == [0]
        assert b"b" not in peer.output[:-100_000]


async def test_who_has_taken_everything_is_reported():
    with connected() as (feed, peer):
        recent = following(feed)
        drained = []
        feed.on_drained = lambda: drained.append(feed.is_clear)
        while feed.is_clear:
            grow(feed, recent, b"a" * 50_000)
        assert drained == []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: not peer.read() and drained)
        assert drained == [True]


async def test_what_is_for_no_client_is_passed_over():
    with connected() as (feed, peer):
        recent = following(feed)
        grow(feed, recent, b"before")
        recent.hide(b"a question")
        grow(feed, recent, b"after")
        assert peer.read_all() == [Output(0, b"before"), Output(16, b"after")]


async def test_what_a_stopped_reader_costs_does_not_grow_with_the_output():
    with connected() as (feed, _):
        recent = following(feed)
        recent.limit = 1000
        for _ in range(2000):
            grow(feed, recent, b"x" * 10_000)
        assert feed._blocked
        assert len(feed._unsent) <= MAX_OUTPUT + 16
        assert not feed._messages


async def test_a_message_after_all_output_comes_after_all_output_though_the_reader_is_slow():
    with connected() as (feed, peer):
        recent = following(feed)
        data = b"".join(b"%07d " % number for number in range(100_000))
        for start in range(0, len(data), 50_000):
            grow(feed, recent, data[start : start + 50_000])
        feed.send_after_output(Ended(0, 3))
        grow(feed, recent, b"too late")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read(100_000) is not None and Ended(0, 3) in peer.messages)
        assert peer.output == data
        assert peer.messages[-1] == Ended(0, 3)


async def test_a_message_after_the_output_of_nothing_is_just_sent():
    with connected() as (feed, peer):
        feed.send_after_output(Ended(1, 9))
        assert peer.read_all() == [Ended(1, 9)]


async def test_who_never_reads_its_messages_loses_its_connection():
    with connected() as (feed, _):
        fill(feed)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            await trio.testing.wait_all_tasks_blocked()
            for number in range(MAX_QUEUED + 1):
                assert not feed.broken
                feed.send(Notice(0, str(number)))
            nursery.cancel_scope.deadline = trio.current_time() + 10
        assert not nursery.cancel_scope.cancelled_caught
        assert feed.broken
        assert not feed._messages
        assert feed._socket.recv(1) == b""
        with trio.fail_after(10):
            await feed.room()


async def test_who_does_not_read_is_told_the_newest_name_and_size_only_and_keeps_its_connection():
    with connected() as (feed, peer):
        first = fill(feed)
        for number in range(10 * MAX_QUEUED):
            feed.send(NameChanged(str(number)))
            feed.send(Resized(number, 24, b""))
            feed.send(NameChanged(f"again {number}"))
        last = 10 * MAX_QUEUED - 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() is not None and NameChanged(f"again {last}") in peer.messages)
        assert peer.messages == [*first, Resized(last, 24, b""), NameChanged(f"again {last}")]


async def test_a_new_name_comes_behind_what_was_sent_before_it():
    with connected() as (feed, peer):
        first = fill(feed)
        for message in (NameChanged("old"), History(b"between"), NameChanged("new")):
            feed.send(message)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() is not None and NameChanged("new") in peer.messages)
        assert peer.messages == [*first, History(b"between"), NameChanged("new")]


async def test_what_belongs_together_may_be_more_than_may_wait_otherwise():
    with connected() as (feed, peer):
        parts = [Painted(bytes([number % 256]) * MAX_OUTPUT) for number in range(2 * MAX_QUEUED)]
        feed.send(*parts)
        feed.send(Notice(0, "behind"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() is not None and Notice(0, "behind") in peer.messages)
        assert peer.messages == [*parts, Notice(0, "behind")]


async def test_the_end_behind_output_that_is_no_longer_kept_comes_all_the_same():
    with connected() as (feed, peer):
        recent = following(feed)
        first = fill(feed)
        grow(feed, recent, b"forgotten")
        recent.restart(1000)
        assert feed.misses_output
        feed.send_after_output(Ended(0, 3))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() is not None and Ended(0, 3) in peer.messages)
        assert peer.messages == [*first, Ended(0, 3)]


async def test_a_client_that_left_breaks_its_feed_and_nothing_else():
    with connected() as (feed, peer):
        recent = following(feed)
        peer.socket.close()
        grow(feed, recent, b"unheard")
        assert feed.broken
        grow(feed, recent, b"unheard")
        feed.send(NameChanged("unheard"))
        feed.send_after_output(Ended(0, 0))
        assert not feed._messages
        with trio.fail_after(10):
            await feed.run()


async def test_a_client_that_leaves_while_it_is_waited_for_ends_the_waiting():
    with connected() as (feed, peer):
        fill(feed)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            await trio.testing.wait_all_tasks_blocked()
            peer.socket.close()
            with trio.move_on_after(10):
                await feed.room()
        assert feed.broken


async def test_there_is_room_until_messages_wait_and_again_when_they_were_read():
    with connected() as (feed, peer):
        with trio.fail_after(10):
            await feed.room()
        fill(feed)
        feed.send(History(b"waits"))
        with pytest.raises(trio.TooSlowError), trio.fail_after(0):
            await feed.room()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed.run)
            with closing(nursery):
                await until(lambda: peer.read() and History(b"waits") in peer.messages)
                with trio.fail_after(10):
                    await feed.room()
