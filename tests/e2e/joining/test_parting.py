"""How what was joined ends: the program does, the host removes its guests, a link is void."""

from dataclasses import replace

import pytest

from cctm.archive.files import list_channels
from cctm.archive.reader import Archive
from cctm.cctmd.history import last_output
from cctm.cctmd.joining import mirrors
from cctm.cctmd.requests import answer, list_rows
from cctm.cctmd.services import RefusedError
from cctm.cli import words
from cctm.cli.commands.ls import row_as_json
from cctm.protocol.control import replies, requests
from cctm.protocol.events import How
from cctm.protocol.link import SECRET_BYTES, encode_link
from cctm.protocol.live.messages import Why
from cctm.protocol.origin import decode_origin_untrusted
from daemon_parts import Watcher, running_daemon
from joining_parts import join, row, until
from sharing_host import SharingHost


def link_to_nowhere(host):
    """Another link to what *host* shares, through a relay that is not there."""
    nowhere = decode_origin_untrusted("http://127.0.0.1:1")
    return encode_link(replace(host.link, origin=nowhere, secret=bytes(SECRET_BYTES)))


def state_of(daemon):
    """What `cctm ls` says of the only terminal, to people and to scripts."""
    [listed] = list_rows(daemon, 0)
    return words.state(listed), row_as_json(listed)["state"]


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
        assert viewer.said == [
            "The host has removed you: nothing more comes. Ctrl+B d leaves.",  # at once, whatever lies there
            "it was removed here",
        ]
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
        assert viewer.said[-1] == "it is joined anew"
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
