"""cctm.relay.housekeeping: what time does."""

import pytest
import trio
import trio.testing

from cctm.protocol.admission import CLOSED_US
from cctm.protocol.keys import channel_id
from cctm.protocol.sync import messages as m
from cctm.relay.housekeeping import go_round
from cctm.relay.options import Options
from cctm.relay.store import Maker
from relay_parts import HOST_RECORDS, LOG, access, relay_parts
from samples import CHANNEL, MEMBER

DAY_US = 86_400 * 1_000_000
SIZE = len(HOST_RECORDS)
OTHER = channel_id(MEMBER.public)


async def rounds(parts, days):
    parts.wall_us[0] += days * DAY_US
    options = Options("", idle_days=90)
    await go_round(parts.relay.rooms, parts.relay.store, options, parts.wall_us[0] // 1_000_000)


async def made(parts):
    owner = await parts.open()
    await owner.send(m.Access(access()))
    await owner.append(LOG, 0, HOST_RECORDS)
    await owner.stored(SIZE)
    return owner


async def listed(owner, version, **more):
    """Have the relay store a list."""
    await owner.send(m.Access(access(version=version, **more)))
    while await owner.expect(m.AccessStored) != m.AccessStored(version):
        continue


async def all_left(parts):
    while parts.relay.metrics.channels:
        await parts.relay.store.settle()
        await trio.lowlevel.checkpoint()


async def test_what_nobody_used_for_long_is_deleted(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        owner.socket.close()
        await all_left(parts)
        await rounds(parts, 90)
        assert await parts.relay.store.channel(CHANNEL) is not None
        await rounds(parts, 1)
        assert await parts.relay.store.channel(CHANNEL) is None
        assert parts.relay.metrics.stored_bytes == 0


async def test_what_is_in_use_stays_however_long(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        for _ in range(4):
            await rounds(parts, 80)
        assert await owner.fetch(LOG, 0, SIZE) == HOST_RECORDS
        owner.socket.close()
        await all_left(parts)
        await rounds(parts, 80)
        assert await parts.relay.store.channel(CHANNEL) is not None


async def test_whoever_only_reads_uses_it_too(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        owner.socket.close()
        await all_left(parts)
        parts.wall_us[0] += 80 * DAY_US
        reader = await parts.open()
        reader.socket.close()
        await all_left(parts)
        await rounds(parts, 80)
        assert await parts.relay.store.channel(CHANNEL) is not None


async def closed_and_left(parts):
    """A channel that its owner closed, and that nobody uses."""
    owner = await made(parts)
    await listed(owner, 2, members={}, expires_us=CLOSED_US)
    owner.socket.close()
    await all_left(parts)


async def test_what_its_owner_closed_is_deleted_once_nobody_uses_it(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        await listed(owner, 2, members={}, expires_us=CLOSED_US)
        await parts.relay.rooms.remove_closed()
        assert await parts.relay.store.channel(CHANNEL) is not None
        owner.socket.close()
        await all_left(parts)
        await parts.relay.rooms.remove_closed()
        assert await parts.relay.store.channel(CHANNEL) is None
        assert parts.relay.metrics.stored_bytes == 0


async def test_what_was_closed_before_the_relay_ended_is_deleted_by_the_next(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        await listed(owner, 2, members={}, expires_us=CLOSED_US)
    async with relay_parts(tmp_path) as parts:
        await rounds(parts, 0)
        assert await parts.relay.store.channel(CHANNEL) is None


@pytest.mark.parametrize("more", [{}, {"members": {}}, {"expires_us": CLOSED_US}])
async def test_what_is_not_closed_stays_behind_a_round(tmp_path, more):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        await listed(owner, 2**62, **more)
        owner.socket.close()
        await all_left(parts)
        await rounds(parts, 0)
        assert await parts.relay.store.channel(CHANNEL) is not None


async def test_a_list_that_is_damaged_ends_no_round(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        owner.socket.close()
        await all_left(parts)
        parts.relay.store.put_access(CHANNEL, b"damaged", Maker(0, None, by_invite=False), lambda _: None)
        await rounds(parts, 0)
        assert await parts.relay.store.channel(CHANNEL) is not None


async def test_the_largest_list_that_closes_is_found(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        await listed(owner, 2**63 - 1, members={}, expires_us=CLOSED_US)
        assert await parts.relay.store.closed() == [CHANNEL]


async def test_what_is_opened_again_before_it_was_deleted_stays(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await closed_and_left(parts)
        again = await parts.open()
        await again.send(m.Access(access(version=3)))
        await again.expect(m.AccessStored)
        again.socket.close()
        await all_left(parts)
        await parts.relay.rooms.remove_closed()
        assert await parts.relay.store.channel(CHANNEL) is not None


async def test_a_list_that_names_nobody_deletes_nothing(tmp_path):
    async with relay_parts(tmp_path) as parts:
        owner = await made(parts)
        await owner.send(m.Access(access({}, 2)))
        await owner.expect(m.AccessStored)
        owner.socket.close()
        await all_left(parts)
        await parts.relay.rooms.remove_closed()
        assert await parts.relay.store.channel(CHANNEL) is not None


async def test_whoever_is_refused_and_does_not_take_it_keeps_nothing_from_being_deleted(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await closed_and_left(parts)
        kicked = await parts.connect(MEMBER, most=0)
        await kicked.socket.send(kicked.machine.begin())
        proof, _ = kicked.machine.receive_untrusted(await kicked.socket.receive())
        await kicked.socket.send(proof)
        while not any(parts.relay.metrics.refused.values()):
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert parts.relay.metrics.connections == 1
        await parts.relay.rooms.remove_closed()
        assert await parts.relay.store.channel(CHANNEL) is None


async def test_somebody_who_never_stops_writing_keeps_nobody_else_from_coming_in(tmp_path):
    async with relay_parts(tmp_path) as parts:
        await closed_and_left(parts)

        def write(_outcome=None):
            parts.relay.store.put_access(OTHER, b"", Maker(0, None, by_invite=False), write)

        write()
        with trio.fail_after(20):
            await parts.relay.rooms.remove_closed()
            await parts.open()
