"""A real relay, and real clients on WebSockets."""

import socket
import ssl
import subprocess

import pytest
import trio
from websockets.exceptions import InvalidStatus

from cctm.protocol.keys import WriterKey
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.serving import Reason
from machine import CCTM
from relay_parts import (
    ALL,
    HOST_RECORDS,
    LOG,
    RefusedByRelay,
    access,
    long_chain,
)
from relay_process import RelayProcess, dialled, make_certificate, opened
from samples import DEVICE, EPOCH, HOST, MEMBER, OPENED, OUTPUT, STREAM, drawn

SIZE = len(HOST_RECORDS)
READER = WriterKey.from_seed(drawn("reader"))


@pytest.fixture
def relay(tmp_path):
    with RelayProcess(tmp_path) as process:
        yield process


async def share(relay, records=HOST_RECORDS, members=None):
    async with opened(relay.address) as owner:
        await owner.send(m.Access(access(members)))
        await owner.expect(m.AccessStored)
        await owner.append(LOG, 0, records)
        await owner.stored(len(records))


async def refusal(address, key, **more):
    async with dialled(address, key, **more) as client:
        with pytest.raises(RefusedByRelay) as caught:
            await client.open()
        return caught.value.refused


async def test_a_member_follows_what_the_owner_appends(relay):
    async with opened(relay.address) as owner:
        await owner.send(m.Access(access()))
        await owner.expect(m.AccessStored)
        await owner.append(LOG, 0, HOST_RECORDS[:3])
        await owner.stored(3)
        async with opened(relay.address, MEMBER) as member:
            assert await member.follow(LOG, 0, 3) == HOST_RECORDS[:3]
            await owner.append(LOG, 3, HOST_RECORDS[3:])
            assert await member.read_on(LOG, 3, SIZE) == HOST_RECORDS[3:]
            await member.send(m.Live(b"", b"a key"))
            assert await owner.expect(m.LiveFrom) == m.LiveFrom(MEMBER.public, b"a key")


async def test_a_stranger_learns_nothing(relay):
    before = await refusal(relay.address, READER)
    await share(relay)
    assert await refusal(relay.address, READER) == before
    assert before.reason == Reason.NOT_ALLOWED


async def test_a_proof_for_another_address_is_refused(relay):
    await share(relay)
    for address in ("https://relay.example", "http://10.0.0.1:4222", relay.address.replace("http", "https")):
        refused = await refusal(relay.address, HOST, shown_address=address)
        assert refused.reason == Reason.PROOF


async def test_a_relay_is_also_known_by_the_names_that_its_operator_gives_it(tmp_path):
    with RelayProcess(tmp_path, "--origin", "https://Relay.example:443/") as relay:
        await share(relay)
        localhost = relay.address.replace("127.0.0.1", "localhost")
        for name in ("https://relay.example", localhost):
            async with opened(relay.address, MEMBER, shown_address=name) as member:
                assert LOG in member.rows


async def test_what_was_receipted_survives_a_kill(relay):
    records = long_chain(300, 200)
    receipted = 0
    async with dialled(relay.address) as owner:
        await owner.open()
        await owner.send(m.Access(access()))
        await owner.expect(m.AccessStored)
        async with trio.open_nursery() as nursery:

            async def append_all():
                for first in range(0, len(records), 10):
                    await owner.append(LOG, first, records[first : first + 10])

            nursery.start_soon(append_all)
            while receipted < 100:
                receipted = (await owner.expect(m.Stored)).size
            relay.kill()
            nursery.cancel_scope.cancel()
    relay.start()
    async with opened(relay.address) as owner:
        size = owner.rows[LOG].size
        assert size >= receipted
        assert await owner.fetch(LOG, 0, size) == records[:size]
        first = min(
            size, len(records) - 1
        )  # perhaps all of it was stored; a receipt is asked for in any case
        await owner.append(LOG, first, records[first:])
        await owner.stored(len(records))
        async with opened(relay.address, MEMBER) as member:
            assert await member.follow(LOG, 0, len(records)) == records


async def test_a_fork_is_refused_and_what_is_stored_stays(relay):
    await share(relay)
    other = long_chain(300, 5)
    async with dialled(relay.address) as copy:
        await copy.open()
        await copy.append(LOG, 0, other)
        assert (await copy.refused()).reason == Reason.FORK
    async with opened(relay.address, MEMBER) as member:
        assert await member.fetch(LOG, 0, 99) == HOST_RECORDS


async def test_a_slow_reader_is_told_and_holds_nobody_up(relay):
    records = long_chain(900, 1_200)
    members = {MEMBER.public: ALL, READER.public: ALL}
    await share(relay, records[:3], members)
    async with opened(relay.address, MEMBER) as slow, opened(relay.address, READER) as quick:
        slow.socket.take_little()  # or else all up to the keyframe may find room between the two
        assert await slow.follow(LOG, 0, 3) == records[:3]
        await quick.send(m.Tail(LOG, 3))
        async with opened(relay.address) as owner, trio.open_nursery() as nursery:
            nursery.start_soon(owner.append, LOG, 3, records[3:])
            assert await quick.read_on(LOG, 3, len(records)) == records[3:]
            await owner.stored(len(records))
        lagged = await slow.expect(m.Lagged)
        assert (lagged.grant, lagged.keyframe) == (899, 900)
        entries = [message for message in slow._kept if isinstance(message, m.Entries)]
        slow._kept.clear()
        before = [record for message in entries for record in message.records]
        assert before == records[3 : 3 + len(before)]
        assert len(before) < 897
        grant = await slow.expect(m.Entries)
        assert (grant.first, grant.records) == (899, records[899:900])
        assert await slow.read_on(LOG, 900, len(records)) == records[900:]
    assert "cctm_relay_lagged_total 1" in relay.get("/metrics")[1]


async def test_when_it_is_asked_to_end_everybody_is_told(relay):
    await share(relay)
    async with dialled(relay.address, MEMBER) as member:
        await member.open()
        relay.ask_to_end()
        assert (await member.refused()).reason == Reason.LEAVING
    assert relay.process.wait(30) == 0


async def test_pages(relay):
    await share(relay)
    assert relay.get("/healthz") == (200, "ok\n")
    status, text = relay.get("/metrics")
    assert status == 200
    assert f"cctm_relay_records_stored_total {SIZE}\n" in text
    assert "cctm_relay_connections 0\n" in text or "cctm_relay_connections 1\n" in text
    assert relay.get("/metrics", **{"X-Forwarded-For": "192.0.2.1"})[0] == 404
    assert "cctm join" in relay.get("/t/abc")[1]


async def test_of_one_address_there_are_no_more_connections_than_allowed(tmp_path):
    with RelayProcess(tmp_path, "--connections-per-address", "2") as relay:
        async with opened(relay.address), opened(relay.address):
            with pytest.raises(InvalidStatus, match="429"):
                async with opened(relay.address):
                    pass


async def test_where_invites_are_asked_for_the_operator_makes_them(tmp_path):
    with RelayProcess(tmp_path, "--invite-only") as relay:
        assert (await refusal(relay.address, HOST)).reason == Reason.NO_CHANNEL
        async with opened(relay.address, invite=relay.invite()) as owner:
            await owner.append(LOG, 0, HOST_RECORDS)
            await owner.stored(SIZE)


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path)


async def test_it_serves_over_tls(tmp_path, certificate):
    cert, key = certificate
    with RelayProcess(tmp_path, "--tls-cert", cert, "--tls-key", key) as relay:
        assert relay.address.startswith("https://127.0.0.1:")
        async with opened(relay.address, ssl=ssl.create_default_context(cafile=cert)) as owner:
            await owner.append(LOG, 0, HOST_RECORDS)
            await owner.stored(SIZE)


def said(*arguments):
    done = subprocess.run([*CCTM, "relay", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_what_hinders_it_from_starting_is_said_in_a_sentence(tmp_path, relay):
    port = relay.address.rpartition(":")[2]
    other = str(tmp_path / "other.sqlite")
    status, text = said("serve", "--listen", f"127.0.0.1:{port}", "--store", other)
    assert (status, text.count("\n")) == (1, 1)
    assert "cannot be listened at" in text
    assert "--listen" in text
    status, text = said("serve", "--listen", "127.0.0.1:0", "--store", str(tmp_path / "relay.sqlite"))
    assert status == 1
    assert "Another relay uses" in text
    status, text = said("serve", "--listen", "127.0.0.1:0", "--store", str(tmp_path / "no" / "relay.sqlite"))
    assert status == 1
    assert "cannot be made" in text
    (tmp_path / "cert.pem").write_text("no certificate")
    certificates = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "cert.pem"))
    status, text = said("serve", "--listen", "127.0.0.1:0", "--store", other, *certificates)
    assert status == 1
    assert "certificate" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve", "--listen", "4222"), "no HOST:PORT"),
        (("serve", "--origin", "relay.example"), "no address of a relay"),
        (("serve", "--total-quota", "much"), "no size"),
        (("serve", "--tls-cert", "x"), "belong together"),
    ],
)
def test_a_slip_on_the_command_line_is_named(arguments, words):
    status, text = said(*arguments)
    assert status == 2
    assert words in text
    assert text.count("\n") == 1


async def test_whoever_says_nothing_is_let_go_and_others_are_served_meanwhile(relay):
    host, port = relay.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as silent:
        await share(relay)
        silent.settimeout(30)
        assert silent.recv(1) == b""


def test_nothing_that_was_sent_is_in_what_it_says(tmp_path):
    with RelayProcess(tmp_path) as relay:
        trio.run(share, relay)
        relay.ask_to_end()
        text = relay.process.stderr.read().decode()
    assert '"opened"' in text
    for secret in (HOST.public, LOG, MEMBER.public):
        assert secret.hex()[:12] not in text


def test_what_it_keeps_shows_nothing_that_was_printed_or_named(tmp_path):
    with RelayProcess(tmp_path) as relay:
        trio.run(share, relay)
        relay.ask_to_end()
        assert relay.process.wait(30) == 0
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("relay.sqlite*"))
    assert HOST_RECORDS[3][-64:] in kept  # it is all there
    for marker in (OUTPUT.data[5:10], OPENED.cwd, OPENED.name.encode(), OPENED.term.encode(), OPENED.argv[0]):
        assert marker not in kept
    for secret in (EPOCH.secret, HOST.seed, MEMBER.seed, DEVICE.seed, STREAM):
        assert secret not in kept
