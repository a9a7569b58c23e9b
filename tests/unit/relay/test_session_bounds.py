"""cctm.relay.session and rooms: what a relay does not let its clients do, and what it does when it cannot."""

import pytest
import trio
import trio.testing

from cctm.protocol.admission import invite_hash
from cctm.protocol.keys import WriterKey, channel_id
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.serving import Reason
from cctm.relay.cursors import MOST_FETCHES
from cctm.relay.limits import Buckets
from cctm.relay.session import Closed
from relay_parts import (
    HOST_RECORDS,
    LOG,
    access,
    long_chain,
    refusal,
    relay_parts,
    shared,
)
from samples import (
    CHANNEL,
    HOST,
    MEMBER,
    OTHER_DEVICE,
    drawn,
)

SIZE = len(HOST_RECORDS)
READER = WriterKey.from_seed(drawn("reader"))


async def test_nothing_is_stored_beyond_a_channel_s_quota_or_the_relay_s(tmp_path):
    for options in ({"channel_bytes": 3_000}, {"total_bytes": 3_000}):
        place = tmp_path / next(iter(options))
        place.mkdir()
        async with relay_parts(place, **options) as parts:
            owner = await parts.open()
            await owner.append(LOG, 0, HOST_RECORDS[:1])
            await owner.stored(1)
            await owner.append(LOG, 1, HOST_RECORDS[1:])
            assert (await owner.refused()).reason == Reason.QUOTA
            assert next(iter((await parts.open()).rows.values())).size == 1


async def test_where_invites_are_asked_for_a_channel_takes_one(tmp_path):
    async with relay_parts(tmp_path, invite_only=True) as parts:
        assert (await refusal(parts, HOST)).reason == Reason.NO_CHANNEL
        assert (await refusal(parts, HOST, invite=b"guessed")).reason == Reason.NO_CHANNEL
        invite(parts, b"good for one", 1)
        owner = await parts.open(invite=b"good for one")
        await owner.append(LOG, 0, HOST_RECORDS)
        await owner.stored(SIZE)
        assert (await parts.open()).rows  # it exists: no invite is asked for
        other = channel_id(MEMBER.public)
        refused = await refusal(parts, MEMBER, channel=other, invite=b"good for one")
        assert refused.reason == Reason.NO_CHANNEL


def invite(parts, text, uses):
    writer = parts.relay.store._writer
    with writer.transaction():
        writer.put_invite(invite_hash(text), uses, None)


async def test_an_invite_that_two_use_at_once_serves_one(tmp_path):
    async with relay_parts(tmp_path, invite_only=True) as parts:
        invite(parts, b"good for one", 1)
        other = channel_id(MEMBER.public)
        first = await parts.open(invite=b"good for one")
        second = await parts.open(MEMBER, channel=other, invite=b"good for one")
        await first.append(LOG, 0, HOST_RECORDS)
        await first.stored(SIZE)
        from cctm.protocol.admission import AccessList, sign_access

        await second.send(m.Access(sign_access(AccessList(MEMBER.public, 1, {}, None), MEMBER)))
        assert (await second.refused()).reason == Reason.NO_CHANNEL


async def test_too_many_questions_at_once_are_refused(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await shared(parts)
        member = await parts.open(MEMBER, most=0)
        for _ in range(MOST_FETCHES + 2):  # one is being answered
            await member.send(m.Fetch(LOG, 0, SIZE))
        assert (await member.refused()).reason == Reason.RATE


async def test_whoever_shows_no_key_is_let_go(tmp_path, autojump_clock):
    async with relay_parts(tmp_path) as parts:
        client = await parts.connect()
        with pytest.raises(Closed):
            await client.socket.receive()
        assert parts.relay.metrics.connections == 0


async def test_the_journal_names_no_whole_id(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await shared(parts)
        await refusal(parts, READER)
        text = parts.journal.read_text()
        assert {line["event"] for line in parts.lines()} == {"opened", "refused"}
        for secret in (CHANNEL, HOST.public, READER.public, LOG, OTHER_DEVICE.sign_public):
            assert secret.hex()[:12] not in text
        assert CHANNEL[:4].hex() in text


async def test_a_room_is_given_up_when_nobody_uses_it(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        assert parts.relay.metrics.channels == 1
        owner.socket.close()
        while parts.relay.metrics.channels:
            await trio.lowlevel.checkpoint()
        member = await parts.open(MEMBER)
        assert await member.fetch(LOG, 0, SIZE) == HOST_RECORDS


async def test_a_member_that_sends_too_much_is_slowed_down_and_not_refused(tmp_path, mock_clock):
    async with relay_parts(tmp_path, rates=Buckets(rate=100, burst=1_000)) as parts:
        owner = await parts.open()
        await owner.append(LOG, 0, HOST_RECORDS)
        await owner.stored(SIZE)
        await owner.send(m.Fetch(LOG, 0, 1))
        await trio.testing.wait_all_tasks_blocked()
        assert owner.socket.waiting == 0
        mock_clock.jump(sum(map(len, HOST_RECORDS)) / 100 + 100)
        assert (await owner.records()).records == HOST_RECORDS[:1]


async def test_of_incomplete_records_there_are_only_so_many(tmp_path):
    part = m.AppendPart(LOG, 0, 0, 10 * m.PART_BYTES, bytes(m.PART_BYTES))
    async with relay_parts(tmp_path, joining_bytes=2 * m.PART_BYTES) as parts:
        first, second, third = [await parts.open() for _ in range(3)]
        await first.send(part)
        await second.send(part)
        for holder in (first, second):
            await holder.fetch(LOG, 0, 1)  # its part is here
        await third.send(part)
        assert (await third.refused()).reason == Reason.RATE
        first.socket.close()
        while parts.relay.metrics.connections > 1:
            await trio.lowlevel.checkpoint()
        fourth = await parts.open()
        await fourth.send(part)
        assert await fourth.fetch(LOG, 0, 1) == []


async def test_what_memory_has_no_room_for_is_read_from_the_disk(tmp_path):
    async with relay_parts(tmp_path, tail_bytes=0) as parts:
        await shared(parts)
        member = await parts.open(MEMBER)
        assert await member.follow(LOG, 0, SIZE) == HOST_RECORDS


async def test_when_the_disk_refuses_everybody_is_let_go_and_what_is_stored_stays(tmp_path):
    records = long_chain(300, 40)
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access()))
        await owner.append(LOG, 0, records[:3])
        await owner.stored(3)
        member = await parts.open(MEMBER)
        sql = parts.relay.store._writer._sql
        (pages,) = sql.execute("PRAGMA page_count").fetchone()
        sql.execute(f"PRAGMA max_page_count = {pages}")
        await owner.append(LOG, 3, records[3:])
        for client in (owner, member):
            assert (await client.refused()).reason == Reason.QUOTA
        sql.execute("PRAGMA max_page_count = 1000000")
        again = await parts.open()
        assert again.rows[LOG].size == 3
        await again.append(LOG, 3, records[3:])
        await again.stored(40)
        assert await again.fetch(LOG, 0, 40) == records
