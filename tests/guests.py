"""Guests without a daemon: enrolled by a link as any, then readers that take what comes and hail, hundreds of them.

    link ─► the host's grant ─► enrol ─► a grant that names us ─► as oneself: Tail, hails

They open what they need to be enrolled, and nothing afterwards: what many of them cost a machine is what they cost
host and relay.
"""

import os
import time
from collections.abc import Callable

import trio

from cctm.cctmd.links.connection import Connection, dial
from cctm.protocol.access import Role
from cctm.protocol.ids import WriterId, channel_id
from cctm.protocol.keys import DeviceKeys, EpochSecret, KeyId
from cctm.protocol.link import Link
from cctm.protocol.live import effects as driving
from cctm.protocol.live.driver import Driver
from cctm.protocol.sync.follower import Ask, Follower, Learnt
from cctm.protocol.sync.messages import Entries, EntryPart, Lagged, Live, LiveFrom, Logs, Tail

ENROLLING_S = 120.0
LOOK_S = 0.2


def now_us() -> int:
    return time.monotonic_ns() // 1000


class LightGuest:
    """One guest. `enrol` once, then `watch` as often as you like."""

    def __init__(self, link: Link, label: str) -> None:
        self.link = link
        self.label = label
        self.keys = DeviceKeys.from_seed(os.urandom(32))
        self.received_bytes = 0
        self._host: WriterId | None = None
        self._secrets: dict[KeyId, EpochSecret] = {}

    async def enrol(self) -> None:
        """Have the host let us in by our own key."""
        link, device = self.link, self.link.device
        follower = Follower(link.channel, [self.keys, device], (link.generation, link.epoch))
        with trio.fail_after(ENROLLING_S):
            async with dial(link.origin, link.channel, device) as connection:
                follower.connected()
                driver: Driver | None = None
                async with trio.open_nursery() as nursery:
                    while True:
                        message = await connection.receive()
                        if isinstance(message, Logs) and driver is None and (host := self._find(message)):
                            driver = Driver(link.channel, host, device, Role.VIEWER, os.urandom)
                            await self._perform(connection, driver.enrol(self.keys, self.label))
                            nursery.start_soon(self._hail, connection, driver)
                        if isinstance(message, LiveFrom) and driver is not None:
                            effects = driver.take_untrusted(message.data, now_us(), self._secrets)
                            await self._perform(connection, effects)
                        if isinstance(message, Logs | Entries | EntryPart | Lagged):
                            for effect in follower.take_untrusted(message):
                                if isinstance(effect, Ask):
                                    await connection.send(effect.message)
                                elif isinstance(effect, Learnt):
                                    self._secrets |= {one.key_id: one for one in effect.secrets}
                                    if self.keys.box_public in effect.enrolled:
                                        nursery.cancel_scope.cancel()
                                        return

    def _find(self, logs: Logs) -> WriterId | None:
        hosts = (WriterId(row.writer) for row in logs.rows)
        self._host = next((host for host in hosts if channel_id(host) == self.link.channel), self._host)
        return self._host

    async def watch(self, pace: Callable[[], float] = lambda: 0.0) -> None:
        """Read the newest log from where it is now, and hail, until cancelled or cut.

        Args:
            pace: how long to wait before the next message is taken.
        """
        async with dial(self.link.origin, self.link.channel, self.keys) as connection:
            assert self._host is not None
            driver = Driver(self.link.channel, self._host, self.keys, Role.VIEWER, os.urandom)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hail, connection, driver)
                asked = 0
                while True:
                    message = await connection.receive()
                    self.received_bytes = connection.received_bytes
                    if isinstance(message, Logs) and message.rows:
                        newest = max(message.rows, key=lambda row: row.generation)
                        if newest.generation > asked:
                            asked = newest.generation
                            await connection.send(Tail(newest.log, newest.size))
                    elif isinstance(message, LiveFrom):
                        driver.take_untrusted(message.data, now_us(), self._secrets)
                    await trio.sleep(pace())

    async def _hail(self, connection: Connection, driver: Driver) -> None:
        while True:
            await self._perform(connection, driver.due(now_us()))
            await trio.sleep(max(LOOK_S, (driver.wake_us() - now_us()) / 1e6))

    async def _perform(self, connection: Connection, effects: list[driving.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, driving.Send):
                await connection.send(Live(b"", effect.data))
