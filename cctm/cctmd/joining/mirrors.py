"""The registry of what was joined: by whom it is called, found, connected and forgotten.

    join(link) ─► catalogue: link, own keys ─► Mirror, Downlink ─► its screen is there ─► a name
    a start    ─► catalogue ─► Mirror, not connected until somebody looks

Invariants: names are unique among what runs here and what was joined. What was joined stays so until it is removed,
also while its relay or its host is away. One that has ended is a record like any other.
"""

import logging
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import trio

from cctm.archive.catalogue import About, CatalogueDamagedError, Checkpoint, Joined, State
from cctm.archive.opening import Opener
from cctm.archive.recover import Recovered, recover_channel
from cctm.cctmd.child import shown_command
from cctm.cctmd.joining.downlink import Downlink
from cctm.cctmd.joining.keeping import Keeping
from cctm.cctmd.joining.mirror import Mirror
from cctm.cctmd.joining.past import Past
from cctm.cctmd.naming import check_name
from cctm.cctmd.recorder import Screen
from cctm.cctmd.services import RefusedError, wait_for
from cctm.cctmd.terminals import Terminals
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Reason
from cctm.protocol.errors import MalformedError
from cctm.protocol.events import is_name
from cctm.protocol.keys import SEED_BYTES, ChannelId, EpochSecret, StreamId
from cctm.protocol.link import Link, decode_link_untrusted

LOG = logging.getLogger(__name__)

JOIN_S: Final = 20.0
BLANK: Final = (80, 24)
NO_STREAM: Final = StreamId(bytes(16))


class Mirrors:
    """All that was joined, and did not end."""

    def __init__(self, terminals: Terminals) -> None:
        """Reads the catalogue: before serving begins."""
        self.mirrors: dict[ChannelId, Mirror] = {}
        self.places: dict[ChannelId, str] = {}  # of all that was joined: its relay's address
        self._terminals = terminals
        self._services = terminals.services
        self._downlinks: dict[ChannelId, Downlink] = {}
        terminals.joined = self.mirrors
        self.past = Past(terminals, self.mirrors)
        catalogue = self._services.catalogue
        for channel in catalogue.all_joined():
            about = terminals.abouts.get(channel)
            try:
                joined = catalogue.joined(channel)
                if about is None or joined is None:
                    continue
                self.places[channel] = str(joined.origin)
                if about.state is State.RUNNING:
                    self._add(
                        channel, joined, about, catalogue.epochs(channel), catalogue.checkpoints(channel)
                    )
            except (CatalogueDamagedError, MalformedError):
                LOG.exception("terminal %s cannot be followed", channel.hex()[:8])

    def _add(
        self,
        channel: ChannelId,
        joined: Joined,
        about: About,
        secrets: list[EpochSecret],
        checkpoints: list[Checkpoint],
    ) -> Mirror:
        newest = checkpoints[-1] if checkpoints else None
        stream = NO_STREAM if newest is None or newest.stream is None else newest.stream
        mirror = Mirror(
            channel,
            Screen(stream, *BLANK, about.name),
            0 if newest is None else newest.stream_offset,
            settling=self._terminals,
            joined=joined,
            secrets=secrets,
            keeping=Keeping(self._services, channel, checkpoints, self._terminals.file_bytes.get(channel, 0)),
            on_changed=self._changed,
            on_looked_at=self._looked_at,
        )
        mirror.stalled = lambda: self._terminals.stalled
        self.mirrors[channel] = mirror
        self.places[channel] = str(joined.origin)
        downlink = Downlink(
            mirror, lambda: self._take_up(mirror), self._services.clock, self._services.nursery
        )
        mirror.hurry = downlink.hurry
        self._downlinks[channel] = downlink
        return mirror

    async def _take_up(self, mirror: Mirror) -> None:
        """Find out how far the newest log on the disk goes, and cut what a crash left at its end."""
        services, channel = self._services, mirror.channel
        known = await wait_for(services.storage.run(lambda: services.catalogue.checkpoints(channel)))
        opener = Opener(channel, mirror.joined.keys, list(mirror.granted.secrets.values()))

        def recover() -> Recovered | None:
            return recover_channel(services.home.archive, channel, known, opener)

        recovered = await trio.to_thread.run_sync(recover)
        if recovered is not None:
            mirror.keeping.found(recovered.checkpoint)

    # --- what happens to one

    def _looked_at(self, mirror: Mirror) -> None:
        downlink = self._downlinks.get(mirror.channel)
        if downlink is None:
            return
        if mirror.viewers:
            downlink.hold()
        else:
            downlink.let_go()

    def _changed(self, mirror: Mirror) -> None:
        """The host calls it otherwise, or it ended."""
        channel = mirror.channel
        if mirror.is_given_up:
            return
        if not re.fullmatch(re.escape(mirror.host_name) + r"(-\d+)?", mirror.name):
            mirror.change_name(self._local_name(mirror))
        ending = mirror.ending
        end_us = self._services.clock.wall_us()

        def change(about: About) -> About:
            about = replace(about, name=mirror.name, argv=mirror.argv or about.argv)
            if ending is None:
                return about
            return replace(
                about,
                state=State.ENDED,
                ended_us=end_us,
                how=ending.how,
                code=ending.code,
                output_bytes=mirror.taken,
            )

        self._terminals.change_about(channel, change)
        if ending is not None:
            self._terminals.file_bytes[channel] = mirror.keeping.file_bytes
            self.mirrors.pop(channel, None)

    def _local_name(self, mirror: Mirror) -> str:
        """What *mirror* is called here: as its host calls it, if nothing else is called so."""
        wanted = mirror.host_name
        try:
            check_name(wanted)
        except RefusedError:  # it would be taken for an id, or for nothing
            wanted = _provisional(mirror.channel)
        name, number = wanted, 1
        while name != mirror.name and not self._terminals.name_is_free(name):
            number += 1
            name = f"{wanted[:56]}-{number}"
        return name

    # --- what clients ask for

    async def join(self, request: requests.Join) -> replies.Created:
        """Follow the terminal that a link names.

        Raises:
            RefusedError: it cannot be.
        """
        link = _link_of(request.link)
        if not is_name(request.label):
            raise RefusedError(
                Reason.BAD_NAME,
                "What you call yourself has 1 to 64 characters, no control characters, and no dash in front.",
                "Say another with --as.",
            )
        channel = link.channel
        if channel in self._terminals.abouts and channel not in self.places:
            name = self._terminals.abouts[channel].name
            raise RefusedError(
                Reason.FAILED,
                f"This link is to a terminal of your own, {name!r}.",
                f"Attach to it: `cctm attach {channel.hex()[:8]}`.",
            )
        known = self.mirrors.get(channel)
        if known is not None and known.joined.secret == link.secret and known.is_let_in:
            if known.has_parted:
                raise RefusedError(
                    Reason.FAILED, "The host has removed you, or revoked this link.", "Ask for a new link."
                )
            return replies.Created(channel, known.name)
        return await self._join(link, request.label)

    async def _join(self, link: Link, label: str) -> replies.Created:
        channel = link.channel
        before = await self._noted(channel)
        about = before[1] if before else About(_provisional(channel), (), b"", self._services.clock.wall_us())
        about = replace(about, state=State.RUNNING, ended_us=None, how=None, code=0)
        await self._enter(
            channel,
            Joined(link.origin, link.secret, link.generation, link.epoch, os.urandom(SEED_BYTES), label),
            about,
        )
        mirror, downlink = self.mirrors[channel], self._downlinks[channel]
        downlink.hold()
        try:
            with trio.move_on_after(JOIN_S):
                await _any(mirror.arrived, downlink.failed)
            if mirror.is_let_in:
                downlink.let_go()
                self._looked_at(mirror)
                return replies.Created(channel, mirror.name)
        except BaseException:
            downlink.let_go()
            raise
        failure = downlink.failure
        downlink.let_go()
        if self._downlinks.get(channel) is downlink:  # nobody has joined it anew since
            if before is None:
                await self.forget(channel)
            else:
                await self._enter(channel, *before)
        if failure is not None:
            raise RefusedError(Reason.FAILED, failure.what, failure.advice)
        raise RefusedError(
            Reason.FAILED,
            f"{link.origin} has nothing of that terminal that this link opens.",
            "Ask its host for a new link, or try again once it is there.",
        )

    async def _noted(self, channel: ChannelId) -> tuple[Joined, About] | None:
        """As what *channel* was joined before, and what is known of it; None: it was not."""
        about, mirror = self._terminals.abouts.get(channel), self.mirrors.get(channel)
        if about is None:
            return None
        if mirror is not None:
            return mirror.joined, about
        services = self._services
        joined = await wait_for(services.storage.run(lambda: services.catalogue.joined(channel)))
        return None if joined is None else (joined, about)

    async def _enter(self, channel: ChannelId, joined: Joined, about: About) -> None:
        """Note as what *channel* is joined, and follow it, unless it has ended."""
        services = self._services
        services.storage.readmit(channel)
        catalogue = services.catalogue
        self.close(channel, "it is joined anew")

        def write() -> tuple[list[EpochSecret], list[Checkpoint], Joined]:
            before = catalogue.joined(channel)
            entered = joined if before is None else replace(joined, known=before.known)
            with catalogue.transaction():
                catalogue.put_about(channel, about)
                catalogue.put_joined(channel, entered)
            return catalogue.epochs(channel), catalogue.checkpoints(channel), entered

        secrets, checkpoints, entered = await wait_for(services.storage.run(write))
        self._terminals.abouts[channel] = about
        self.places[channel] = str(entered.origin)
        if about.state is State.RUNNING:
            self._add(channel, entered, about, secrets, checkpoints)

    def close(self, channel: ChannelId, why: str) -> None:
        """Follow *channel* no longer; whoever looks is told *why*."""
        mirror = self.mirrors.pop(channel, None)
        downlink = self._downlinks.pop(channel, None)
        if downlink is not None:
            downlink.end()
        if mirror is not None:
            self._terminals.file_bytes[channel] = mirror.keeping.file_bytes
            mirror.is_given_up = True
            for viewer in list(mirror.viewers):
                viewer.release(why)

    async def forget(self, channel: ChannelId) -> None:
        """Follow *channel* no longer, and delete what is stored of it.

        Raises:
            RefusedError: it could not be deleted.
        """
        self.close(channel, "it was removed here")
        await self._terminals.forget(channel)
        self.places.pop(channel, None)

    def row(self, mirror: Mirror) -> replies.Row:
        """What a listing says of it."""
        about = self._terminals.abouts[mirror.channel]
        return replies.Row(
            channel=mirror.channel,
            name=mirror.name,
            command=shown_command(about.argv) if about.argv else "",
            running=True,
            created_us=about.created_us,
            ended_us=None,
            how=None,
            code=None,
            cols=mirror.size[0],
            rows=mirror.size[1],
            clients=len(mirror.viewers),
            stored_bytes=mirror.keeping.file_bytes,
            stalled="",
            pid=None,
            place=self.places[mirror.channel],
            parted=mirror.joined.parted,
        )


def _link_of(text: str) -> Link:
    try:
        return decode_link_untrusted(text.strip())
    except MalformedError as error:
        raise RefusedError(
            Reason.FAILED,
            f"That is no link to a terminal ({error.what}).",
            "Paste all of it, with what stands behind the #.",
        ) from error


def _provisional(channel: ChannelId) -> str:
    return f"joined-{channel.hex()[:8]}"


async def _any(*events: trio.Event) -> None:
    """Wait for the first of *events*."""

    async def wait(event: trio.Event, done: Callable[[], None]) -> None:
        await event.wait()
        done()

    async with trio.open_nursery() as nursery:
        for event in events:
            nursery.start_soon(wait, event, nursery.cancel_scope.cancel)
