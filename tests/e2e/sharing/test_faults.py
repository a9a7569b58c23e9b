"""A shared terminal outlives its daemons, its relay and its network, and nobody's record differs (SPEC.md §16)."""

import os
import random
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cctm.protocol.ids import ChannelId
from fault_parts import FLOOD, Ran, Relay, Typist, check_typed, kill_daemon, printed, shown, use_relay
from machine import Machine, until
from roads import Road, Roads, skip_without_roads
from stored_records import Compared, check_output, check_records

# `make faults` does it at full length.
KILLS = int(os.environ.get("CCTM_TEST_FAULTS", "1"))
CUTS_S = [float(cut) for cut in os.environ.get("CCTM_TEST_CUTS_S", "1").split(",")]
GO_ON = 0.5  # how often the next fault waits until all is well again
QUIET_S = float(os.environ.get("CCTM_TEST_QUIET_S", "1"))  # at most between two faults


@dataclass
class Shared:
    """One terminal that floods and is typed into, shared by *host* with *guest* through *relay*."""

    host: Machine
    guest: Machine
    relay: Relay
    typist: Typist
    channel: ChannelId
    place: Path

    def go_on(self) -> None:
        """Wait until what is typed runs, or runs again."""
        before = self.read()
        until(lambda: not self.typist.is_typing or len(self.read()) > len(before), "what is typed runs", 120)
        if not self.typist.is_typing:
            self.typist.stop()

    def read(self) -> bytes:
        path = self.place / "read"
        return path.read_bytes() if path.exists() else b""

    def end(self) -> tuple[Ran, Compared, int]:
        """Wait until all is level, and see that it is the same everywhere."""
        self.typist.stop()
        (self.place / "enough").touch()
        until((self.place / "count").exists, "the flood ends")
        until(lambda: "that was all" in shown(self.host, "work")[-1:], "the host shows the end", 300)
        with self.guest.open("attach", "work") as screen:
            screen.expect(b"that was all", 600)
            assert shown(self.guest, "work") == shown(self.host, "work")
            (self.place / "end").touch()
            screen.wait()
        until(lambda: self.host.terminals("-a")["work"]["state"] == "ended", "it ends")
        until(lambda: self.guest.terminals("-a")["work"]["state"] == "ended", "it ends for the guest")
        wanted = printed(int((self.place / "count").read_text()))
        for machine in (self.host, self.guest):
            machine.run("daemon", "stop")
            machine.run("log", "verify", "work")
        assert self.host.export("work") == wanted
        holes = check_output(self.guest, self.channel, wanted)
        self.relay.kill()
        compared = check_records(self.host, self.guest, self.relay.store, self.channel)
        return check_typed(self.read(), self.typist), compared, len(holes)


@contextmanager
def flooding(
    tmp_path: Path, relay: Relay, host: Machine, guest: Machine, rate: int, pause_s: float
) -> Iterator[Shared]:
    use_relay(host, relay.address)
    place = tmp_path / "flood"
    place.mkdir()
    (place / "flood.py").write_text(FLOOD)
    host.run("new", "-d", "-n", "work", "--", sys.executable, str(place / "flood.py"), str(place), str(rate))
    link = host.run("share", "work", "--drive").stdout.decode().strip()
    guest.run("join", "-d", link)
    channel = ChannelId(bytes.fromhex(host.terminals()["work"]["id"]))
    with Typist(guest, "work", pause_s) as typist:
        shared = Shared(host, guest, relay, typist, channel, place)
        shared.go_on()
        yield shared


@pytest.fixture
def roads() -> Iterator[list[Road]]:
    skip_without_roads()
    with Roads(2) as made:
        yield made


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    with ExitStack() as stack:

        def make(name: str, within: tuple[str, ...] = ()) -> Machine:
            (tmp_path / name).mkdir()
            return stack.enter_context(Machine(tmp_path / name, traced=False, within=within))

        yield make


def pass_time(chance: random.Random) -> None:
    select.select([], [], [], chance.uniform(0, QUIET_S))  # any moment will do


@pytest.mark.untraced
def test_daemons_and_relay_are_killed_and_all_records_agree(
    tmp_path: Path, machines: Callable[..., Machine]
) -> None:
    chance = random.Random(KILLS)
    with (
        Relay(tmp_path) as relay,
        flooding(tmp_path, relay, machines("host"), machines("guest"), 200_000, 0.02) as shared,
    ):
        killed = [name for name in ("host", "guest", "relay") for _ in range(KILLS)]
        chance.shuffle(killed)
        for name in killed:
            pass_time(chance)
            if name == "host":
                kill_daemon(shared.host)
            elif name == "guest":
                kill_daemon(shared.guest)
            else:
                relay.kill()
                relay.start()
            if chance.random() < GO_ON:
                shared.go_on()
        shared.go_on()
        shared.end()


@pytest.mark.untraced
def test_a_relay_that_lost_everything_or_is_an_older_copy_gets_all_again(
    tmp_path: Path, machines: Callable[..., Machine]
) -> None:
    chance = random.Random(KILLS)
    with (
        Relay(tmp_path) as relay,
        flooding(tmp_path, relay, machines("host"), machines("guest"), 50_000, 0.02) as shared,
    ):
        for _ in range(KILLS):
            copy = relay.keep_copy()
            pass_time(chance)
            shared.go_on()
            relay.roll_back(copy)
            shared.go_on()
            relay.lose_everything(shared.host)
            shared.go_on()
        shared.end()


@pytest.mark.untraced
def test_on_roads_that_are_slow_lose_packets_and_are_cut_all_records_agree(
    tmp_path: Path, roads: list[Road], machines: Callable[..., Machine]
) -> None:
    to_host, to_guest = roads
    with ExitStack() as stack:
        relay = stack.enter_context(Relay(tmp_path, to_host.near_address, to_host.near))
        host, guest = machines("host", to_host.far), machines("guest", to_guest.far)
        shared = stack.enter_context(flooding(tmp_path, relay, host, guest, 5_000, 0.1))
        for road in (to_host, to_guest):
            road.is_bad(delay_s=0.15, loss=0.05)
        shared.go_on()
        for cut_s in CUTS_S:
            for failing in ([to_host], [to_guest], [to_host, to_guest]):
                with ExitStack() as cuts:
                    for road in failing:
                        cuts.enter_context(road.cut())
                    select.select([], [], [], cut_s)
                shared.go_on()
        shared.end()
