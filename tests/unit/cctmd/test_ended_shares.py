"""Links to terminals that have ended: listed, expired, revoked, and deleted with the record."""

import pytest
import trio
import trio.testing

from cctm.cctmd.services import RefusedError, wait_for
from cctm.cctmd.stage import Ending
from cctm.protocol.access import Role
from cctm.protocol.control import requests
from cctm.protocol.events import How
from cctm.protocol.members import NOBODY, encode_members
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice, save_choice
from daemon_parts import SetClock, opened, running_daemon

RELAY = "http://127.0.0.1:9"  # nothing listens there
HOUR_US = 3_600_000_000


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path, clock=SetClock()) as one:
        save_choice(one.services.home, RelayChoice(decode_origin_untrusted(RELAY)))
        yield one


async def ended(daemon, *expiries_us):
    """A terminal that was shared by such links, and ended; and what else an end comes to."""
    terminal, _ = await opened(daemon)
    for expires_us in expiries_us:
        await daemon.sharing.share(requests.Share("work", int(Role.VIEWER), False, False, expires_us))
    shared = daemon.sharing._shared[terminal.channel]
    members = shared.members
    daemon.terminals.ended(terminal.stream, int(How.EXITED), 0, terminal.recent.end)
    assert terminal.ending == Ending(How.EXITED, 0)
    await daemon.terminals.all_concluded()
    shared._scope.cancel()
    daemon.sharing._shared.clear()
    await daemon.sharing.ended.load(())
    ((channel, found),) = daemon.sharing.ended.members.items()
    assert (channel, encode_members(found)) == (terminal.channel, encode_members(members))
    return terminal.channel


def debt(daemon, channel):
    (one,) = daemon.sharing.debts.of(channel)
    assert (one.relay, one.name) == (RELAY, "work")
    return one.access


async def stored(daemon, channel):
    catalogue = daemon.services.catalogue
    return await wait_for(daemon.services.storage.run_aside(lambda: catalogue.members(channel)))


async def test_a_link_of_an_ended_terminal_expires(daemon):
    at_us = daemon.services.clock.wall + HOUR_US
    channel = await ended(daemon, at_us, None)
    await daemon.sharing.ended.expire(at_us - 1)
    assert daemon.sharing.debts.of(channel) == []
    await daemon.sharing.ended.expire(at_us)
    (left,) = (await stored(daemon, channel)).links
    assert left.expires_us is None
    assert list(debt(daemon, channel).members) == [left.id]
    assert not debt(daemon, channel).is_closed


async def test_a_link_of_a_terminal_of_which_nothing_else_can_be_read_expires_too(daemon):
    at_us = daemon.services.clock.wall + HOUR_US
    channel = await ended(daemon, at_us)
    del daemon.terminals.abouts[channel]
    await daemon.sharing.ended.expire(at_us)
    (one,) = daemon.sharing.debts.of(channel)
    assert (one.name, one.access.is_closed) == ("", True)


async def test_the_last_link_of_an_ended_terminal_closes_it(daemon):
    channel = await ended(daemon, None)
    await daemon.sharing.unshare(requests.Unshare("work", b""))
    assert debt(daemon, channel).is_closed
    assert not await stored(daemon, channel)
    with pytest.raises(RefusedError):
        await daemon.sharing.unshare(requests.Unshare("work", b""))


async def test_a_link_that_is_none_of_an_ended_terminal_is_refused(daemon):
    channel = await ended(daemon, None)
    with pytest.raises(RefusedError):
        await daemon.sharing.unshare(requests.Unshare("work", bytes(32)))
    assert daemon.sharing.debts.of(channel) == []


async def test_a_deleted_terminal_is_owed_to_its_relay_also_when_the_disk_is_full(daemon, monkeypatch):
    channel = await ended(daemon, None)
    catalogue = daemon.services.catalogue
    with monkeypatch.context() as full:

        def no_room(*_):
            full.undo()  # the record goes, and there is room
            raise OSError(28, "full")

        full.setattr(catalogue, "put_members", no_room)
        await daemon.sharing.forget(channel)
    assert debt(daemon, channel).is_closed
    assert channel not in daemon.terminals.abouts
    (kept,) = await wait_for(daemon.services.storage.run_aside(catalogue.debts))
    assert kept.access.is_closed
    assert await stored(daemon, channel) == NOBODY


async def test_a_deleted_terminal_that_was_never_shared_is_owed_to_nobody(daemon):
    terminal, _ = await opened(daemon)
    daemon.terminals.ended(terminal.stream, int(How.EXITED), 0, terminal.recent.end)
    await daemon.terminals.all_concluded()
    await daemon.sharing.forget(terminal.channel)
    assert daemon.sharing.debts.all == []


async def test_a_record_that_is_deleted_while_a_link_of_it_expires_is_closed_all_the_same(daemon):
    at_us = daemon.services.clock.wall + HOUR_US
    channel = await ended(daemon, at_us, None)
    async with trio.open_nursery() as nursery, daemon.sharing.ended.lock:
        nursery.start_soon(daemon.sharing.forget, channel)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(daemon.sharing.ended.expire, at_us)
        await trio.testing.wait_all_tasks_blocked()
    assert debt(daemon, channel).is_closed
    assert await stored(daemon, channel) == NOBODY
    assert channel not in daemon.sharing.ended.members
