"""Dialling a real relay, and what is not one."""

import pytest
import trio
import trio.testing

from cctm.cctmd.links.connection import SEND_S, LinkDownError, LinkError, dial
from cctm.protocol.admission import Verb
from cctm.protocol.origin import decode_origin_untrusted
from cctm.protocol.sync.messages import MAX_LIVE, Access, AccessStored, Live, Logs
from cctm.protocol.sync.serving import Reason
from link_parts import in_time, way
from relay_parts import access
from relay_process import RelayProcess, make_certificate
from samples import CHANNEL, DEVICE, HOST


def origin_of(relay):
    return decode_origin_untrusted(relay.address)


async def failure(origin, key=HOST, **more):
    with in_time(), pytest.raises(LinkError) as caught:
        async with dial(origin, CHANNEL, key, **more):
            pass
    return caught.value


@pytest.fixture
def relay(tmp_path):
    with RelayProcess(tmp_path) as process:
        yield process


async def test_the_owner_is_let_in_and_told_what_it_may_do(relay):
    with in_time():
        async with dial(origin_of(relay), CHANNEL, HOST) as connection:
            assert connection.verbs == Verb.READ | Verb.APPEND | Verb.LIVE
            assert connection.access_version == 0
            assert await connection.receive() == Logs([], False)
            await connection.send(Access(access(version=7)))
            assert await connection.receive() == AccessStored(7)
            assert connection.sent_bytes > len(access())
            assert connection.received_bytes > 0
        async with dial(origin_of(relay), CHANNEL, HOST) as connection:
            assert connection.access_version == 7


async def test_a_connection_can_be_left_while_messages_wait_that_nobody_receives(relay):
    with in_time():
        async with dial(origin_of(relay), CHANNEL, HOST) as connection:
            for version in range(1, 20):
                await connection.send(Access(access(version=version)))
            # Its answers are more than the library takes from the socket unasked.
            while connection._socket.recv_flow_control is None:  # noqa: ASYNC110  the relay is another process
                await trio.sleep(0.01)


async def test_a_stranger_is_refused_and_told_why(relay):
    refused = await failure(origin_of(relay), DEVICE)
    assert refused.reason is Reason.NOT_ALLOWED
    assert refused.what.endswith(".")
    assert refused.advice.endswith(".")


async def test_a_relay_that_is_invited_to_wants_its_invite(tmp_path):
    with RelayProcess(tmp_path, "--invite-only") as relay:
        assert (await failure(origin_of(relay))).reason is Reason.NO_CHANNEL
        with in_time():
            async with dial(origin_of(relay), CHANNEL, HOST, relay.invite()) as connection:
                assert await connection.receive() == Logs([], False)


async def test_where_nothing_listens_is_said(relay):
    origin = origin_of(relay)
    relay.kill()
    down = await failure(origin)
    assert isinstance(down, LinkDownError)
    assert down.what == f"Nothing listens at {origin}."


async def test_a_name_that_nobody_has_is_said():
    down = await failure(decode_origin_untrusted("http://nobody.invalid:4222"))
    assert isinstance(down, LinkDownError)
    assert "nobody.invalid" in down.what


async def answered(answer):
    """What dialling a server says that answers so, whatever it is asked."""

    async def answering(stream):
        await stream.receive_some()
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answering, [listener])
        port = listener.socket.getsockname()[1]
        error = await failure(decode_origin_untrusted(f"http://127.0.0.1:{port}"))
        nursery.cancel_scope.cancel()
    return error


@pytest.mark.parametrize(
    ("answer", "says", "is_down"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is no relay.", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "it answers 200.", False),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "it answers 404.", False),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "is out of service at the moment.", True),
        (b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", "has too many connections.", True),
        (
            b"HTTP/1.1 308 There\r\nLocation: https://b.example/sync/0\r\nContent-Length: 0\r\n\r\n",
            "sends elsewhere: https://b.example/sync/0.",
            False,
        ),
        (b"", "was cut.", True),
    ],
)
async def test_what_is_no_relay_is_named_and_not_followed(answer, says, is_down):
    error = await answered(answer)
    assert error.what.endswith(says)
    assert isinstance(error, LinkDownError) is is_down


async def test_a_server_that_accepts_and_says_nothing_is_given_up(autojump_clock):
    async def silence(_stream):
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, silence, [listener])
        origin = decode_origin_untrusted(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
        with pytest.raises(LinkDownError) as caught:
            async with dial(origin, CHANNEL, HOST):
                pass
        nursery.cancel_scope.cancel()
    assert caught.value.what == f"{origin} does not answer."


async def test_a_connection_that_is_cut_says_so_to_who_receives_and_to_who_sends(tmp_path):
    async with way() as between:
        with RelayProcess(tmp_path, "--origin", str(between.origin)) as relay, in_time():
            between.lead_to(relay)
            async with dial(between.origin, CHANNEL, HOST) as connection:
                await connection.receive()
                between.cut()
                with pytest.raises(LinkDownError):
                    await connection.receive()
                with pytest.raises(LinkDownError):
                    await connection.send(Access(access()))


async def test_who_takes_nothing_more_is_given_up(tmp_path, mock_clock):
    """Its kernel still answers, and the library's ping waits behind what is not taken: nobody else would notice."""
    mock_clock.rate = 1.0
    ended = []

    async def until_it_ends(wait):
        try:
            while True:
                await wait()
        except LinkDownError:
            ended.append(wait)

    async with way() as between:
        with RelayProcess(tmp_path, "--origin", str(between.origin)) as relay:
            between.lead_to(relay)
            async with dial(between.origin, CHANNEL, HOST) as connection, trio.open_nursery() as nursery:
                await connection.receive()
                between.stop()
                nursery.start_soon(until_it_ends, connection.receive)
                nursery.start_soon(until_it_ends, lambda: connection.send(Live(b"", bytes(MAX_LIVE))))
                sent = -1
                while sent != connection.sent_bytes:
                    sent = connection.sent_bytes
                    await trio.testing.wait_all_tasks_blocked(0.2)
                mock_clock.jump(SEND_S)
    assert len(ended) == 2


async def test_a_relay_that_stops_says_that_it_may_be_back(relay):
    with in_time():
        async with dial(origin_of(relay), CHANNEL, HOST) as connection:
            await connection.receive()
            relay.ask_to_end()
            with pytest.raises(LinkDownError) as caught:
                await connection.receive()
    assert caught.value.reason is Reason.LEAVING


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    cert, key = make_certificate(tmp_path)
    with RelayProcess(tmp_path, "--tls-cert", cert, "--tls-key", key) as relay:
        error = await failure(origin_of(relay))
    assert not isinstance(error, LinkDownError)
    assert "certificate" in error.what


async def test_a_root_of_ones_own_is_named_by_ssl_cert_file(tmp_path, monkeypatch):
    cert, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", cert)
    with RelayProcess(tmp_path, "--tls-cert", cert, "--tls-key", key) as relay, in_time():
        async with dial(origin_of(relay), CHANNEL, HOST) as connection:
            assert await connection.receive() == Logs([], False)


async def test_tls_where_there_is_none_is_said(relay):
    error = await failure(decode_origin_untrusted(relay.address.replace("http", "https")))
    assert error.what.endswith("does not speak TLS.")
