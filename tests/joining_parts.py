"""Somebody who joins what a host of the protocol's parts shares, and what is seen of it."""

import trio

from cctm.cctmd.requests import answer
from cctm.protocol.control import requests


async def until(condition):
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110  the relay is another process: nothing here tells when
            await trio.sleep(0.01)


async def join(daemon, host, label="ann"):
    [created] = await answer(daemon, requests.Join(host.url, 0, label))
    return daemon.mirrors.mirrors[created.channel]


def row(mirror, number=0):
    fold = mirror.shown.fold
    return fold and "".join(run.text for run in fold.picture().lines[number].runs).rstrip()
