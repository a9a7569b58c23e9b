"""What is no honest relay costs its connection: it is named in the state, and dialled again; nothing else happens."""

from functools import partial

import pytest
import trio
from websockets.exceptions import ConnectionClosed
from websockets.trio.server import serve

from cctm.cctmd.links.uplink import Uplink
from cctm.protocol.origin import decode_origin_untrusted
from cctm.protocol.sync import messages as m
from link_parts import HostWithMemory, in_time, outgoing_of, to, written
from relay_parts import HOST_RECORDS, LOG
from samples import CHANNEL, HOST, MEMBER, drawn

NOTHING = m.Logs([], False)
ROW = m.LogRow(LOG, HOST.public, 1, 3, drawn("head"), 1, 2)


async def lie(messages, then, connection):
    """Let everybody in, send *messages*, and do *then*."""
    try:
        await connection.recv()
        await connection.send(m.TABLE.encode(m.Challenge(m.VERSION, drawn("challenge"))))
        await connection.recv()
        for message in messages:
            await connection.send(message if isinstance(message, str) else m.TABLE.encode(message))
        await then(connection)
    except ConnectionClosed:
        return


async def listen(connection):
    while True:
        await connection.recv()


async def go(connection):
    await connection.aclose()


async def state_of(tmp_path, nursery, messages, then=listen):
    """What the uplink says once such a relay has lied; and the host."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    lying = partial(serve, partial(lie, messages, then), listeners=listeners, compression=None)
    await nursery.start(lambda task_status: lying(task_status=task_status))
    port = listeners[0].socket.getsockname()[1]
    outgoing, host = outgoing_of(tmp_path), HostWithMemory()
    written(str(tmp_path / "archive"), outgoing)
    uplink = Uplink(CHANNEL, HOST, to(decode_origin_untrusted(f"http://127.0.0.1:{port}")), outgoing, host)
    nursery.start_soon(uplink.run)
    with in_time():
        while uplink.state in {"connecting", "connected"}:
            await trio.lowlevel.checkpoint()
    nursery.cancel_scope.cancel()
    return uplink.state, host


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (["text"], "text"),
        ([m.Challenge(m.VERSION, drawn("again"))], "Challenge now"),
        ([NOTHING], "Logs now"),
        ([m.Opened(7, 0), m.Stored(LOG, 3, drawn("head"))], "Stored now"),
        ([m.Opened(7, 0), NOTHING, m.Opened(7, 0)], "Opened now"),
        ([m.Opened(7, 0), NOTHING, m.Stored(LOG, 3, drawn("head"))], "a receipt for what was not sent"),
        ([m.Opened(7, 0), NOTHING, m.Lagged(LOG, 3, 1, 2)], "Lagged now"),
        ([m.Opened(7, 0), NOTHING, m.Entries(LOG, 0, HOST_RECORDS[:1])], "entries that were not asked for"),
        ([m.Opened(7, 0), m.Logs([ROW._replace(writer=b"short")], False)], "protocol"),
        ([m.Opened(1 << 40, 0)], "protocol"),
    ],
)
async def test_what_no_relay_says_ends_the_connection(tmp_path, nursery, messages, says):
    state, host = await state_of(tmp_path, nursery, messages)
    assert "protocol" in state
    assert says in state
    assert host.lives == []


async def test_a_log_that_it_only_claims_to_be_ours_makes_no_copy_of_this_home(tmp_path, nursery):
    claim = m.Logs([ROW], False)
    shown = m.Entries(LOG, 0, [HOST_RECORDS[1]])
    _, host = await state_of(tmp_path, nursery, [m.Opened(7, 0), claim, shown])
    assert host.finds == []


async def test_live_messages_wait_until_it_has_shown_what_it_claims(tmp_path, nursery):
    hail = m.LiveFrom(MEMBER.public, b"hail")
    claim = m.Logs([ROW], False)
    _, host = await state_of(tmp_path, nursery, [m.Opened(7, 0), hail, claim, hail], go)
    assert host.lives == []


async def test_what_it_says_of_itself_reaches_no_terminal_as_it_is(tmp_path, nursery):
    refused = m.Refused(99, "\x1b]52;c;AAAA\x07" + "x" * 10_000, "\r\n\x9b2J")
    state, _ = await state_of(tmp_path, nursery, [refused])
    assert state.isprintable()
    assert len(state) < 500
