"""cctm.relay.session and rooms: what a relay does for its clients."""

import pytest

from cctm.protocol.admission import Verb
from cctm.protocol.entry import EntryKind, encode_record
from cctm.protocol.events import Output
from cctm.protocol.keys import WriterKey, channel_id, log_id
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.serving import Reason
from cctm.relay.tail import TAIL_BYTES
from relay_parts import (
    ALL,
    HOST_RECORDS,
    LOG,
    MEMBER_RECORDS,
    access,
    long_chain,
    refusal,
    relay_parts,
    shared,
)
from samples import (
    CHANNEL,
    EMPTY_KEYFRAME,
    HOST,
    INCARNATION,
    MEMBER,
    begin,
    drawn,
    host_writer,
    nonce,
)

SIZE = len(HOST_RECORDS)
READER = WriterKey.from_seed(drawn("reader"))


async def test_what_the_owner_stores_a_member_reads(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await shared(parts)
        member = await parts.open(MEMBER)
        [row] = member.rows.values()
        assert (row.log, row.writer, row.size, row.grant, row.keyframe) == (LOG, HOST.public, SIZE, 1, 2)
        assert await member.follow(LOG, 0, SIZE) == HOST_RECORDS
        assert await member.fetch(LOG, 2, 2) == HOST_RECORDS[2:4]
        assert await member.fetch(LOG, SIZE - 1, 5) == HOST_RECORDS[-1:]
        assert await member.fetch(LOG, 99, 1) == await member.fetch(drawn("no log"), 0, 1) == []


async def test_who_follows_gets_what_comes_and_hears_of_new_logs(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access()))
        await owner.expect(m.AccessStored)
        member = await parts.open(MEMBER)
        assert member.rows == {}
        await owner.append(LOG, 0, HOST_RECORDS[:3])
        logs = await member.expect(m.Logs)
        assert [row.log for row in logs.rows] == [LOG]
        assert await member.follow(LOG, 0, 3) == HOST_RECORDS[:3]
        await owner.append(LOG, 3, HOST_RECORDS[3:])
        assert await member.read_on(LOG, 3, SIZE) == HOST_RECORDS[3:]


async def test_a_stranger_learns_nothing_and_the_same_of_a_channel_that_is_not_there(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await shared(parts)
        known = await refusal(parts, READER)
        unknown = await refusal(parts, READER, channel=channel_id(MEMBER.public))
        assert known == unknown
        assert known.reason == Reason.NOT_ALLOWED


async def test_a_member_writes_its_own_log_and_no_other(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        member = await parts.open(MEMBER)
        own = log_id(MEMBER.public, CHANNEL, INCARNATION, 1)
        # The sample's second data entry is void (SPEC.md §10); a relay cannot see that.
        await member.append(own, 0, MEMBER_RECORDS)
        await member.stored(len(MEMBER_RECORDS))
        await owner.expect(m.Logs)
        assert await owner.follow(own, 0, 3) == MEMBER_RECORDS
        await member.append(LOG, SIZE, HOST_RECORDS[:1])
        assert (await member.refused()).reason == Reason.NOT_ALLOWED


async def test_nobody_begins_a_log_in_another_s_name(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access()))
        await owner.expect(m.AccessStored)
        member = await parts.open(MEMBER)
        await member.append(LOG, 0, HOST_RECORDS)
        assert (await member.refused()).reason == Reason.NOT_ALLOWED
        assert (await parts.open()).rows == {}


@pytest.mark.parametrize(
    ("verbs", "message", "is_refused"),
    [
        (Verb.READ, m.Append(LOG, 0, HOST_RECORDS), True),
        (Verb.READ, m.Live(b"", b"x"), True),
        (Verb.LIVE, m.Fetch(LOG, 0, 1), True),
        (Verb.LIVE, m.Live(b"", b"x"), False),
    ],
)
async def test_a_member_does_what_it_may(tmp_path, verbs, message, is_refused):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts, {MEMBER.public: verbs})
        member = await parts.open(MEMBER)
        await member.send(message)
        if is_refused:
            assert (await member.refused()).reason == Reason.NOT_ALLOWED
        else:
            assert await owner.expect(m.LiveFrom) == m.LiveFrom(MEMBER.public, b"x")


async def test_what_is_known_is_stored_once_and_receipted_again(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        before = parts.relay.metrics.records_stored
        for first in (0, 2, SIZE - 1):
            await owner.append(LOG, first, HOST_RECORDS[first:])
            assert (await owner.stored(SIZE)).size == SIZE
        assert parts.relay.metrics.records_stored == before


def other_history():
    """Another log of the same id: as a restored copy of the home would write it."""
    writer = host_writer()
    chain = begin(writer)
    chain.append(writer.append(EntryKind.DATA, [Output(0, 0, b"another history")], nonce(99)))
    return [encode_record(sealed) for sealed in chain]


async def test_a_fork_is_refused_and_what_is_stored_stays(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        await owner.append(LOG, 0, other_history())
        assert (await owner.refused()).reason == Reason.FORK
        again = await parts.open()
        assert await again.fetch(LOG, 0, SIZE) == HOST_RECORDS


@pytest.mark.parametrize(
    ("first", "records", "reason"),
    [
        (1, HOST_RECORDS[1:], Reason.CHAIN),
        (0, HOST_RECORDS[1:], Reason.CHAIN),
        (0, [HOST_RECORDS[0], HOST_RECORDS[2]], Reason.CHAIN),
        (0, [HOST_RECORDS[0], HOST_RECORDS[1][:-1] + b"\0"], Reason.CHAIN),
        (0, [b"no record"], Reason.PROTOCOL),
        (0, [], Reason.PROTOCOL),
    ],
)
async def test_what_does_not_continue_a_log_is_refused_and_not_kept(tmp_path, first, records, reason):
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Append(LOG, first, records))
        assert (await owner.refused()).reason == reason
        assert (await parts.open()).rows == {}


async def test_an_access_list_counts_only_if_it_is_newer(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        await owner.send(m.Access(access({MEMBER.public: ALL}, version=3)))
        assert await owner.expect(m.AccessStored) == m.AccessStored(3)
        await owner.send(m.Access(access({READER.public: ALL}, version=2)))
        assert await owner.expect(m.AccessStored) == m.AccessStored(3)
        assert (await refusal(parts, READER)).reason == Reason.NOT_ALLOWED


async def test_who_is_taken_off_the_list_is_let_go_at_once(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        member = await parts.open(MEMBER)
        await owner.send(m.Access(access({}, version=2)))
        assert (await member.refused()).reason == Reason.NOT_ALLOWED
        assert (await refusal(parts, MEMBER)).reason == Reason.NOT_ALLOWED


async def test_who_may_more_is_not_let_go(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts, {MEMBER.public: Verb.READ})
        member = await parts.open(MEMBER)
        await owner.send(m.Access(access({MEMBER.public: ALL}, version=2)))
        await owner.expect(m.AccessStored)
        await member.send(m.Live(b"", b"hello"))
        assert await owner.expect(m.LiveFrom) == m.LiveFrom(MEMBER.public, b"hello")


async def test_behind_its_expiry_a_channel_is_its_owner_s_alone(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        await owner.send(m.Access(access(version=2, expires_us=parts.wall_us[0] + 10)))
        await owner.expect(m.AccessStored)
        member = await parts.open(MEMBER)
        parts.wall_us[0] += 10
        for room in parts.relay.rooms.in_use():
            room.let_expired_go()
        assert (await member.refused()).reason == Reason.EXPIRED
        assert (await refusal(parts, MEMBER)).reason == Reason.EXPIRED
        assert (await refusal(parts, READER)).reason == Reason.NOT_ALLOWED
        assert await owner.fetch(LOG, 0, 1) == HOST_RECORDS[:1]


async def test_live_messages_go_from_members_to_the_owner_and_from_the_owner_to_one_or_all(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts, {MEMBER.public: ALL, READER.public: ALL})
        member, reader = await parts.open(MEMBER), await parts.open(READER)
        await member.send(m.Live(READER.public, b"from a member"))
        assert await owner.expect(m.LiveFrom) == m.LiveFrom(MEMBER.public, b"from a member")
        await owner.send(m.Live(MEMBER.public, b"to one"))
        await owner.send(m.Live(b"", b"to all"))
        assert await member.expect(m.LiveFrom) == m.LiveFrom(HOST.public, b"to one")
        assert await member.expect(m.LiveFrom) == m.LiveFrom(HOST.public, b"to all")
        assert await reader.expect(m.LiveFrom) == m.LiveFrom(HOST.public, b"to all")


async def test_of_live_messages_that_nobody_takes_the_oldest_are_dropped(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await shared(parts)
        member = await parts.open(MEMBER, most=0)
        for number in range(100):
            await owner.send(m.Live(b"", number.to_bytes(2, "big") + bytes(m.MAX_LIVE - 2)))
        await owner.fetch(LOG, 0, 1)  # the relay has taken them all
        await owner.send(m.Live(b"", b"last"))
        seen = []
        while seen[-1:] != [b"last"]:
            seen.append((await member.expect(m.LiveFrom)).data)
        assert parts.relay.metrics.live_dropped == 101 - len(seen) > 0


async def test_a_reader_too_far_behind_is_told_and_goes_on_at_the_newest_keyframe(tmp_path):
    records = long_chain(300, 600)
    assert sum(map(len, records)) > 4 * TAIL_BYTES
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access({MEMBER.public: ALL, READER.public: ALL})))
        await owner.append(LOG, 0, records[:3])
        await owner.stored(3)
        slow, quick = await parts.open(MEMBER, most=0), await parts.open(READER)
        assert await slow.follow(LOG, 0, 3) == await quick.follow(LOG, 0, 3) == records[:3]
        await owner.append(LOG, 3, records[3:])
        assert await quick.read_on(LOG, 3, len(records)) == records[3:]  # it is not held up
        await owner.stored(len(records))
        # The slow one was in the middle of a message; what it got before is what is next.
        got = []
        lagged = None
        while lagged is None:
            message = await slow.expect(m.Entries, m.Lagged)
            if isinstance(message, m.Lagged):
                lagged = message
            else:
                assert message.first == 3 + len(got)
                got += message.records
        assert got == records[3 : 3 + len(got)]
        assert (lagged.log, lagged.grant, lagged.keyframe) == (LOG, 299, 300)
        grant = await slow.expect(m.Entries)
        assert (grant.first, grant.records) == (299, records[299:300])
        assert await slow.read_on(LOG, 300, len(records)) == records[300:]
        assert parts.relay.metrics.lagged == 1


async def test_who_asks_for_the_past_gets_all_of_it_at_its_own_pace(tmp_path):
    records = long_chain(300, 600)
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access()))
        await owner.append(LOG, 0, records)
        await owner.stored(len(records))
        slow = await parts.open(MEMBER, most=0)
        assert await slow.follow(LOG, 0, len(records)) == records
        assert parts.relay.metrics.lagged == 0


async def test_a_record_larger_than_a_message_travels_in_parts(tmp_path):
    writer = host_writer()
    chain = begin(writer)
    screen = b"".join(drawn(str(part), 64) for part in range(16_384))
    keyframe = EMPTY_KEYFRAME.__class__(0, None, 0, 80, 24, "build", 1, screen, b"", (), None)
    chain.append(writer.append(EntryKind.KEYFRAME, [keyframe], nonce(3)))
    records = [encode_record(sealed) for sealed in chain]
    async with relay_parts(tmp_path) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access()))
        await owner.append(LOG, 0, records)
        await owner.stored(4)
        member = await parts.open(MEMBER)
        assert await member.follow(LOG, 0, 4) == records
