"""A session's connection: sending never waits, and what nobody has seen is not lost."""

import socket
import time

import pytest

from cctm.cli.client import Client
from cctm.cli.link import MAX_UNSENT, Link, LostError
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import FrameReader, encode_message


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Link(Client(ours)), theirs


def test_what_the_daemon_does_not_take_is_kept_and_sent_in_order(ends):
    link, theirs = ends
    sent = [requests.Input(bytes([number]) * 60_000) for number in range(100)]
    for message in sent:
        link.send(message)
    assert link.has_unsent
    assert not link.is_full
    reader = FrameReader()
    heard = []
    theirs.setblocking(False)
    while len(heard) < len(sent):
        try:
            heard += reader.receive_untrusted(theirs.recv(1 << 20))
        except BlockingIOError:
            link.flush()
    assert heard == sent
    assert not link.has_unsent


def test_a_daemon_that_takes_nothing_makes_the_link_full(ends):
    link, _ = ends
    while not link.is_full:
        link.send(requests.Input(bytes(60_000)))
    assert link.has_unsent
    assert MAX_UNSENT < 32 << 20


def test_an_ended_connection_says_so_wherever_it_is_met(ends):
    link, theirs = ends
    theirs.close()
    with pytest.raises(LostError):
        link.receive()
    with pytest.raises(LostError):
        link.send(requests.Detach())
    with pytest.raises(LostError):
        link.wait(time.monotonic() + 60)


def test_a_daemon_that_says_nothing_is_as_good_as_gone(ends):
    link, _ = ends
    with pytest.raises(LostError):
        link.wait(time.monotonic())


def test_messages_are_received_in_order_whatever_pieces_they_come_in(ends):
    link, theirs = ends
    data = encode_message(replies.Done()) + encode_message(replies.Painted(b"x"))
    theirs.sendall(data[:7])
    link.wait(time.monotonic() + 60)
    assert link.next_received() == replies.Done()
    assert link.next_received() is None
    theirs.sendall(data[7:])
    link.wait(time.monotonic() + 60)
    assert link.next_received() == replies.Painted(b"x")
