"""Which terminals of this home are shared, and what commands ask for.

    Share    ─► relay, link, grant ─► its text          once grant and keyframe are on disk
    Unshare, Kick, expiry ─► one change of the members; what its relay does not hear at once is a debt (`debts`)
    a terminal that ends ─► `ended`: its links stay, for the record at the relay, until they are revoked
    a terminal that is taken up again ─► its members from the catalogue ─► a log that grants to them

Invariant: a terminal with members in force has a `Shared` that runs, from the next turn of the clock on.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from cctm.archive.debts import Debt
from cctm.archive.files import list_files
from cctm.archive.segment import LogRef
from cctm.cctmd.links.failures import LinkError
from cctm.cctmd.links.stored import sizes
from cctm.cctmd.recorder import Owed
from cctm.cctmd.services import RefusedError, Services, wait_for
from cctm.cctmd.sharing.debts import Debts
from cctm.cctmd.sharing.ended import EndedShares
from cctm.cctmd.sharing.listing import ENDED, NOBODY_HERE, link_rows, owed_row, presence
from cctm.cctmd.sharing.relays import Relays
from cctm.cctmd.sharing.shared import Shared
from cctm.cctmd.terminal import Terminal
from cctm.cctmd.terminals import Terminals
from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Reason
from cctm.protocol.errors import CctmError, LocalError, MalformedError
from cctm.protocol.keys import ChannelId, WriterId
from cctm.protocol.link import SECRET_BYTES, Link, encode_link, link_device
from cctm.protocol.members import MAX_LINKS, NOBODY, Members, SharedLink
from cctm.protocol.origin import Origin

LOG = logging.getLogger(__name__)

TICK_S: Final = 0.25
WHOLE_PAST: Final = 1
SETTLED_S: Final = 1.0  # for a relay that is there to hear who was removed


class Sharing:
    """All shared terminals of one home."""

    def __init__(self, services: Services, terminals: Terminals) -> None:
        self._relays = Relays(services.home)
        self._services = services
        self._terminals = terminals
        self._shared: dict[ChannelId, Shared] = {}
        self.debts = Debts(services, self._relays.reach, self._is_served)
        self.ended = EndedShares(services, self.debts, self._name)
        # Of two who share one terminal at once, the second finds what the first made.
        self._beginning = trio.Lock()
        self._unreadable: set[ChannelId] = set()  # terminals whose record says not what there is to share
        self._nursery = services.nursery  # until it runs

    # --- running

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run what is shared, and revoke what expires, until cancelled. Once started, more can be shared."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._relays.own.run)
            await self.debts.load()
            await self.ended.load({terminal.channel for terminal in self._terminals.alive()})
            nursery.start_soon(self.debts.run)
            task_status.started()
            while True:
                for terminal in self._terminals.alive():
                    await self._try_to_take_up(terminal)
                for shared in list(self._shared.values()):
                    self._tick(shared)
                await self.ended.expire(self._services.clock.wall_us())
                await trio.sleep(TICK_S)

    def _tick(self, shared: Shared) -> None:
        shared.perform(shared.gate.tick(shared.moment()))
        wall_us = self._services.clock.wall_us()
        if shared.is_over:  # what is left of it is `ended`'s
            return
        if shared.members.without_expired(wall_us) != shared.members and not shared.lock.locked():
            self._nursery.start_soon(self._expire, shared)

    async def _expire(self, shared: Shared) -> None:
        async with shared.lock:
            members = shared.members.without_expired(self._services.clock.wall_us())
            if members != shared.members:
                try:
                    await shared.change(members, owed=Owed.GRANT, rotates=True)
                    shared.expiring.went_well()
                except (OSError, CctmError) as error:
                    if shared.expiring.is_new(str(error)):
                        LOG.exception("terminal %s: a link cannot be revoked", shared.terminal.log_name)

    async def _try_to_take_up(self, terminal: Terminal) -> None:
        if terminal.channel in self._unreadable:
            return
        try:
            await self._take_up(terminal)
        except (OSError, CctmError):  # it concerns one terminal
            self._unreadable.add(terminal.channel)
            LOG.exception("terminal %s cannot be shared again", terminal.log_name)

    async def _take_up(self, terminal: Terminal) -> None:
        """A terminal that an earlier daemon shared: its members follow what is recorded since, from its beginning."""
        async with self._beginning:
            members = terminal.recorder.keys.members
            if not members or terminal.channel in self._shared or terminal.ending is not None:
                return
            shared = await self._begin(terminal)
        shared.go_on()
        terminal.grant(terminal.recorder.keys, Owed.GRANT, begins_epoch=True)
        shared.rule()
        shared.uplink.access(*shared.access())
        self._nursery.start_soon(self._serve, shared)

    async def _begin(self, terminal: Terminal) -> Shared:
        """Have everything that is sealed of *terminal* from now on go to its relay."""
        recorder = terminal.recorder
        shared = Shared(
            terminal, self._services, self.debts, lambda: self._relays.to_host(recorder.keys.members.relay)
        )
        stored = await self._stored(terminal.channel)
        files = await trio.to_thread.run_sync(list_files, self._services.home.archive, terminal.channel)
        current = terminal.recorder.log
        shared.known([known for known in stored if known[0] != current])
        # An earlier share may have shown any of them: also the current one, and one that is not yet noted.
        shared.logs.own([*(log.ref for log in files.logs), *([] if current is None else [current])])
        shared.attach()
        self._shared[terminal.channel] = shared
        return shared

    async def _stored(self, channel: ChannelId) -> list[tuple[LogRef, int]]:
        await wait_for(self._services.storage.barrier())
        catalogue = self._services.catalogue
        known = await wait_for(self._services.storage.run_aside(lambda: catalogue.checkpoints(channel)))
        return await trio.to_thread.run_sync(sizes, self._services.home.archive, channel, known)

    async def _serve(self, shared: Shared) -> None:
        try:
            await shared.run()
        except Exception:  # it concerns one terminal, which goes on
            LOG.exception("terminal %s cannot be shared", shared.terminal.log_name)
        finally:
            shared.detach()
            self._shared.pop(shared.terminal.channel, None)
            if shared.terminal.ending is not None:
                self.ended.note(shared.terminal.channel, shared.members)
            shared.finished.set()
            self.debts.look()

    def _is_served(self, channel: ChannelId, relay: str) -> bool:
        shared = self._shared.get(channel)
        return shared is not None and shared.members.relay == relay

    # --- what commands ask for

    async def share(self, request: requests.Share) -> replies.Link:
        """Make a link.

        Raises:
            RefusedError
        """
        terminal = self._terminals.find_alive(request.target)
        if terminal.held:
            raise RefusedError(
                Reason.NO_ROOM, f"Recording waits: {terminal.held}.", "Share it once that is mended."
            )
        if request.role not in {Role.VIEWER, Role.DRIVER}:
            raise RefusedError(Reason.FAILED, "There is no such role.", "Share to watch, or to drive.")
        await terminal.shown.live()
        async with self._beginning:
            known = self._shared.get(terminal.channel)
            if known is not None and known.is_over:
                await known.leave()
                known = None
            is_new = known is None
            shared = await self._begin(terminal) if known is None else known
        async with shared.lock:
            try:
                url = await self._share(shared, request)
            except (OSError, CctmError, LinkError) as error:
                if is_new and not shared.members:
                    shared.detach()
                    del self._shared[terminal.channel]
                raise _not_shared(terminal, error) from error
        if is_new:
            self._nursery.start_soon(self._serve, shared)
        return replies.Link(url)

    async def _share(self, shared: Shared, request: requests.Share) -> str:
        terminal, keys = shared.terminal, shared.terminal.recorder.keys
        members = keys.members
        if len(members.links) >= MAX_LINKS:
            raise LocalError(f"it has {MAX_LINKS} links")
        if members and request.floor and not members.has_floor:
            raise RefusedError(
                Reason.FAILED,
                f"{terminal.name!r} is shared already, and every driver types.",
                f"Leave out --floor, or `cctm unshare {terminal.name}` first.",
            )
        if not members:
            members = members.at(self._relays.for_the_next(), has_floor=request.floor)
        origin = await self._relays.for_guests(members)
        owed = Owed.GRANT if keys.members else Owed.LOG
        rotates = not request.history
        epoch = keys.epoch.number + rotates
        secret = os.urandom(SECRET_BYTES)
        link = SharedLink(
            link_device(terminal.channel, secret),
            secret,
            Role(request.role),
            first_epoch=WHOLE_PAST if request.history else epoch,
            generation=terminal.recorder.generation_behind(owed),
            epoch=epoch,
            expires_us=request.expires_us,
        )
        await shared.change(members.with_link(link), owed=owed, rotates=rotates)
        if request.history and not members.shows_the_past:
            await self._show_the_past(shared)
        shared.rule()
        return encode_link(Link(origin, terminal.channel, secret, link.generation, link.epoch))

    async def _show_the_past(self, shared: Shared) -> None:
        """Have the relay get the logs begun before it was shared."""
        shared.known(await self._stored(shared.terminal.channel))

    async def unshare(self, request: requests.Unshare) -> None:
        """Revoke a link and its guests, or all.

        Raises:
            RefusedError
        """
        channel = self._terminals.find(request.target)
        shared = self._shared.get(channel)
        if shared is None and channel in self.ended.members:
            async with self.ended.lock:
                members = _without(self.ended.members.get(channel, NOBODY), request.link)
                with _told_if_not_stored():
                    await self.ended.change(channel, members)
        else:
            if shared is None or not shared.members:
                shared = self._find(request.target)
            async with shared.lock:
                await self._revoke(shared, _without(shared.members, request.link))
        await self._settle(channel)

    async def kick(self, request: requests.Kick) -> None:
        """Remove a guest, with all keys under which they are known, and void their link.

        Raises:
            RefusedError
        """
        shared = self._find(request.target)
        async with shared.lock:
            members = shared.members
            guest = members.guest(WriterId(request.who))
            if guest is None:
                raise RefusedError(Reason.FAILED, "There is no such guest.", "See `cctm who`.")
            for known in members.guests:
                if known == guest or (known.link, known.label) == (guest.link, request.label):
                    members = members.without_guest(known.id)
            await self._revoke(shared, members)
        await self._settle(shared.terminal.channel)

    async def _revoke(self, shared: Shared, members: Members) -> None:
        with _told_if_not_stored():
            await shared.change(members, owed=Owed.GRANT, rotates=True)

    async def _settle(self, channel: ChannelId) -> None:
        """Let a relay that is there hear of it before the answer is given: `shares` tells what it has not heard."""
        with trio.move_on_after(SETTLED_S):
            await self.debts.settled(channel)

    async def forget(self, channel: ChannelId) -> None:
        """Delete the record of a terminal that has ended, and have its relay let nobody in any more.

        Raises:
            RefusedError: it could not be deleted.
        """
        shared = self._shared.get(channel)
        if shared is not None:
            await shared.leave()
        unstored = await self.ended.close(channel)
        await self._terminals.forget(channel)
        if unstored is not None:
            await self.ended.keep(unstored)
        await self._settle(channel)

    def _find(self, target: str) -> Shared:
        terminal = self._terminals.find_alive(target)
        shared = self._shared.get(terminal.channel)
        if shared is None or not shared.members:
            raise RefusedError(
                Reason.FAILED, f"The terminal {terminal.name!r} is not shared.", "`cctm share` shares it."
            )
        return shared

    # --- what is shared

    async def shares(self, target: str) -> replies.Shares:
        """The links in force, of one terminal or of all; and what relays do not know yet.

        Raises:
            RefusedError
        """
        only = self._terminals.find(target) if target else None
        if only is not None and only in self._terminals.joined:
            self._terminals.find_alive(target)
        rows = []
        for shared in list(self._shared.values()):
            if only in {None, shared.terminal.channel}:
                state = ENDED if shared.terminal.ending is not None else shared.uplink.state
                rows += await self._rows(shared.terminal.channel, shared.members, state)
        for channel, members in list(self.ended.members.items()):
            if only in {None, channel} and channel not in self._shared:
                rows += await self._rows(channel, members, ENDED)
        rows += [row for debt in self.debts.all for row in self._owed(debt) if only in {None, row.channel}]
        return replies.Shares(rows)

    async def _rows(self, channel: ChannelId, members: Members, state: str) -> list[replies.LinkRow]:
        if not members:
            return []
        try:
            origin: Origin | None = await self._relays.for_guests(members)
        except (LinkError, MalformedError):
            origin = None
        return list(link_rows(channel, self._name(channel), members, origin, state))

    def _name(self, channel: ChannelId) -> str:
        about = self._terminals.abouts.get(channel)
        return "" if about is None else about.name  # its row cannot be read

    def _owed(self, debt: Debt) -> Iterator[replies.LinkRow]:
        shared = self._shared.get(debt.channel)
        if shared is None or not self._is_served(debt.channel, debt.relay):
            why = self.debts.why(debt.relay)
        elif shared.uplink.is_up:
            return  # it is being said
        else:
            why = shared.uplink.state
        yield owed_row(debt, why)

    def people(self, terminal: Terminal) -> replies.Presence:
        """Who is here, and then who may come back."""
        shared = self._shared.get(terminal.channel)
        if shared is None or not shared.members:
            return NOBODY_HERE
        return presence(shared, self._services.clock)


def _without(members: Members, link: bytes) -> Members:
    """Without one link, or without anybody."""
    if link and members.link(WriterId(link)) is None:
        raise RefusedError(Reason.FAILED, "There is no such link.", "See `cctm shares`.")
    return members.without_link(WriterId(link)) if link else members.nobody()


@contextmanager
def _told_if_not_stored() -> Iterator[None]:
    try:
        yield
    except (OSError, CctmError) as error:
        raise RefusedError(
            Reason.NO_ROOM,
            f"They can type nothing more, but that could not be stored, and so they still see it: {error}.",
            "Free some space, and do it again.",
        ) from error


def _not_shared(terminal: Terminal, error: Exception) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, LinkError):
        return RefusedError(Reason.FAILED, error.what, error.advice)
    return RefusedError(
        Reason.FAILED, f"The terminal {terminal.name!r} cannot be shared: {error}.", "See daemon.log."
    )
