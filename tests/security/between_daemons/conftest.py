"""Two daemons, both in front of one terminal, and a relay between them that lies when told to."""

from collections.abc import Iterator

import pytest

from lied_to import Attached, World
from lying_relay import LyingRelay, honest
from machine import until
from outer import Outer
from relay_process import RelayProcess
from two_machines import labels, machine_at, share, use_relay, verify


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("lies")
    (place / "relay").mkdir()
    with (
        LyingRelay() as liar,
        RelayProcess(place / "relay", "--origin", liar.address) as relay,
        # Traced, they take twice as long and show nothing that the tests of sharing do not.
        machine_at(place / "host", traced=False) as host,
        machine_at(place / "guest", traced=False) as guest,
    ):
        liar.serve(relay.address)
        use_relay(host, liar.address)
        for name in ("work", "other"):
            host.run("new", "-d", "-n", name, "--", "cat")
        url = share(host, "work", "--drive")
        other = share(host, "other", "--drive")
        for link in (url, other):
            until(
                lambda link=link: guest.run("join", "-d", link, "--as", "ann", check=False).returncode == 0,
                "the relay has it",
            )
        with Outer(guest, "attach", "other") as there:
            there.until("")
            until(lambda: labels(host, "other") == ["you", "ann"], "the guest is in the other terminal")
            there.enter("elsewhere")
            there.until("elsewhere")
        yield World(liar, relay, host, guest, url, place)


@pytest.fixture
def both(world: World) -> Iterator[Attached]:
    """A test's lies end with it; then both are level, and what is stored is sound."""
    with Outer(world.host, "attach", "work") as here, Outer(world.guest, "attach", "work") as there:
        attached = Attached(world, here, there)
        until(lambda: labels(world.host) == ["you", "ann"], "the guest is here")
        attached.until_level()
        try:
            yield attached
        finally:
            world.liar.lie = honest
        attached.until_level()
    for machine in (world.host, world.guest):
        verify(machine)
    for machine in (world.host, world.guest):
        assert b"Traceback" not in (machine.home / "state" / "daemon.log").read_bytes()
    assert world.liar.errors == []
