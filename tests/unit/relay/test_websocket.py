"""cctm.relay.websocket: what is offered past the library, on a real connection."""

import socket
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from websockets.protocol import State
from websockets.trio.client import connect
from websockets.trio.server import serve

from cctm.relay.framing import framed
from cctm.relay.session import Closed
from cctm.relay.websocket import WebSocket
from relay_process import let_go

KIB = 1024
SIZES = (0, 1, 125, 126, 65_535, 65_536, 700 * KIB)
MUCH = bytes(range(256)) * (4 * KIB)


@asynccontextmanager
async def pair(buffer_bytes=None):
    """The server's end, as a session uses it, and the client's; *buffer_bytes* of the server's socket."""
    served, ended = [], trio.Event()
    is_there = trio.Event()

    async def keep(connection):
        if buffer_bytes is not None:
            connection.stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
        served.append(connection)
        is_there.set()
        await ended.wait()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: serve(keep, 0, host="127.0.0.1", compression=None, task_status=task_status)
        )
        port = server.listeners[0].socket.getsockname()[1]
        async with connect(
            f"ws://127.0.0.1:{port}",
            compression=None,
            proxy=None,
            max_queue=1,
            max_size=None,
            ping_interval=None,
        ) as client:
            await is_there.wait()
            yield WebSocket(served[0]), client
            let_go(client)
            ended.set()
        nursery.cancel_scope.cancel()


def offer_until_full(ours):
    """How many times MUCH was offered until a part of the last was not taken."""
    number = 0
    while not ours.has_rest:
        assert ours.offer(framed(MUCH))
        number += 1
    return number


async def test_what_is_offered_arrives_as_a_message():
    async with pair() as (ours, client):
        for size in SIZES:
            message = MUCH[:size]
            assert ours.offer(framed(message))
            if ours.has_rest:
                await ours.flush()
            assert await client.recv() == message


async def test_what_a_full_socket_does_not_take_is_the_rest_and_nothing_goes_before_it():
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        number = offer_until_full(ours)
        assert not ours.offer(framed(b"later"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.flush)
            for _ in range(number):
                assert await client.recv() == MUCH
        assert not ours.has_rest
        assert ours.offer(framed(b"later"))
        assert await client.recv() == b"later"


async def test_what_is_sent_goes_behind_the_rest():
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        number = offer_until_full(ours)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.send, b"behind")
            for _ in range(number):
                assert await client.recv() == MUCH
            assert await client.recv() == b"behind"


async def until_it_reads_no_more(ours, client):
    while client.recv_flow_control is None:
        assert ours.offer(framed(b"before"))
        await trio.lowlevel.checkpoint()


async def test_while_something_is_being_sent_nothing_can_be_offered():
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        await until_it_reads_no_more(ours, client)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.send, MUCH * 8)
            await trio.testing.wait_all_tasks_blocked()
            assert not ours.has_rest  # the library has taken it
            assert not ours.offer(framed(b"between"))
            while (message := await client.recv()) == b"before":
                continue
            assert len(message) == 8 * len(MUCH)
        assert ours.offer(framed(b"behind"))
        assert await client.recv() == b"behind"


async def test_a_rest_goes_out_with_the_library_s_own_answers_too():
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        number = offer_until_full(ours)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.ping)
            for _ in range(number):
                assert await client.recv() == MUCH


async def test_once_it_is_closed_nothing_can_be_offered_or_sent():
    async with pair() as (ours, client):
        await client.aclose()
        with pytest.raises(Closed):
            await ours.receive()
        assert not ours.offer(framed(b"x"))
        with pytest.raises(Closed):
            await ours.send(b"x")


async def test_what_is_offered_to_a_socket_that_is_closed_goes_to_no_other():
    async with pair() as (ours, client), pair() as (others, other_client):
        connection = ours._connection
        connection.stream.socket.close()
        assert connection.protocol.state is State.OPEN  # the library does not know yet
        left, right = socket.socketpair()  # one of them may have its number now
        with left, right:
            assert not ours.offer(framed(b"x"))
            for one in (left, right):
                one.setblocking(False)
                with pytest.raises(BlockingIOError):
                    one.recv(1)
        assert others.offer(framed(b"y"))
        assert await other_client.recv() == b"y"
        await connection.close_stream()
        await client.aclose()


async def test_a_rest_that_nobody_takes_any_more_is_the_end():
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        offer_until_full(ours)
        client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.stream.socket.close()
        with pytest.raises(Closed):
            await ours.flush()


async def test_it_is_known_whether_another_message_has_come():
    async with pair() as (ours, client):
        assert not ours.has_next
        await client.send(b"a")
        await client.send(b"b")
        assert await ours.receive() == b"a"
        await trio.testing.wait_all_tasks_blocked()
        assert ours.has_next
        assert await ours.receive() == b"b"
        assert not ours.has_next


async def test_who_has_not_taken_a_message_within_a_minute_is_gone(autojump_clock):
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        await until_it_reads_no_more(ours, client)
        with pytest.raises(Closed):
            await ours.send(MUCH * 8)
        assert 59 < trio.current_time() < 90
        await ours.aclose()


async def test_who_has_not_taken_the_rest_of_one_within_a_minute_is_gone(autojump_clock):
    async with pair(buffer_bytes=64 * KIB) as (ours, client):
        await until_it_reads_no_more(ours, client)
        offer_until_full(ours)
        with pytest.raises(Closed):
            await ours.flush()
        assert 59 < trio.current_time() < 90
        await ours.aclose()


async def test_who_does_not_hear_that_it_is_closed_is_not_waited_for(autojump_clock):
    async with pair(buffer_bytes=64 * KIB) as (ours, _):
        offer_until_full(ours)
        await ours.aclose()
        assert trio.current_time() < 10
        assert ours._connection.protocol.state is State.CLOSED


async def test_whose_messages_were_not_fetched_leaves_no_task_behind(autojump_clock):
    async with pair() as (ours, client):
        connection = ours._connection
        while connection.recv_flow_control is None:
            await client.send(b"x")
        await ours.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert not connection.nursery.child_tasks
