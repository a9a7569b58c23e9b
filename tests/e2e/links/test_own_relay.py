"""A relay of the home's own: started when it is needed, again when it ends, and gone with whoever started it."""

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from archive_fixtures import make_home
from cctm.cctmd.links import own_relay
from cctm.cctmd.links.connection import LinkDownError, dial
from cctm.cctmd.links.own_relay import OwnRelay
from link_parts import in_time
from machine import alive, until
from samples import CHANNEL, HOST


def relays_of(home):
    """Process ids of relays whose store is the home's."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if b"cctm.relay" in command and home.own_relay.encode() in command:
            found.append(int(path.name))
    return [pid for pid in found if alive(pid)]


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@asynccontextmanager
async def running(home):
    own = OwnRelay(home)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(own.run)
        yield own
        nursery.cancel_scope.cancel()


async def is_served(origin):
    async with dial(origin, CHANNEL, HOST) as connection:
        await connection.receive()


async def test_it_is_started_when_it_is_first_needed_and_ends_with_us(home):
    with in_time():
        async with running(home) as own:
            await trio.testing.wait_all_tasks_blocked()
            assert relays_of(home) == []
            origin = await own.reach()
            assert origin.host == "127.0.0.1"
            await is_served(origin)
            assert len(relays_of(home)) == 1
        assert relays_of(home) == []


async def test_links_name_this_machine_and_lead_to_it(home):
    with in_time():
        async with running(home) as own:
            address = await own.address()
            assert address.port == (await own.reach()).port
            await is_served(address)


async def test_the_port_stays_the_same(home):
    with in_time():
        async with running(home) as own:
            first = await own.reach()
        async with running(home) as own:
            assert await own.reach() == first
    assert first.port in own_relay.PORTS


async def test_it_is_started_again_when_it_is_killed(home):
    with in_time():
        async with running(home) as own:
            origin = await own.reach()
            (pid,) = relays_of(home)
            os.kill(pid, signal.SIGKILL)
            while pid in relays_of(home) or not relays_of(home):
                await trio.lowlevel.checkpoint()
            await is_served(await own.reach())
            assert await own.reach() == origin


async def test_a_port_that_another_program_took_is_said(home, monkeypatch):
    monkeypatch.setattr(own_relay, "READY_S", 3.0)
    with in_time():
        async with running(home) as own:
            port = (await own.reach()).port
        (taker,) = await trio.open_tcp_listeners(port, host="0.0.0.0")
        async with running(home) as own, taker:
            with pytest.raises(LinkDownError) as caught:
                await own.reach()
    assert f"0.0.0.0:{port}" in caught.value.what


HELD = """
import os, sys, trio
from cctm.cctmd.links.own_relay import OwnRelay
from cctm.home import Home

async def main():
    own = OwnRelay(Home.locate(os.environ))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(own.run)
        print(await own.reach(), flush=True)

trio.run(main)
"""


def test_it_ends_with_a_daemon_that_is_killed(home):
    daemon = subprocess.Popen(
        [sys.executable, "-c", HELD], env=os.environ | {"CCTM_HOME": home.root}, stdout=subprocess.PIPE
    )
    try:
        assert daemon.stdout.readline().startswith(b"http://127.0.0.1:")
        assert len(relays_of(home)) == 1
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()
    until(lambda: relays_of(home) == [], "the relay ends")


async def test_nothing_that_it_says_stops_it(home):
    """Its journal is a line for each connection: were nobody to read it, it would wait for ever."""
    with in_time():
        async with running(home) as own:
            origin = await own.reach()
            for _ in range(300):
                await is_served(origin)
