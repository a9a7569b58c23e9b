"""A shared channel's connection to a real relay: cut, stopped, restarted, emptied, rolled back."""

import shutil

import pytest
import trio
import trio.testing

from cctm.cctmd.links.outgoing import HELD_BYTES
from cctm.cctmd.links.uplink import Uplink
from cctm.cctmd.links.upload import Found
from cctm.protocol.keys import WriterKey
from cctm.protocol.sync import messages as m
from link_parts import HostWithMemory, WrittenLog, in_time, outgoing_of, to, way, written
from relay_parts import access
from relay_process import RelayProcess, opened
from samples import CHANNEL, HOST, MEMBER, drawn

READER = WriterKey.from_seed(drawn("reader"))


class Sharing:
    """A host whose channel goes to a relay, by a way that can be cut."""

    def __init__(self, place, between, nursery):
        self.place = str(place / "archive")
        self.outgoing = outgoing_of(place)
        self.way = between
        self.host = HostWithMemory()
        self._nursery = nursery
        self.uplink = Uplink(CHANNEL, HOST, to(between.origin), self.outgoing, self.host)

    def start(self):
        self._nursery.start_soon(self.uplink.run)

    async def delivered(self):
        with in_time():
            await self.uplink.delivered()

    async def down(self):
        """Wait until there is no connection."""
        with in_time():
            while self.uplink.is_up:
                await trio.testing.wait_all_tasks_blocked()

    async def up(self):
        """Wait until there is one."""
        await self.host.until(lambda host: self.uplink.is_up)

    async def reads(self, relay, log, member=MEMBER):
        """What a member gets of *log*."""
        async with opened(relay.address, member) as client:
            return await client.follow(log.ref.log, 0, len(log.records))


@pytest.fixture
async def sharing(tmp_path, nursery):
    async with way() as between:
        yield Sharing(tmp_path, between, nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
def relay(tmp_path, sharing):
    with RelayProcess(tmp_path, "--origin", str(sharing.way.origin)) as process:
        sharing.way.lead_to(process)
        yield process


async def test_what_is_sealed_reaches_a_reader_and_what_is_said_the_members(sharing, relay):
    log = written(sharing.place, sharing.outgoing, 10, 20)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    assert sharing.host.finds == [Found(False, 0, 0)]
    assert sharing.host.versions == [1]
    assert sharing.uplink.state == "connected"
    async with opened(relay.address, MEMBER) as member:
        assert await member.follow(log.ref.log, 0, 5) == log.records
        log.print(30)
        assert await member.read_on(log.ref.log, 5, 6) == log.records[5:]
        await member.send(m.Live(b"", b"hail"))
        await sharing.host.until(lambda host: host.lives == [(MEMBER.public, b"hail")])
        sharing.uplink.live(MEMBER.public, b"pulse")
        sharing.uplink.live(None, b"to all")
        assert (await member.expect(m.LiveFrom)).data == b"pulse"
        assert (await member.expect(m.LiveFrom)).data == b"to all"


async def test_a_new_access_list_turns_out_who_is_not_on_it_after_what_is_said_to_him(sharing, relay):
    written(sharing.place, sharing.outgoing)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    async with opened(relay.address, MEMBER) as member:
        sharing.uplink.live(MEMBER.public, b"farewell")
        sharing.uplink.access(access(members={}, version=2), 2)
        assert (await member.expect(m.LiveFrom)).data == b"farewell"
        await member.refused()
    await sharing.delivered()
    assert sharing.host.versions == [1, 2]


async def test_a_log_that_begins_while_it_is_up_is_sent_too(sharing, relay):
    written(sharing.place, sharing.outgoing, generation=1)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    log = written(sharing.place, sharing.outgoing, 10, generation=2)
    assert await sharing.reads(relay, log) == log.records


async def test_after_a_cut_it_goes_on_where_the_relay_is(sharing, relay):
    log = written(sharing.place, sharing.outgoing, *[1_000] * 50)
    sharing.uplink.access(access(), 1)
    sharing.start()
    for _ in range(5):
        await sharing.delivered()
        passed = sharing.way.passed_bytes
        sharing.way.cut()
        await sharing.down()
        assert sharing.uplink.state.startswith("reconnecting: ")
        log.print(10)
        log.settle()
        sharing.uplink.now()
        await sharing.delivered()
        assert sharing.way.passed_bytes - passed < 10_000  # nothing goes twice
    assert await sharing.reads(relay, log) == log.records


async def test_what_was_sent_and_not_stored_is_sent_again_once_it_is_on_our_disk(sharing, relay, tmp_path):
    log = written(sharing.place, sharing.outgoing)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    log.print(100)  # leaves, and is not on any disk here
    await sharing.delivered()
    relay.kill()
    (tmp_path / "relay.sqlite").unlink()
    await sharing.down()
    log.print(100)
    relay.start()
    sharing.way.lead_to(relay)
    log.settle()
    sharing.uplink.now()
    await sharing.delivered()
    assert await sharing.reads(relay, log) == log.records


async def test_a_relay_that_was_killed_and_comes_back_is_brought_level(sharing, relay):
    log = written(sharing.place, sharing.outgoing, *[2_000] * 100)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    relay.kill()
    sharing.way.lead_to(None)
    await sharing.down()
    log.print(*[2_000] * 100)
    log.settle()
    assert sharing.outgoing.held_bytes == 0
    relay.start()
    sharing.way.lead_to(relay)
    sharing.uplink.now()
    await sharing.delivered()
    assert await sharing.reads(relay, log) == log.records


async def test_a_relay_that_was_rolled_back_gets_what_it_lacks(sharing, relay, tmp_path):
    log = written(sharing.place, sharing.outgoing, 10, 20)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    relay.ask_to_end()
    relay.process.wait()
    relay.kill()
    shutil.copy(tmp_path / "relay.sqlite", tmp_path / "older.sqlite")
    relay.start()
    sharing.way.lead_to(relay)
    log.print(30)
    log.settle()
    sharing.uplink.access(access(version=2), 2)
    sharing.uplink.now()
    await sharing.delivered()
    relay.kill()
    for name in ("relay.sqlite-wal", "relay.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "older.sqlite", tmp_path / "relay.sqlite")
    await sharing.down()
    relay.start()
    sharing.way.lead_to(relay)
    sharing.uplink.now()
    await sharing.delivered()
    assert sharing.host.versions[-1] == 2
    assert await sharing.reads(relay, log) == log.records


async def test_a_relay_that_takes_nothing_more_costs_no_memory_and_nobody_waits(sharing, relay):
    log = written(sharing.place, sharing.outgoing)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    sharing.way.stop()
    for _ in range(200):
        log.print(60_000)
        sharing.uplink.live(None, bytes(30_000))
        await trio.lowlevel.checkpoint()
        assert sharing.outgoing.held_bytes <= HELD_BYTES
    assert sharing.uplink.is_up
    log.settle()
    sharing.way.go_on()
    await sharing.delivered()
    assert await sharing.reads(relay, log) == log.records


async def test_what_is_said_while_nobody_is_connected_is_forgotten(sharing, relay):
    written(sharing.place, sharing.outgoing)
    sharing.uplink.access(access(), 1)
    sharing.uplink.live(None, b"too early")
    sharing.start()
    await sharing.delivered()
    async with opened(relay.address, MEMBER) as member:
        sharing.uplink.live(None, b"now")
        assert (await member.expect(m.LiveFrom)).data == b"now"


async def test_a_log_of_our_key_that_we_do_not_know_shows_that_this_home_is_a_copy(sharing, relay, tmp_path):
    (tmp_path / "other").mkdir()
    theirs = WrittenLog(str(tmp_path / "other"), None, generation=7, tells=False)
    theirs.begin()
    async with opened(relay.address) as owner:
        await owner.send(m.Access(access(version=5)))
        await owner.append(theirs.ref.log, 0, theirs.records)
        await owner.stored(3)
        async with opened(relay.address, MEMBER) as member:
            written(sharing.place, sharing.outgoing)
            sharing.start()
            await sharing.host.until(lambda host: host.finds)
            assert sharing.host.finds == [Found(True, 7, 5)]
            await member.send(m.Live(b"", b"after"))
            await sharing.host.until(lambda host: host.lives)


async def test_a_log_that_we_know_and_do_not_share_is_no_copy(sharing, relay, tmp_path):
    (tmp_path / "other").mkdir()
    ours = WrittenLog(str(tmp_path / "other"), None, generation=1, tells=False)
    ours.begin()
    async with opened(relay.address) as owner:
        await owner.append(ours.ref.log, 0, ours.records)
        await owner.stored(3)
    sharing.host.known.add(ours.ref.log)
    written(sharing.place, sharing.outgoing, generation=2)
    sharing.start()
    await sharing.host.until(lambda host: host.finds)
    assert sharing.host.finds == [Found(False, 0, 0)]


async def test_a_copy_that_turns_up_while_it_is_up_is_told_of(sharing, relay, tmp_path):
    written(sharing.place, sharing.outgoing)
    sharing.uplink.access(access(), 1)
    sharing.start()
    await sharing.delivered()
    (tmp_path / "other").mkdir()
    theirs = WrittenLog(str(tmp_path / "other"), None, generation=2, tells=False)
    theirs.begin()
    async with opened(relay.address) as copy:
        await copy.append(theirs.ref.log, 0, theirs.records)
        await sharing.host.until(lambda host: len(host.finds) == 2)
    assert sharing.host.finds[1] == Found(True, 2, 0)


async def test_a_relay_that_is_full_says_so_and_is_asked_again_later(tmp_path, sharing):
    with RelayProcess(tmp_path, "--origin", str(sharing.way.origin), "--channel-quota", "20K") as relay:
        sharing.way.lead_to(relay)
        written(sharing.place, sharing.outgoing, 30_000)
        sharing.start()
        await sharing.up()
        await sharing.down()
        assert sharing.uplink.state.startswith("This relay stores no more of this terminal.")
        assert sharing.way.connections == 1


async def test_where_nobody_listens_is_the_state(sharing, relay):
    relay.kill()
    sharing.start()
    with in_time():
        while sharing.uplink.state == "connecting":
            await trio.testing.wait_all_tasks_blocked()
    assert sharing.uplink.state.startswith("reconnecting: ")
