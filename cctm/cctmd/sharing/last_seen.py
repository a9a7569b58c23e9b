"""When the guests of a shared terminal were last here, by the wall clock.

    the catalogue, of earlier daemons ─► LastSeen ◄─ who leaves
                    └──────◄── noted together ──┘

It is for people to read, and decides nothing: it is no matter if some of it is lost.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import trio

from cctm.cctmd.services import Services, wait_for
from cctm.protocol.errors import CctmError
from cctm.protocol.keys import ChannelId, WriterId
from cctm.protocol.members import Members

TOGETHER_S: Final = 1.0  # those who leave within it are noted together


class LastSeen:
    """Of one channel."""

    def __init__(self, channel: ChannelId, services: Services, members: Callable[[], Members]) -> None:
        self._channel = channel
        self._services = services
        self._members = members
        self._at_us: dict[WriterId, int] = {}
        self._left = trio.Event()  # somebody, and that is not noted yet

    def at_us(self, who: WriterId) -> int:
        """When *who* was last here; 0: that is not known."""
        return self._at_us.get(who, 0)

    def left(self, who: WriterId) -> None:
        """*who* is here no more."""
        self._at_us[who] = self._services.clock.wall_us()
        self._left.set()

    def only(self, members: Members) -> None:
        """Forget who is not among *members*."""
        self._at_us = {who: at for who, at in self._at_us.items() if members.guest(who) is not None}

    async def run(self) -> None:
        """Have the next daemon know, until cancelled."""
        catalogue, channel = self._services.catalogue, self._channel
        known = await wait_for(self._services.storage.run_aside(lambda: catalogue.seen(channel)))
        self._at_us = known | self._at_us
        self.only(self._members())
        while True:
            await self._left.wait()
            await trio.sleep(TOGETHER_S)
            self._left = trio.Event()
            note = partial(catalogue.put_seen, channel, dict(self._at_us))
            with suppress(OSError, CctmError):
                await wait_for(self._services.storage.run_aside(note))
