"""Links to terminals that have ended: nothing is recorded any more, but their record stays at the relay.

    a shared terminal that ends, or ended before this daemon ─► note, load ─► links that can be listed and revoked
    revoked, expired, deleted ─► members and debt on disk ─► Debts tell the relay

Invariants: nobody is enrolled. Nothing is sealed, so that no new epoch begins: whom the relay lets in decides alone who
gets what was recorded.
"""

import logging
from collections.abc import Callable, Collection

import trio

from cctm.archive.debts import Debt
from cctm.cctmd.once import Once
from cctm.cctmd.services import Services, wait_for
from cctm.cctmd.sharing.debts import Debts
from cctm.protocol.admission import sign_access
from cctm.protocol.errors import CctmError
from cctm.protocol.keys import ChannelId, WriterKey
from cctm.protocol.members import Members

LOG = logging.getLogger(__name__)


class EndedShares:
    """All of one home."""

    def __init__(self, services: Services, debts: Debts, name_of: Callable[[ChannelId], str]) -> None:
        self.members: dict[ChannelId, Members] = {}
        self.lock = trio.Lock()  # held by whoever changes them
        self._services = services
        self._debts = debts
        self._name_of = name_of
        self._expiring = Once()

    async def load(self, alive: Collection[ChannelId]) -> None:
        """What ended before this daemon began."""
        catalogue = self._services.catalogue
        shared = await wait_for(self._services.storage.run_aside(catalogue.shared))
        self.members = {channel: members for channel, members in shared.items() if channel not in alive}

    def note(self, channel: ChannelId, members: Members) -> None:
        """The terminal *channel* ended, and is shared with *members*."""
        if members:
            self.members[channel] = members

    async def change(self, channel: ChannelId, members: Members) -> None:
        """Have *members*, some of those that there were, be the list; the lock is held.

        Raises:
            OSError, CctmError: it cannot be stored.
        """
        debt = await self._debt(channel, members)
        catalogue = self._services.catalogue

        def store() -> None:
            with catalogue.transaction():
                catalogue.put_members(channel, members)
                if debt is not None:
                    catalogue.put_debt(debt)

        await wait_for(self._services.storage.run_aside(store))
        if members:
            self.members[channel] = members
        else:
            self.members.pop(channel, None)
        if debt is not None:
            self._debts.owe(debt)

    async def _debt(self, channel: ChannelId, members: Members) -> Debt | None:
        """What the relay is to hear; None: nobody has the key that says it."""
        catalogue = self._services.catalogue
        seed = await wait_for(self._services.storage.run_aside(lambda: catalogue.writer(channel)))
        if seed is None:
            return None
        key = WriterKey.from_seed(seed)
        access = members.access(key.public) if members else members.closing(key.public)
        return Debt(members.relay, self._name_of(channel), seed, sign_access(access, key))

    async def expire(self, now_us: int) -> None:
        """Revoke the links whose time is over."""
        for channel, members in list(self.members.items()):
            if members.without_expired(now_us) == members:
                continue
            async with self.lock:
                known = self.members.get(channel)
                if known is None:  # revoked or deleted meanwhile: no list comes after one that closes
                    continue
                try:
                    await self.change(channel, known.without_expired(now_us))
                except (OSError, CctmError) as error:
                    if self._expiring.is_new(str(error)):
                        LOG.exception("terminal %s: a link cannot be revoked", channel.hex()[:8])
                else:
                    self._expiring.went_well()

    async def close(self, channel: ChannelId) -> Debt | None:
        """The record of *channel* is to be deleted: have its relay do so, too, if it was ever shared.

        Returns: what could not be stored; it is owed all the same, as long as this daemon runs.
        """
        catalogue = self._services.catalogue
        async with self.lock:
            debt = None
            try:
                members = self.members.get(channel)
                if members is None:
                    members = await wait_for(
                        self._services.storage.run_aside(lambda: catalogue.members(channel))
                    )
                if not members.version:
                    return None
                debt = await self._debt(channel, members.nobody())
                await self.change(channel, members.nobody())
            except (OSError, CctmError):
                LOG.exception("terminal %s: what its relay is to hear is not stored", channel.hex()[:8])
                self.members.pop(channel, None)
                if debt is not None:
                    self._debts.owe(debt)
                return debt
        return None

    async def keep(self, debt: Debt) -> None:
        """Try again to store *debt*: there may be room now."""
        catalogue = self._services.catalogue
        try:
            await wait_for(self._services.storage.run_aside(lambda: catalogue.put_debt(debt)))
        except (OSError, CctmError):
            LOG.exception("terminal %s: its relay is not told if this daemon ends", debt.channel.hex()[:8])
