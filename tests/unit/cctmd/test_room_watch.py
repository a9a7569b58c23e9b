"""Recording waits where there is no room, and says so once."""

import errno
import os

import pytest

from cctm.archive.room import Limits
from cctm.cctmd.room import RESUMED_TEXT, ROOM_TEXT, RoomWatch
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminal import QUOTA_TEXT, Held
from cctm.protocol.events import How
from daemon_parts import Watcher, opened, running_daemon

TOO_MUCH = 1 << 62


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        yield one


async def watched(daemon, name="work"):
    terminal, _ = await opened(daemon, name)
    client = Watcher()
    terminal.join(client)
    return terminal, client


async def test_with_room_nothing_happens(daemon):
    terminal, client = await watched(daemon)
    room = RoomWatch(daemon.home.archive, Limits(0))
    await room.look(daemon.terminals)
    assert (daemon.terminals.stalled, terminal.held, client.said) == ("", "", [])


async def test_without_room_every_terminal_waits_and_clients_are_told_once(daemon):
    terminal, client = await watched(daemon)
    other, _ = await watched(daemon, "other")
    room = RoomWatch(daemon.home.archive, Limits(TOO_MUCH))
    for _ in range(3):
        await room.look(daemon.terminals)
    assert daemon.terminals.stalled == Held.ROOM.value
    assert terminal.held == other.held == Held.ROOM.value
    assert client.said == [ROOM_TEXT]
    room._limits = Limits(0)
    for _ in range(3):
        await room.look(daemon.terminals)
    assert (daemon.terminals.stalled, terminal.held, other.held) == ("", "", "")
    assert client.said[1:] == [RESUMED_TEXT]
    assert not terminal.recorder.pending


async def test_a_storage_that_fails_is_told_with_its_cause_until_it_works(daemon):
    terminal, client = await watched(daemon)
    room = RoomWatch(daemon.home.archive, Limits(0))
    room.stalled(OSError(errno.ENOSPC, "full"))
    await room.look(daemon.terminals)
    cause = os.strerror(errno.ENOSPC).lower()
    assert daemon.terminals.stalled == cause
    assert terminal.held == ""
    room.resumed()
    await room.look(daemon.terminals)
    assert [cause in text for text in client.said] == [True, False]
    assert daemon.terminals.stalled == ""


async def test_a_terminal_at_its_quota_waits_alone_and_its_clients_are_told_once(daemon):
    terminal, client = await watched(daemon)
    other, bystander = await watched(daemon, "other")
    terminal.stored_bytes = 1000
    room = RoomWatch(daemon.home.archive, Limits(0, quota_bytes=1000))
    for _ in range(3):
        await room.look(daemon.terminals)
    assert (terminal.held, other.held, daemon.terminals.stalled) == (Held.QUOTA.value, "", "")
    assert client.said == [QUOTA_TEXT]
    assert bystander.said == []
    room._limits = Limits(0, quota_bytes=2000)
    await room.look(daemon.terminals)
    assert terminal.held == ""


async def test_the_end_of_a_terminal_at_its_quota_is_stored_at_once(daemon):
    terminal, _ = await watched(daemon)
    terminal.viewers.clear()
    terminal.stored_bytes = 1000
    room = RoomWatch(daemon.home.archive, Limits(0, quota_bytes=1000))
    await room.look(daemon.terminals)
    terminal.recorder.output(b"the rest")
    terminal.end(Ending(How.EXITED, 0))
    assert not terminal.recorder.pending
    await room.look(daemon.terminals)
    assert terminal.held == ""


async def test_both_reasons_are_said_together(daemon):
    terminal, _ = await watched(daemon)
    terminal.stored_bytes = 1000
    await RoomWatch(daemon.home.archive, Limits(TOO_MUCH, quota_bytes=1000)).look(daemon.terminals)
    assert terminal.held == "disk full, quota reached"
