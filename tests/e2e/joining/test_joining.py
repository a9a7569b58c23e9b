"""A terminal of another machine, joined: a daemon's parts, a relay in a process of its own, a host of the protocol's."""

import pytest
import trio

from cctm.archive.fold import Hole
from cctm.archive.reader import Archive
from cctm.archive.verify import verify_channel
from cctm.cctmd.requests import answer, list_rows
from cctm.cctmd.services import RefusedError
from cctm.protocol.control import replies, requests
from daemon_parts import Watcher, running_daemon
from sharing_host import SharingHost


async def until(condition):
    with trio.fail_after(20):
        while not condition():
            await trio.sleep(0.01)


async def join(daemon, host, label="ann"):
    [created] = await answer(daemon, requests.Join(host.url, 0, label))
    return daemon.mirrors.mirrors[created.channel]


def row(mirror, number=0):
    return "".join(run.text for run in mirror.shown.fold.picture().lines[number].runs).rstrip()


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
