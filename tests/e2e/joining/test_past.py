"""What lies before a guest joined, fetched when somebody asks: a daemon's parts, a relay's process."""

import os

import pytest
import trio

from cctm.archive.fold import Hole
from cctm.archive.reader import Archive
from cctm.archive.room import Limits
from cctm.archive.verify import verify_channel
from cctm.cctmd.joining import past
from cctm.cctmd.requests import answer
from cctm.cli.record import Record
from cctm.protocol.control import requests
from cctm.protocol.events import LogHead, Output
from cctm.protocol.keys import EpochSecret
from cctm.protocol.link import Link
from cctm.protocol.sync import messages as m
from daemon_parts import Watcher, opened, running_daemon
from joining_parts import join, until
from lying_relay import LyingRelay, honest
from relay_process import RelayProcess
from sharing_host import SharingHost

LINES = [b"line %05d\r\n" % number for number in range(3_000)]


def prints_unseen(host, lines):
    """What a newcomer is not sent: it lies before the newest keyframe."""
    for line in lines:
        host.events(Output(0, host.offset, line))
        host.offset += len(line)


def renews(host):
    """A grant and a keyframe: where a newcomer begins."""
    host.records.append(host._grant())
    host.records.append(host.keyframe(b"the screen\r\n"))


def begins_anew(host):
    """The host's next log."""
    before = LogHead(host.log.log, host.log.size, host.log.head)
    host.begin_log(before, b"the screen\r\n", host.generation + 1)


async def recall(daemon, host, most_bytes=1):
    [recalled] = await answer(daemon, requests.Recall(host.channel.hex(), most_bytes))
    return recalled


async def recall_all(daemon, host):
    """Until there is no more; what was said last."""
    while (recalled := await recall(daemon, host, 1 << 20)).more:
        assert recalled.bytes > 0
    return recalled


async def pieces(daemon, host):
    await daemon.terminals.settle()
    archive = Archive(daemon.home, daemon.services.device)
    return list(archive.fold_output(host.channel))


def is_sound(daemon, host):
    return verify_channel(Archive(daemon.home, daemon.services.device), host.channel).is_sound


async def look(daemon, host):
    """Join, and have the newest keyframe and what comes stored."""
    mirror = await join(daemon, host)
    mirror.join(Watcher())
    await until(lambda: mirror.is_oneself)
    await host.prints(b"now")
    await until(lambda: mirror.taken == host.offset)
    return mirror


async def test_all_that_was_printed_before_is_fetched_backwards_and_nothing_unasked(tmp_path, relay):
    host = SharingHost(relay.address)
    prints_unseen(host, LINES)
    renews(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        await look(daemon, host)
        size = sum(map(len, LINES))
        assert await pieces(daemon, host) == [Hole(host.stream, 0, size, declared=True), b"now"]
        before = daemon.mirrors.mirrors[host.channel].keeping.file_bytes
        one = await recall(daemon, host)
        assert (one.more, one.why) == (True, "")
        hole, *newest = await pieces(daemon, host)
        assert 0 < hole.length < size
        assert b"".join(newest) == b"".join(LINES)[hole.length :] + b"now"
        assert is_sound(daemon, host)
        last = await recall_all(daemon, host)
        assert (last.more, last.why) == (False, "")
        assert b"".join(await pieces(daemon, host)) == b"".join(LINES) + b"now"
        assert is_sound(daemon, host)
        assert await recall(daemon, host) == (False, 0, "")
        mirror = daemon.mirrors.mirrors[host.channel]
        archive = Archive(daemon.home, daemon.services.device)
        assert mirror.keeping.file_bytes > before
        assert mirror.keeping.file_bytes <= archive.bytes_on_disk(host.channel)
        await host.prints(b" and on")
        await until(lambda: mirror.taken == host.offset)
        assert b"".join(await pieces(daemon, host)) == b"".join(LINES) + b"now and on"
        assert is_sound(daemon, host)


async def test_the_past_of_older_logs_is_fetched_too(tmp_path, relay):
    host = SharingHost(relay.address)
    async with host.running():
        for lines in (LINES[:1000], LINES[1000:2000]):
            prints_unseen(host, lines)
            await host.upload()
            begins_anew(host)
        prints_unseen(host, LINES[2000:])
        renews(host)
        await host.upload()
        async with running_daemon(tmp_path) as daemon:
            await look(daemon, host)
            assert (await recall_all(daemon, host)).why == ""
            assert b"".join(await pieces(daemon, host)) == b"".join(LINES) + b"now"
            assert is_sound(daemon, host)
        async with running_daemon(tmp_path) as daemon:
            assert await recall(daemon, host) == (False, 0, "")
            mirror = daemon.mirrors.mirrors[host.channel]
            mirror.join(Watcher())
            await host.prints(b" later")
            await until(lambda: mirror.taken == host.offset)
            assert b"".join(await pieces(daemon, host)) == b"".join(LINES) + b"now later"
            assert is_sound(daemon, host)


async def test_what_was_missed_while_nobody_looked_is_fetched_into_its_place(tmp_path, relay):
    host = SharingHost(relay.address)
    async with host.running():
        async with running_daemon(tmp_path) as daemon:
            await look(daemon, host)
        prints_unseen(host, LINES)
        renews(host)
        await host.upload()
        async with running_daemon(tmp_path) as daemon:
            mirror = daemon.mirrors.mirrors[host.channel]
            mirror.join(Watcher())
            await host.prints(b"again")
            await until(lambda: mirror.taken == host.offset)
            assert [type(piece) for piece in await pieces(daemon, host)] == [bytes, Hole, bytes]
            assert (await recall_all(daemon, host)).why == ""
            assert b"".join(await pieces(daemon, host)) == b"now" + b"".join(LINES) + b"again"
            assert is_sound(daemon, host)


async def test_a_record_that_is_scrolled_has_what_was_fetched(tmp_path, relay):
    host = SharingHost(relay.address)
    prints_unseen(host, LINES)
    renews(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        await look(daemon, host)
        await recall_all(daemon, host)
        record = Record(Archive(daemon.home, daemon.services.device), host.channel)
        lines = [line for block in range(record.oldest(), -1, -1) for line in record.lines(block)]
        assert lines == [*(line.decode().strip() for line in LINES), "now"]


async def test_before_what_was_shared_nothing_is_had(tmp_path, relay):
    host = SharingHost(relay.address)
    async with host.running():
        prints_unseen(host, LINES[:100])
        await host.upload()
        host.epoch = EpochSecret(2, os.urandom(32))
        begins_anew(host)
        host.link = Link(host.origin, host.channel, host.link.secret, 2, 2)
        prints_unseen(host, LINES[100:200])
        renews(host)
        await host.upload()
        async with running_daemon(tmp_path) as daemon:
            await look(daemon, host)
            for _ in range(2):
                assert (await recall_all(daemon, host)).why == past.NOT_SHARED
            hole, *rest = await pieces(daemon, host)
            assert hole.length == sum(map(len, LINES[:100]))
            assert b"".join(rest) == b"".join(LINES[100:200]) + b"now"
            assert is_sound(daemon, host)


async def test_within_a_log_what_does_not_open_is_not_stored(tmp_path, relay):
    host = SharingHost(relay.address)
    prints_unseen(host, LINES[:40])
    host.epoch = EpochSecret(2, os.urandom(32))
    host.log.rotate(host.epoch)
    host.link = Link(host.origin, host.channel, host.link.secret, 1, 2)
    renews(host)
    prints_unseen(host, LINES[40:80])
    renews(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        await look(daemon, host)
        assert (await recall_all(daemon, host)).why == past.NOT_SHARED
        hole, *rest = await pieces(daemon, host)
        assert hole.length == sum(map(len, LINES[:40]))
        assert b"".join(rest) == b"".join(LINES[40:80]) + b"now"
        assert is_sound(daemon, host)


async def test_a_relay_that_is_away_is_said_and_nothing_is_lost(tmp_path):
    place = tmp_path / "relay"
    place.mkdir()
    with RelayProcess(place) as relay:
        host = SharingHost(relay.address)
        prints_unseen(host, LINES[:100])
        renews(host)
        async with running_daemon(tmp_path) as daemon:
            async with host.running():
                await look(daemon, host)
            relay.kill()
            recalled = await recall(daemon, host)
            assert not recalled.more
            assert recalled.why.startswith("The history before is not loaded. Nothing listens")
            assert is_sound(daemon, host)


async def test_what_would_be_beyond_the_quota_is_not_fetched(tmp_path, relay):
    host = SharingHost(relay.address)
    prints_unseen(host, LINES[:100])
    renews(host)
    async with host.running():
        async with running_daemon(tmp_path) as daemon:
            await look(daemon, host)
        async with running_daemon(tmp_path, Limits(0, 1)) as daemon:
            recalled = await recall(daemon, host)
            assert recalled == (False, 0, "The history before is not loaded: quota reached.")
        async with running_daemon(tmp_path) as daemon:
            assert (await recall_all(daemon, host)).why == ""
            assert b"".join(await pieces(daemon, host)) == b"".join(LINES[:100]) + b"now"


async def test_of_a_terminal_that_has_ended_the_past_can_still_be_had(tmp_path, relay):
    host = SharingHost(relay.address)
    prints_unseen(host, LINES)
    renews(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        await look(daemon, host)
        await host.ends()
        await until(lambda: host.channel not in daemon.mirrors.mirrors)
        assert (await recall_all(daemon, host)).why == ""
        assert b"".join(await pieces(daemon, host)) == b"".join(LINES) + b"now"
        assert is_sound(daemon, host)


async def test_of_a_terminal_of_one_s_own_all_is_here(tmp_path):
    async with running_daemon(tmp_path) as daemon:
        terminal, slave = await opened(daemon)
        [recalled] = await answer(daemon, requests.Recall(terminal.channel.hex(), 1))
        assert recalled == (False, 0, "")
        os.close(slave)


async def test_two_who_ask_at_once_get_each_piece_once(tmp_path, relay):
    host = SharingHost(relay.address)
    prints_unseen(host, LINES)
    renews(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        await look(daemon, host)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(recall_all, daemon, host)
        assert b"".join(await pieces(daemon, host)) == b"".join(LINES) + b"now"
        assert is_sound(daemon, host)


# --- a relay that lies


def flipped(entries):
    record = bytearray(entries.records[0])
    record[len(record) // 2] ^= 1
    return [entries._replace(records=[bytes(record), *entries.records[1:]])]


def of_another_log(entries):
    return [entries._replace(log=bytes(32))]


def in_another_order(entries):
    return [entries._replace(records=entries.records[::-1])]


def doubled(entries):
    return [entries._replace(records=[*entries.records, *entries.records])]


def without_end(entries):
    return [m.EntryPart(entries.log, entries.first, 0, 300_000, bytes(262_144))] * 2


def gone(entries):
    return [entries._replace(records=[])]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (flipped, past.LIES),
        (of_another_log, past.LIES),
        (in_another_order, past.LIES),
        (doubled, past.LIES),
        (without_end, past.LIES),
        (gone, past.ABSENT),
    ],
)
async def test_a_relay_that_lies_makes_the_loading_fail_and_nothing_else(tmp_path, change, why):
    place = tmp_path / "relay"
    place.mkdir()

    def lie(passage, message):
        is_past = not any(isinstance(said, m.Tail) for said in passage.heard)
        return change(message) if is_past and isinstance(message, m.Entries) else [message]

    with LyingRelay() as liar, RelayProcess(place, "--origin", liar.address) as relay:
        liar.serve(relay.address)
        host = SharingHost(liar.address)
        prints_unseen(host, LINES[:500])
        renews(host)
        async with running_daemon(tmp_path) as daemon, host.running():
            mirror = await look(daemon, host)
            before = await pieces(daemon, host)
            liar.lie = lie
            assert await recall(daemon, host, 1 << 20) == (False, 0, why)
            liar.lie = honest
            assert await pieces(daemon, host) == before
            assert is_sound(daemon, host)
            assert mirror.is_connected
            await host.prints(b" and on")
            await until(lambda: mirror.taken == host.offset)
            assert (await recall_all(daemon, host)).why == ""
            assert b"".join(await pieces(daemon, host)) == b"".join(LINES[:500]) + b"now and on"
            assert is_sound(daemon, host)


async def test_a_relay_that_withholds_what_was_shared_is_not_taken_for_a_host_that_did_not_share_it(tmp_path):
    place = tmp_path / "relay"
    place.mkdir()

    def lie(passage, message):
        is_past = not any(isinstance(said, m.Tail) for said in passage.heard)
        return gone(message) if is_past and isinstance(message, m.Entries) else [message]

    with LyingRelay() as liar, RelayProcess(place, "--origin", liar.address) as relay:
        liar.serve(relay.address)
        host = SharingHost(liar.address)
        host.epoch = EpochSecret(2, os.urandom(32))
        host.begin_log(None, b"the screen\r\n")
        host.link = Link(host.origin, host.channel, host.link.secret, 1, 2)
        prints_unseen(host, LINES[:100])
        renews(host)
        async with running_daemon(tmp_path) as daemon, host.running():
            await look(daemon, host)
            liar.lie = lie
            assert await recall(daemon, host) == (False, 0, past.ABSENT)
            liar.lie = honest
            assert (await recall_all(daemon, host)).why == ""
