"""A terminal of another machine, joined: a daemon's parts, a relay's process, a host of the protocol's parts."""

import pytest
import trio

from cctm.archive.finding import Fault
from cctm.archive.fold import Hole
from cctm.archive.reader import Archive
from cctm.archive.verify import verify_channel
from cctm.cctmd import shown
from cctm.cctmd.joining import banner
from cctm.cctmd.joining.mirror import Mirror
from cctm.cctmd.requests import answer, list_rows
from cctm.cctmd.services import RefusedError
from cctm.protocol.access import Role
from cctm.protocol.control import requests
from cctm.protocol.events import Output
from daemon_parts import Watcher, running_daemon
from joining_parts import join, row, until
from relay_process import RelayProcess
from sharing_host import SharingHost


async def test_whoever_joins_sees_the_screen_and_what_comes(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        await host.prints(b"before\r\n")
        mirror = await join(daemon, host)
        await until(lambda: row(mirror) == "before")
        assert mirror.name == "theirs"
        await host.prints(b"after")
        await until(lambda: row(mirror, 1) == "after")
        assert mirror.size == (20, 5)
        await host.resizes(30, 6)
        await until(lambda: mirror.size == (30, 6))


async def test_whoever_joins_is_enrolled_under_a_label_and_types(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host, "ann's laptop")
        viewer = Watcher()
        mirror.join(viewer)
        mirror.claim(viewer, (100, 30), 1)
        await until(lambda: host.labels == ["ann's laptop"])
        await until(lambda: mirror.is_oneself and mirror.voice.driver.can_type)
        mirror.typed(viewer, b"ls\r", 2)
        await until(lambda: host.typed == b"ls\r")
        await until(lambda: host.windows == [(100, 30)])
        assert viewer.said == []
        await until(lambda: mirror.banner == "")


async def test_a_viewer_is_told_that_nothing_was_typed(tmp_path, relay):
    host = SharingHost(relay.address, role=Role.VIEWER)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        viewer = Watcher()
        mirror.join(viewer)
        await until(lambda: mirror.is_oneself and mirror.voice.driver.pulse is not None)
        mirror.typed(viewer, b"rm -rf /\r", 2)
        assert viewer.said == ["Not typed: the host lets you watch only."]
        assert host.typed == b""


async def test_what_was_joined_is_there_after_a_restart_of_the_daemon_and_dialled_when_somebody_looks(
    tmp_path, relay
):
    host = SharingHost(relay.address)
    async with host.running():
        async with running_daemon(tmp_path) as daemon:
            mirror = await join(daemon, host)
            await host.prints(b"stored")
            await until(lambda: row(mirror) == "stored")
        async with running_daemon(tmp_path) as daemon:
            mirror = daemon.mirrors.mirrors[host.channel]
            assert not mirror.is_connected
            await mirror.shown.live()
            assert (mirror.name, row(mirror)) == ("theirs", "stored")
            await host.prints(b" more")
            mirror.join(Watcher())
            await until(lambda: row(mirror) == "stored more")
            await until(lambda: mirror.joined.is_enrolled)


async def test_the_record_of_a_joined_terminal_is_sound_though_it_begins_late(tmp_path, relay):
    host = SharingHost(relay.address)
    for number in range(10):
        host.events(Output(0, host.offset, b"%d\r\n" % number))
        host.offset += 3
    host.records.append(host._grant())
    host.records.append(host.keyframe(b"9\r\n"))
    async with host.running():
        async with running_daemon(tmp_path) as daemon:
            mirror = await join(daemon, host)
            await host.prints(b"seen")
            await until(lambda: row(mirror, 1) == "seen")
            await daemon.terminals.settle()
            archive = Archive(daemon.home, daemon.services.device)
            report = verify_channel(archive, host.channel)
            assert report.is_sound
            assert [finding.fault for finding in report.findings] == [Fault.SKIPPED]
            assert list(archive.fold_output(host.channel)) == [
                Hole(host.stream, 0, 30, declared=True),
                b"seen",
            ]
        report = verify_channel(archive, host.channel)
        assert report.is_sound
        async with running_daemon(tmp_path) as daemon:
            await host.prints(b" twice")
            mirror = daemon.mirrors.mirrors[host.channel]
            mirror.join(Watcher())
            await until(lambda: row(mirror, 1) == "seen twice")
            await daemon.terminals.settle()
            assert verify_channel(archive, host.channel).is_sound
            pieces = list(archive.fold_output(host.channel))
            assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == b"seen twice"


async def test_a_host_that_does_not_answer_is_said_to_be_unconfirmed(tmp_path, relay):
    host = SharingHost(relay.address)
    host.answers = False
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        viewer = Watcher()
        mirror.join(viewer)
        await until(lambda: mirror.banner == banner.UNCONFIRMED)
        mirror.typed(viewer, b"x", 1)
        await until(lambda: viewer.said == ["Not typed: the host has not answered yet."])
        host.answers = True
        await until(lambda: mirror.banner == "")


async def test_a_relay_that_is_away_is_said_and_dialled_again(tmp_path):
    with RelayProcess(tmp_path) as relay:
        host = SharingHost(relay.address)
        async with running_daemon(tmp_path) as daemon:
            async with host.running():
                mirror = await join(daemon, host)
                viewer = Watcher()
                mirror.join(viewer)
                await until(lambda: mirror.is_connected)
            relay.kill()
            await until(lambda: "Nothing listens" in mirror.banner)
            mirror.typed(viewer, b"x", 1)
            assert viewer.said[-1] == "Not typed: there is no connection to the host."


async def test_joining_twice_is_joining_once(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        assert await join(daemon, host) is mirror


async def test_two_terminals_of_one_name_are_told_apart(tmp_path, relay):
    one, other = SharingHost(relay.address), SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, one.running(), other.running():
        assert (await join(daemon, one)).name == "theirs"
        assert (await join(daemon, other)).name == "theirs-2"


@pytest.mark.parametrize("name", ["1a2b3c4d", "\u2800"])
async def test_a_host_cannot_give_its_terminal_a_name_that_means_another(tmp_path, relay, name):
    host = SharingHost(relay.address, name=name)
    async with running_daemon(tmp_path) as daemon, host.running():
        assert (await join(daemon, host)).name == f"joined-{host.channel.hex()[:8]}"


@pytest.mark.parametrize("request_", [requests.Kill("theirs", 0), requests.Rename("theirs", "mine")])
async def test_ending_and_renaming_are_the_hosts(tmp_path, relay, request_):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        await join(daemon, host)
        with pytest.raises(RefusedError) as refused:
            await answer(daemon, request_)
        assert refused.value.what == "'theirs' is its host's: you are a guest."


async def test_who_cannot_share_what_they_joined_is_told_its_name_and_not_its_id(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        joined = await join(daemon, host)
        with pytest.raises(RefusedError) as refused:
            await answer(daemon, requests.AskShares(joined.channel.hex()))
        said = f"{refused.value.what} {refused.value.advice}"
        assert "'theirs'" in said
        assert joined.channel.hex() not in said


@pytest.mark.parametrize("text", ["", "https://relay.example/t/x", "hello"])
async def test_what_is_no_link_is_refused(tmp_path, text):
    async with running_daemon(tmp_path) as daemon:
        with pytest.raises(RefusedError) as refused:
            await answer(daemon, requests.Join(text, 0, "ann"))
        assert "no link" in refused.value.what


async def test_who_is_there_is_the_host_and_whom_the_host_names(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host, "ann")
        mirror.join(Watcher())
        await until(lambda: len(mirror.voice.presence().rows) == 2)
        [people] = await answer(daemon, requests.AskPeople("theirs"))
        assert [person.label for person in people.rows] == ["", "ann"]
        assert people.rows[0].since_us == 0  # a guest is not told when the host came
        assert people.rows[1].since_us > 0
        assert (people.you, people.holder) == (mirror.joined.keys.sign_public, None)


async def holds(mirror: Mirror) -> bool:
    """Whether no more is read of the connection."""
    with trio.move_on_after(0.2) as scope:
        await mirror.room_for_more()
    return scope.cancelled_caught


async def test_of_a_joined_terminal_that_prints_what_takes_long_no_more_is_read_and_nothing_is_lost(
    tmp_path, relay, monkeypatch
):
    monkeypatch.setattr(shown, "FULL_BYTES", 1024)
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        mirror.join(Watcher())
        await host.resizes(640, 200)
        await host.prints(b"\x1bc" * 1000)
        while not await holds(mirror):
            await trio.lowlevel.checkpoint()
        await host.prints(b"after")
        assert len(list_rows(daemon, 0)) == 1
        assert mirror.shown.is_behind
        assert row(mirror) is None
        await until(lambda: row(mirror) == "after")
        assert not await holds(mirror)
