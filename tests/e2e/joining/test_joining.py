"""A terminal of another machine, joined: a daemon's parts, a relay's process, a host of the protocol's parts."""

from dataclasses import replace

import pytest

from cctm.archive.files import list_channels
from cctm.archive.finding import Fault
from cctm.archive.fold import Hole
from cctm.archive.reader import Archive
from cctm.archive.verify import verify_channel
from cctm.cctmd import shown
from cctm.cctmd.history import last_output
from cctm.cctmd.joining import banner, mirrors
from cctm.cctmd.requests import answer, list_rows
from cctm.cctmd.services import RefusedError
from cctm.cli import words
from cctm.cli.commands.ls import row_as_json
from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.events import How, Output
from cctm.protocol.link import SECRET_BYTES, encode_link
from cctm.protocol.live.messages import Why
from cctm.protocol.origin import decode_origin_untrusted
from daemon_parts import Watcher, running_daemon
from joining_parts import join, row, until
from relay_process import RelayProcess
from sharing_host import SharingHost


def link_to_nowhere(host):
    """Another link to what *host* shares, through a relay that is not there."""
    nowhere = decode_origin_untrusted("http://127.0.0.1:1")
    return encode_link(replace(host.link, origin=nowhere, secret=bytes(SECRET_BYTES)))


def state_of(daemon):
    """What `cctm ls` says of the only terminal, to people and to scripts."""
    [listed] = list_rows(daemon, 0)
    return words.state(listed), row_as_json(listed)["state"]


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


async def test_the_end_of_the_program_ends_it_here(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        viewer = Watcher()
        mirror.join(viewer)
        await host.prints(b"\x1b[31mlast\x1b[0m\r\n")
        await host.ends(3)
        await until(lambda: viewer.ending is not None)
        assert (viewer.ending.how, viewer.ending.code) == (How.EXITED, 3)
        [listed] = list_rows(daemon, 0)
        assert (listed.name, listed.running, listed.code, listed.place) == ("theirs", False, 3, relay.address)
        assert (await last_output(daemon, host.channel, 1000)).output == b"last\r\n"  # nothing that steers


async def test_a_guest_that_is_removed_is_told_and_can_forget_the_terminal(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        viewer = Watcher()
        mirror.join(viewer)
        await until(lambda: mirror.is_oneself and mirror.voice.driver.pulse is not None)
        await host.says_farewell()
        assert mirror.greeting
        await until(lambda: mirror.banner == "The host has removed you: nothing more comes. Ctrl+B d leaves.")
        await until(lambda: mirror.greeting == "")  # the banner would lie behind it
        await host.removes_everybody()
        await until(lambda: not mirror.is_connected)
        assert await answer(daemon, requests.Remove("theirs")) == [replies.Done()]
        assert viewer.said == ["it was removed here"]
        assert list_rows(daemon, 0) == []
        assert Archive(daemon.home, daemon.services.device).terminals() == []
        assert list_channels(daemon.home.archive) == []


@pytest.mark.parametrize(("why", "word"), [(Why.REMOVED, "removed"), (Why.UNSHARED, "unshared")])
async def test_a_terminal_that_the_host_shares_no_longer_is_listed_so_also_after_a_restart(
    tmp_path, relay, why, word
):
    host = SharingHost(relay.address)
    async with host.running():
        async with running_daemon(tmp_path) as daemon:
            mirror = await join(daemon, host)
            mirror.join(Watcher())
            await until(lambda: mirror.is_oneself and mirror.voice.driver.pulse is not None)
            assert state_of(daemon) == ("attached", "running")
            await host.says_farewell(why)
            await until(lambda: state_of(daemon) == (word, word))
            host.members.clear()
        async with running_daemon(tmp_path) as daemon:
            assert state_of(daemon) == (word, word)


async def test_a_terminal_whose_host_said_farewell_and_answers_again_is_listed_as_running(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        mirror.join(Watcher())
        await until(lambda: mirror.is_oneself and mirror.voice.driver.pulse is not None)
        host.answers = False
        await host.says_farewell()
        await until(lambda: state_of(daemon)[0] == "removed")
        host.answers = True
        await until(lambda: state_of(daemon) == ("attached", "running"))


async def test_who_was_away_when_the_sharing_ended_lists_it_so_once_the_relay_has_said_it(tmp_path, relay):
    host = SharingHost(relay.address)
    async with host.running():
        async with running_daemon(tmp_path) as daemon:
            mirror = await join(daemon, host)
            mirror.join(Watcher())
            await until(lambda: mirror.is_oneself)
        await host.removes_everybody()
        async with running_daemon(tmp_path) as daemon:
            assert state_of(daemon) == ("running", "running")
            daemon.mirrors.mirrors[host.channel].join(Watcher())
            await until(lambda: state_of(daemon) == ("unshared", "unshared"))


async def test_what_was_typed_and_not_answered_is_told_when_the_relay_knows_us_no_more(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        viewer = Watcher()
        mirror.join(viewer)
        await until(lambda: mirror.is_oneself and mirror.voice.driver.can_type)
        host.answers = False
        mirror.typed(viewer, b"rm x\r", 2)
        await host.removes_everybody()
        await until(lambda: not mirror.joined.is_enrolled)
        assert viewer.said == ["The host may not have taken the last 5 bytes that you typed."]


async def test_what_was_removed_can_be_joined_again_and_is_stored(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon, host.running():
        await join(daemon, host)
        await answer(daemon, requests.Remove("theirs"))
        mirror = await join(daemon, host)
        await host.prints(b"again")
        await until(lambda: row(mirror) == "again")
        await daemon.terminals.settle()
        archive = Archive(daemon.home, daemon.services.device)
        assert list(archive.fold_output(host.channel)) == [b"again"]


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


async def test_a_link_that_is_void_is_refused_and_leaves_nothing(tmp_path, relay):
    host = SharingHost(relay.address)
    async with running_daemon(tmp_path) as daemon:
        async with host.running():
            await host.removes_everybody()
            with pytest.raises(RefusedError):
                await join(daemon, host)
        assert list_rows(daemon, 0) == []


@pytest.mark.parametrize("left", [False, True])
async def test_a_link_that_does_not_work_leaves_what_was_joined_before_as_it_was(
    tmp_path, relay, monkeypatch, left
):
    host = SharingHost(relay.address)
    elsewhere = link_to_nowhere(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        mirror = await join(daemon, host)
        mirror.join(viewer := Watcher())
        await until(lambda: mirror.is_oneself and mirror.voice.driver.pulse is not None)
        if left:
            await host.says_farewell()
            await until(lambda: state_of(daemon)[1] == "removed")
        [before] = list_rows(daemon, 0)
        monkeypatch.setattr(mirrors, "JOIN_S", 1.0)  # nothing comes, however long it is waited for
        with pytest.raises(RefusedError, match="Nothing listens"):
            await answer(daemon, requests.Join(elsewhere, 0, "bob"))
        assert viewer.said == ["it is joined anew"]
        [after] = list_rows(daemon, 0)
        assert (after.place, after.parted, after.name) == (relay.address, before.parted, "theirs")
        assert after.stored_bytes > 0
        if not left:
            again = daemon.mirrors.mirrors[host.channel]
            again.join(Watcher())
            await until(lambda: again.is_oneself and again.voice.driver.pulse is not None)
            assert host.labels == ["ann"]  # it came back as the guest that the host knew


async def test_a_link_that_does_not_work_leaves_what_has_ended_as_it_was(tmp_path, relay, monkeypatch):
    host = SharingHost(relay.address)
    elsewhere = link_to_nowhere(host)
    async with running_daemon(tmp_path) as daemon, host.running():
        await join(daemon, host)
        await host.ends(3)
        await until(lambda: not daemon.mirrors.mirrors)
        before = list_rows(daemon, 0)
        monkeypatch.setattr(mirrors, "JOIN_S", 1.0)  # nothing comes, however long it is waited for
        with pytest.raises(RefusedError, match="Nothing listens"):
            await answer(daemon, requests.Join(elsewhere, 0, "bob"))
        assert list_rows(daemon, 0) == before


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
        await until(lambda: not mirror.has_room_for_more)
        await host.prints(b"after")
        assert len(list_rows(daemon, 0)) == 1
        assert mirror.shown.is_behind
        assert row(mirror) is None
        await until(lambda: row(mirror) == "after")
        assert mirror.has_room_for_more
