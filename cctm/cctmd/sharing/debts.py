"""What relays have not heard yet: whom they are to let in no more (SPEC.md §16.13).

    change of members ─► catalogue, with the change ─► owe ─┬─► the shared terminal's uplink ─► paid
                           └─ the next daemon: load ────────┘─► or, where there is none: dial ─► Access ─► paid

**Invariants**

- A debt is on the disk as long as the relay has not said that it has the list, whatever becomes of the terminal.
- A relay is dialled for its debts by one task, one after the other, ever less often: one that is gone for good costs
  a dial in ten minutes, and a line in the log.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

import trio

from cctm.archive.debts import Debt
from cctm.cctmd.groups import first
from cctm.cctmd.links.connection import Connection, dial
from cctm.cctmd.links.failures import LinkDownError, LinkError, in_words, silent
from cctm.cctmd.links.pacing import Paced
from cctm.cctmd.links.retrying import Retrying
from cctm.cctmd.once import Once
from cctm.cctmd.services import Services, wait_for
from cctm.home import HomeError
from cctm.protocol.admission import AccessList, sign_access
from cctm.protocol.errors import RemoteError
from cctm.protocol.keys import ChannelId
from cctm.protocol.origin import Origin
from cctm.protocol.sync.messages import Access, AccessStored
from cctm.protocol.sync.serving import Reason

LOG = logging.getLogger(__name__)

MOST_PAUSE_S: Final = 600.0
ANSWER_S: Final = 60.0
LIKELY: Final = 1 << 20  # changes of a list that another copy of this home may have made

Served = Callable[[ChannelId, str], bool]
Where = Callable[[str], Awaitable[Origin]]


class Debts:
    """All of one home. `run` must be running for those to be paid that no uplink pays."""

    def __init__(self, services: Services, where: Where, is_served: Served) -> None:
        """
        Args:
            where: to dial a relay, by what Members call it; may raise LinkError.
            is_served: whether a channel's own connection to a relay sees to it.
        """
        self._services = services
        self._where = where
        self._is_served = is_served
        self._debts: dict[tuple[ChannelId, str], Debt] = {}
        self._visits: dict[str, Retrying] = {}  # relays that a task sees to
        self._failures: dict[str, Once] = {}
        self._changed = trio.Event()

    async def load(self) -> None:
        """What earlier daemons left."""
        catalogue = self._services.catalogue
        for debt in await wait_for(self._services.storage.run_aside(catalogue.debts)):
            self._debts.setdefault((debt.channel, debt.relay), debt)

    def of(self, channel: ChannelId) -> Sequence[Debt]:
        """Those of one channel."""
        return [debt for (of, _), debt in self._debts.items() if of == channel]

    @property
    def all(self) -> Sequence[Debt]:
        return list(self._debts.values())

    def why(self, relay: str) -> str:
        """What went wrong when *relay* was last dialled for its debts; empty: nothing, or it was not."""
        failure = self._failures.get(relay)
        return "" if failure is None else failure.cause

    # --- making and paying them

    def owe(self, debt: Debt) -> None:
        """*debt* is on the disk."""
        self._debts[debt.channel, debt.relay] = debt
        self.look()

    def look(self) -> None:
        """Something is owed, or no uplink pays it any more."""
        for retrying in self._visits.values():
            retrying.now()
        self._change()

    def paid(self, channel: ChannelId, relay: str, version: int) -> None:
        """*relay* has the access list of *version*."""
        debt = self._debts.get((channel, relay))
        if debt is None or debt.access.version > version:
            return
        del self._debts[channel, relay]
        catalogue = self._services.catalogue
        self._services.storage.run_aside(lambda: catalogue.forget_debt(channel, relay, version))
        self._change()

    async def settled(self, channel: ChannelId) -> None:
        """Wait until nothing is owed of *channel*."""
        while self.of(channel):
            await self._changed.wait()

    def _change(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    # --- dialling

    async def run(self) -> None:
        """Pay what no uplink pays, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                for relay in {relay for _, relay in self._debts} - set(self._visits):
                    if self._unserved(relay):
                        self._visits[relay] = Retrying(most_s=MOST_PAUSE_S)
                        nursery.start_soon(self._visit, relay)
                await self._changed.wait()

    def _unserved(self, relay: str) -> list[Debt]:
        return [
            debt
            for (channel, of), debt in self._debts.items()
            if of == relay and not self._is_served(channel, relay)
        ]

    async def _visit(self, relay: str) -> None:
        """Pay *relay* all that it is owed."""
        failure = self._failures.setdefault(relay, Once())
        retrying = self._visits[relay]
        try:
            while debts := self._unserved(relay):
                error = await self._pay(relay, debts)
                if error is None:
                    failure.went_well()
                    continue
                if failure.is_new(error.what):
                    LOG.warning("whom a relay is to let in no more: it does not hear of it: %s", error.what)
                await retrying.pause()
        finally:
            del self._visits[relay]

    async def _pay(self, relay: str, debts: Sequence[Debt]) -> LinkError | None:
        """Dial *relay* for each of *debts*, up to the first that shows that it is away; why not all are paid."""
        failed: LinkError | None = None
        for debt in debts:
            try:
                version = await self._tell(await self._where(relay), debt)
            except* (LinkError, HomeError, RemoteError) as group:
                failed = in_words(first(group))
            except* Exception:
                LOG.exception("terminal %s: its relay cannot be told", debt.channel.hex()[:8])
                failed = LinkError("This machine made a mistake.", "See daemon.log.")
            else:
                self.paid(debt.channel, relay, version)
            if isinstance(failed, LinkDownError):
                break
        return failed

    async def _tell(self, origin: Origin, debt: Debt) -> int:
        """Have the relay store the list; the version that it has then."""
        try:
            async with dial(origin, debt.channel, debt.key) as connection:
                access = _above(debt.access, connection.access_version)
                if access is None:
                    return debt.access.version
                with trio.move_on_after(ANSWER_S):
                    await connection.send(Access(sign_access(access, debt.key)))
                    return await _stored(connection, access.version)
        except LinkError as error:
            if error.reason is Reason.NO_CHANNEL:  # so it lets nobody in
                return debt.access.version
            raise
        raise silent(origin)


def _above(owed: AccessList, there: int) -> AccessList | None:
    """What to tell a relay that has the list of version *there*; None: nothing."""
    if there == 0:
        return None
    if there < owed.version:
        return owed
    # Nobody shares this channel any more, so no later list needs the number that this one takes.
    is_likely = there - owed.version < LIKELY
    return replace(owed, version=there + 1) if owed.is_closed and is_likely else None


async def _stored(connection: Connection, version: int) -> int:
    paced = Paced(connection.receive, time.thread_time)
    while True:
        message = await paced.receive()
        if isinstance(message, AccessStored) and message.version >= version:
            return message.version
