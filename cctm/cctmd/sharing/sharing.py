"""Which terminals of this home are shared, and what commands ask for.

    Share    ─► relay, link, grant ─► its text          once grant and keyframe are on disk
    Unshare, Kick, expiry ─► one change of the members
    a terminal that is taken up again ─► its members from the catalogue ─► a log that grants to them

Invariant: a terminal with members in force has a `Shared` that runs, from the next turn of the clock on.
"""

import logging
import os
from collections.abc import Iterator
from typing import Final

import trio

from cctm.archive.files import list_files
from cctm.archive.segment import LogRef
from cctm.cctmd.links.failures import LinkError
from cctm.cctmd.links.own_relay import OwnRelay
from cctm.cctmd.links.stored import sizes
from cctm.cctmd.recorder import Owed
from cctm.cctmd.services import RefusedError, Services, wait_for
from cctm.cctmd.sharing.shared import Shared
from cctm.cctmd.terminal import Terminal
from cctm.cctmd.terminals import Terminals
from cctm.home import HomeError
from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Reason
from cctm.protocol.errors import CctmError, LocalError, MalformedError
from cctm.protocol.keys import ChannelId, WriterId
from cctm.protocol.link import SECRET_BYTES, Link, encode_link, link_device
from cctm.protocol.members import MAX_LINKS, Members, SharedLink
from cctm.protocol.origin import Origin, decode_origin_untrusted
from cctm.relay_choice import RelayChoice, load_choice

LOG = logging.getLogger(__name__)

TICK_S: Final = 0.25
WHOLE_PAST: Final = 1
SPENT: Final = "lets nobody in any more; who came by it stays"
BY_ITSELF: Final = ""  # the relay of this home's own, in Members.relay


class Sharing:
    """All shared terminals of one home."""

    def __init__(self, services: Services, terminals: Terminals) -> None:
        self.own_relay = OwnRelay(services.home)
        self._services = services
        self._terminals = terminals
        self._shared: dict[ChannelId, Shared] = {}
        self._beginning = (
            trio.Lock()
        )  # of two who share one terminal at once, the second finds what the first made
        self._unreadable: set[ChannelId] = set()  # terminals whose record says not what there is to share
        self._nursery = services.nursery  # until it runs

    # --- running

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run what is shared, and revoke what expires, until cancelled. Once started, more can be shared."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self.own_relay.run)
            task_status.started()
            while True:
                for terminal in self._terminals.alive():
                    await self._try_to_take_up(terminal)
                for shared in list(self._shared.values()):
                    self._tick(shared)
                await trio.sleep(TICK_S)

    def _tick(self, shared: Shared) -> None:
        shared.perform(shared.gate.tick(shared.moment()))
        wall_us = self._services.clock.wall_us()
        if (
            shared.terminal.ending is not None
        ):  # nothing more is recorded; the relay knows when its links expire
            return
        if shared.members.without_expired(wall_us) != shared.members and not shared.lock.locked():
            self._nursery.start_soon(self._expire, shared)

    async def _expire(self, shared: Shared) -> None:
        async with shared.lock:
            members = shared.members.without_expired(self._services.clock.wall_us())
            if members != shared.members:
                try:
                    await shared.change(members, owed=Owed.GRANT, rotates=True)
                except (OSError, CctmError):
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
        shared = Shared(terminal, self._services, lambda: self._where(terminal))
        stored = await self._stored(terminal.channel)
        files = await trio.to_thread.run_sync(list_files, self._services.home.archive, terminal.channel)
        current = terminal.recorder.log
        shared.known([known for known in stored if known[0] != current])
        # An earlier share may have shown any of them: also the current one, and one that is not yet noted.
        shared.own([*(log.ref for log in files.logs), *([] if current is None else [current])])
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

    # --- the relay

    async def _where(self, terminal: Terminal) -> RelayChoice:
        """Where the host itself dials."""
        relay = terminal.recorder.keys.members.relay
        if relay == BY_ITSELF:
            return RelayChoice(await self.own_relay.reach())
        choice = self._choice()
        invite = choice.invite if choice is not None and str(choice.origin) == relay else None
        return RelayChoice(decode_origin_untrusted(relay), invite)

    async def _origin(self, members: Members) -> Origin:
        """Where guests dial."""
        if members.relay == BY_ITSELF:
            return await self.own_relay.address()
        return decode_origin_untrusted(members.relay)

    def _choice(self) -> RelayChoice | None:
        try:
            return load_choice(self._services.home)
        except HomeError as error:
            raise RefusedError(Reason.FAILED, error.what, error.advice) from error

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
            choice = self._choice()
            members = members.at(BY_ITSELF if choice is None else str(choice.origin), has_floor=request.floor)
        origin = await self._origin(members)
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
        shared = self._find(request.target)
        async with shared.lock:
            members = shared.members
            link = WriterId(request.link)
            if request.link and members.link(link) is None:
                raise RefusedError(Reason.FAILED, "There is no such link.", "See `cctm shares`.")
            members = members.without_link(link) if request.link else members.nobody()
            await self._revoke(shared, members)

    async def kick(self, request: requests.Kick) -> None:
        """Remove a guest, and void their link.

        Raises:
            RefusedError
        """
        shared = self._find(request.target)
        async with shared.lock:
            members = shared.members
            if members.guest(WriterId(request.who)) is None:
                raise RefusedError(Reason.FAILED, "There is no such guest.", "See `cctm who`.")
            await self._revoke(shared, members.without_guest(WriterId(request.who)))

    async def _revoke(self, shared: Shared, members: Members) -> None:
        try:
            await shared.change(members, owed=Owed.GRANT, rotates=True)
        except (OSError, CctmError) as error:
            raise RefusedError(
                Reason.NO_ROOM,
                f"They can type nothing more, but that could not be stored, and so they still see it: {error}.",
                "Free some space, and do it again.",
            ) from error

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
        """The links in force, of one terminal or of all.

        Raises:
            RefusedError
        """
        if target:
            terminal = self._terminals.find_alive(target)
            chosen = [it for it in self._shared.values() if it.terminal is terminal]
        else:
            chosen = list(self._shared.values())
        rows = []
        for shared in chosen:
            try:
                origin: Origin | None = await self._origin(shared.members)
            except (LinkError, MalformedError):
                origin = None
            rows += list(_link_rows(shared, origin))
        return replies.Shares(rows)

    def people(self, terminal: Terminal) -> replies.Presence:
        """Who is here."""
        shared = self._shared.get(terminal.channel)
        if shared is None or not shared.members:
            return replies.Presence([], b"", None)
        wall_us = self._services.clock.wall_us()
        rows = [replies.PersonRow(b"", "you", Role.OWNER, b"", terminal.created_us, None, None)]
        for guest in shared.gate.people(self._services.clock.now_us()):
            known = shared.members.guest(guest.present.who)
            rows.append(
                replies.PersonRow(
                    guest.present.who,
                    guest.present.label,
                    guest.present.role,
                    b"" if known is None else known.link,
                    max(0, wall_us - guest.present.since_us),
                    guest.present.idle_us,
                    guest.round_trip_us,
                )
            )
        holder = shared.gate.holder
        is_own = holder == terminal.recorder.keys.writer.public
        return replies.Presence(rows, b"", b"" if is_own else holder or None)


def _link_rows(shared: Shared, origin: Origin | None) -> Iterator[replies.LinkRow]:
    terminal = shared.terminal
    for link in shared.members.links:
        url = ""
        if origin is not None and not link.is_spent:
            url = encode_link(Link(origin, terminal.channel, link.secret, link.generation, link.epoch))
        guests = sum(guest.link == link.id for guest in shared.members.guests)
        yield replies.LinkRow(
            terminal.channel,
            terminal.name,
            link.id,
            link.role,
            link.expires_us,
            guests,
            url,
            SPENT if link.is_spent else shared.uplink.state,
        )


def _not_shared(terminal: Terminal, error: Exception) -> RefusedError:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, LinkError):
        return RefusedError(Reason.FAILED, error.what, error.advice)
    return RefusedError(
        Reason.FAILED, f"The terminal {terminal.name!r} cannot be shared: {error}.", "See daemon.log."
    )
