"""One connection's frames, over a socket pair."""

import os
import socket

import pytest

from cctm.keeper import wire
from cctm.keeper.connection import Connection
from cctm.keeper.terminal import TURN_BYTES, State, Terminal
from keeper_driver import Driver


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection = Connection(ours)
    connection.greet(1)
    peer = Driver(theirs)
    yield connection, peer
    connection.close()
    peer.close()


def flush(connection, peer):
    while not connection.is_clear:
        peer.receive()
        connection.flush()


def test_what_the_socket_does_not_take_arrives_later_whole_and_in_order(pair):
    connection, peer = pair
    texts = [f"{number} " + "x" * 1000 for number in range(300)]
    for text in texts:
        connection.send(wire.Refused(text))
    assert not connection.is_clear
    flush(connection, peer)
    assert [peer.wait(wire.Refused).text for _ in texts] == texts


def test_one_turn_of_output_is_taken_even_if_the_socket_takes_a_part(pair):
    connection, peer = pair
    terminal = Terminal(bytes(16), "", 0, State.RUNNING)
    terminal.held += bytes(3 * TURN_BYTES)
    connection.send_output(terminal)
    assert terminal.sent == TURN_BYTES
    assert not connection.is_clear
    flush(connection, peer)
    assert peer.wait(wire.Output).data == bytes(TURN_BYTES)


def test_a_full_socket_takes_no_turn(pair):
    connection, peer = pair
    while connection.is_clear:
        connection.send(wire.Refused("x" * 1000))
    terminal = Terminal(bytes(16), "", 0, State.RUNNING)
    terminal.held += b"output"
    connection.send_output(terminal)
    assert terminal.sent == 0
    flush(connection, peer)


def test_a_queued_descriptor_arrives_though_the_original_was_closed(pair):
    connection, peer = pair
    while connection.is_clear:
        connection.send(wire.Refused("x" * 1000))
    reader, writer = os.pipe()
    connection.send(wire.Opened(1, bytes(16)), writer)
    os.close(writer)
    flush(connection, peer)
    peer.wait(wire.Opened)
    os.write(peer.masters[bytes(16)], b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)


def test_closing_closes_what_is_queued_and_what_has_arrived(pair):
    connection, peer = pair
    while connection.is_clear:
        connection.send(wire.Refused("x" * 1000))
    reader, writer = os.pipe()
    connection.send(wire.Opened(1, bytes(16)), writer)
    peer.send(wire.Stop(), writer)
    assert [it for it, _ in connection.receive_untrusted()] == [wire.Stop()]
    os.close(writer)
    connection.close()
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_peer_that_never_reads_is_given_up(pair):
    connection, _ = pair

    def tell_for_ever():
        while True:
            connection.send(wire.Stop())

    with pytest.raises(ConnectionAbortedError):
        tell_for_ever()


def test_who_has_not_said_hello_is_given_up_sooner():
    ours, theirs = socket.socketpair()
    connection = Connection(ours)

    def tell_much():
        for _ in range(10_000):
            connection.send(wire.Refused("x" * 1000))

    with pytest.raises(ConnectionAbortedError):
        tell_much()
    connection.close()
    theirs.close()


def test_a_long_frame_is_taken_behind_hello_and_not_before():
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    with theirs:
        long = wire.encode(wire.Upgrade((b"x" * 65536,)))
        theirs.sendall(wire.encode(wire.Hello(0, 1)) + long[:100])
        messages = connection.receive_untrusted()
        assert next(messages)[0] == wire.Hello(0, 1)
        connection.greet(1)
        assert list(messages) == []
        theirs.sendall(long[100:])
        got = []
        while not got:
            got = list(connection.receive_untrusted())
        assert got == [(wire.Upgrade((b"x" * 65536,)), None)]
    connection.close()
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    with theirs:
        theirs.sendall(long[:5])
        with pytest.raises(wire.WireError):
            list(connection.receive_untrusted())
    connection.close()
