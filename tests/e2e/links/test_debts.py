"""What relays are owed, as they are found: without the channel, ahead, or wanting an invite."""

import pytest
import trio

from cctm.archive.debts import Debt
from cctm.cctmd.links.connection import dial
from cctm.cctmd.services import wait_for
from cctm.cctmd.sharing.debts import LIKELY, Debts
from cctm.protocol.admission import CLOSED_US, AccessList, sign_access
from cctm.protocol.origin import decode_origin_untrusted
from cctm.protocol.sync.messages import Access, AccessStored
from daemon_parts import running_daemon
from link_parts import in_time
from relay_process import RelayProcess
from samples import CHANNEL, HOST, MEMBER


@pytest.fixture
def relay(tmp_path):
    with RelayProcess(tmp_path) as one:
        yield one


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        yield one


def owed(relay, version, members=(), expires_us=None):
    access = AccessList(HOST.public, version, dict.fromkeys(members, 5), expires_us)
    return Debt(relay.address, "work", HOST.seed, sign_access(access, HOST))


async def known(relay, version):
    """Have the relay know a list, and stay connected."""
    async with dial(decode_origin_untrusted(relay.address), CHANNEL, HOST) as connection:
        await connection.send(Access(owed(relay, version, [MEMBER.public]).signed))
        while not isinstance(await connection.receive(), AccessStored):
            continue


async def version_at(relay):
    async with dial(decode_origin_untrusted(relay.address), CHANNEL, HOST) as connection:
        return connection.access_version


async def where(relay):
    return decode_origin_untrusted(relay)


async def pay(daemon, debt):
    """Have *debt* be paid as the next daemon does."""
    services = daemon.services
    await wait_for(services.storage.run_aside(lambda: services.catalogue.put_debt(debt)))
    debts = Debts(services, where, lambda _channel, _relay: False)
    await debts.load()
    assert debts.of(CHANNEL) == [debt]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(debts.run)
        with in_time():
            await debts.settled(CHANNEL)
        nursery.cancel_scope.cancel()
    assert await wait_for(services.storage.run_aside(services.catalogue.debts)) == []


async def test_a_relay_that_lets_others_in_is_told(daemon, relay):
    await known(relay, 6)
    await pay(daemon, owed(relay, 7))
    assert await version_at(relay) == 7


async def test_a_relay_that_has_no_such_channel_is_owed_nothing_and_makes_none(daemon, relay):
    await pay(daemon, owed(relay, 7))
    assert await version_at(relay) == 0


async def test_a_relay_that_wants_an_invite_for_it_has_no_such_channel(daemon, tmp_path):
    place = tmp_path / "by invite"
    place.mkdir()
    with RelayProcess(place, "--invite-only") as relay:
        await pay(daemon, owed(relay, 7))


@pytest.mark.parametrize(
    ("there", "expires_us", "then"),
    [(7, None, 7), (9, None, 9), (9, CLOSED_US, 10), (7 + LIKELY, CLOSED_US, 7 + LIKELY)],
)
async def test_a_list_that_closes_counts_though_the_relay_is_ahead(daemon, relay, there, expires_us, then):
    await known(relay, there)
    async with dial(
        decode_origin_untrusted(relay.address), CHANNEL, HOST
    ) as held:  # so that it is not deleted yet
        await pay(daemon, owed(relay, 7, expires_us=expires_us))
        assert held.access_version == there
        assert await version_at(relay) == then


async def test_what_was_paid_before_a_newer_list_is_owed_leaves_that(daemon, relay):
    services, debts = daemon.services, daemon.sharing.debts
    newer = owed(relay, 8)
    await wait_for(services.storage.run_aside(lambda: services.catalogue.put_debt(newer)))
    debts.owe(newer)
    debts.paid(CHANNEL, relay.address, 7)
    assert debts.of(CHANNEL) == [newer]
    assert await wait_for(services.storage.run_aside(services.catalogue.debts)) == [newer]
