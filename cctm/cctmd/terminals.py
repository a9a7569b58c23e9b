"""The registry: every terminal of this home, and what happens to all of them.

    running   by channel and by stream: what the keeper says is passed to the terminal whose stream it is
    ended     what the catalogue says of the others

    keeper ─► output ─► Terminal ─► Sealing ─► storage thread
    storage thread ─► durable ─► ACK; checkpoints; when the end is stored: FORGET, ended

Invariants: names are unique among running terminals. The catalogue is used on the storage thread only, once
serving began.
"""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

import trio

from cctm.archive.catalogue import About, State
from cctm.archive.files import channel_directory, list_channels
from cctm.archive.targets import AmbiguousTerminalError, Named, TargetError, find, find_only
from cctm.cctmd.building import build_fold
from cctm.cctmd.child import shown_command
from cctm.cctmd.durability import Durability, checkpoint
from cctm.cctmd.keeper_link import KeeperLink, Kept
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.pty_state import session_leader
from cctm.cctmd.recorder import ChannelKeys, Durable, Recorder, Screen
from cctm.cctmd.sealing import Sealing, seal_now
from cctm.cctmd.services import RefusedError, Services, wait_for
from cctm.cctmd.stage import Ending, Stage
from cctm.cctmd.terminal import Held, Terminal
from cctm.keeper import wire
from cctm.protocol.control.values import Reason
from cctm.protocol.errors import CctmError
from cctm.protocol.events import How, LogHead
from cctm.protocol.keys import ChannelId, StreamId

LOG = logging.getLogger(__name__)

STALL_S: Final = 1.0  # after which whoever waits for storage asks whether it stands still

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredSoFar:
    """What an earlier daemon stored of a terminal: how far its stream, its newest log and that log's generation."""

    offset: int
    head: LogHead | None
    generation: int
    file_bytes: int


NOTHING_STORED: Final = StoredSoFar(0, None, 0, 0)


class Terminals:
    """All terminals of one home; what the keeper's link tells (it is its Listener)."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.link = KeeperLink(services.home, self)
        self.running: dict[ChannelId, Terminal] = {}
        self.abouts: dict[ChannelId, About] = dict(services.catalogue.abouts())
        self.file_bytes: dict[ChannelId, int] = archive_bytes(services.home.archive)
        self.joined: Mapping[ChannelId, Stage] = {}  # of other machines; `joining.mirrors` sees to them
        self.stalled = ""
        self._streams: dict[StreamId, Terminal] = {}
        self.sealing = Sealing()
        self._token = trio.lowlevel.current_trio_token()
        self._durability = Durability(services, self.link, self.running, self._conclude)
        self._reserved: set[str] = set()
        self._concluded = trio.Event()
        self._arrived: list[Kept] = []
        self._arrival = trio.Event()

    # --- what the keeper says (Listener)

    def arrived(self, kept: list[Kept]) -> None:
        """The keeper answered (again): this is what it holds. `resuming` brings both sides level."""
        for one in self._arrived:
            os.close(one.master)  # of an arrival that nobody looked at before this one
        self._arrived = kept
        self._arrival.set()

    async def next_arrival(self) -> list[Kept]:
        """What the keeper holds, each time that it says so. The masters are the caller's."""
        await self._arrival.wait()
        self._arrival = trio.Event()
        arrived, self._arrived = self._arrived, []
        return arrived

    def by_stream(self, stream: StreamId) -> Terminal | None:
        """The terminal that is registered for *stream*."""
        return self._streams.get(stream)

    def hand_back(self, held: set[StreamId]) -> None:
        """Give the keeper the masters of terminals that it does not hold: the one that did is gone."""
        for stream, terminal in list(self._streams.items()):
            if stream in held or terminal.ending is not None:
                continue
            terminal.pid = terminal.pid or session_leader(terminal.pty.master)
            with terminal.contained():
                if terminal.pid is None:  # it was about to start
                    terminal.end(Ending(How.LOST, 0))
                    continue
                end = terminal.recorder.offset
                terminal.lost(end, None)
                self.touch(terminal)
                id_ = wire.StreamId(stream)
                adopt = wire.Adopt(id_, terminal.channel.hex(), terminal.pid, end)
                self.link.send(adopt, terminal.pty.master)
                self.link.send(wire.Resume(id_, end))

    def output(self, stream: StreamId, offset: int, data: bytes) -> None:
        """Bytes of one terminal."""
        terminal = self._streams.get(stream)
        if terminal is not None and terminal.ending is None:
            with terminal.contained():
                terminal.output(offset, data)
                self.sealing.printed(terminal)

    def ended(self, stream: StreamId, how: int, code: int, end: int) -> None:
        """A terminal ended, at offset *end* of its stream."""
        terminal = self._streams.get(stream)
        if terminal is None or terminal.ending is not None:
            return
        known = terminal.recorder.offset
        if end > known:
            terminal.lost(known, end - known)
        self.sealing.ended(terminal)
        with terminal.contained():
            terminal.end(Ending(How(how), code))

    def turn_over(self) -> None:
        """What the keeper sent at once was passed on."""
        self.sealing.turn_over()

    def touch(self, terminal: Terminal) -> None:
        """Something other than output was added to *terminal*."""
        self.sealing.touch(terminal)

    # --- what storage says

    def close(self) -> None:
        """The daemon leaves: what is stored from now on is for the next one to find."""
        self._durability.close()

    def _conclude(self, terminal: Terminal, durable: Durable) -> None:
        """The end of *terminal* is stored: say so in the catalogue, then let the keeper forget it."""
        assert terminal.ending is not None
        about = replace(
            self.abouts[terminal.channel],
            state=State.ENDED,
            ended_us=self.services.clock.wall_us(),
            how=terminal.ending.how,
            code=terminal.ending.code,
            output_bytes=terminal.recorder.offset,
        )
        self.file_bytes[terminal.channel] = terminal.stored_bytes
        self.abouts[terminal.channel] = about
        known = checkpoint(terminal, durable)
        catalogue = self.services.catalogue

        def write() -> None:
            with catalogue.transaction():
                catalogue.put_about(terminal.channel, about)
                catalogue.put_checkpoint(known)

        def written(done: "Future[None]") -> None:
            # Unwritten, the keeper goes on remembering how it ended, and tells the next daemon.
            self._token.run_sync_soon(self._let_go, terminal, done.exception() is None)

        self.services.storage.run_aside(write).add_done_callback(written)

    def _let_go(self, terminal: Terminal, is_written: bool) -> None:  # noqa: FBT001  trio passes no keywords
        if is_written:
            self.link.send(wire.Forget(wire.StreamId(terminal.stream)))
        self.unregister(terminal)

    # --- the registry

    def make(
        self,
        keys: ChannelKeys,
        screen: Screen,
        pty: PtyInput,
        about: About,
        *,
        record_input: bool = False,
        pid: int | None = None,
        stored: StoredSoFar = NOTHING_STORED,
    ) -> Terminal:
        """A terminal that is passed what the keeper says of its stream, and whose log goes on behind *stored*."""
        channel = keys.channel
        recorder = Recorder(
            keys,
            self.services.storage,
            self.services.clock,
            lambda durable: self._durability.durable(channel, durable),
            screen=screen,
            offset=stored.offset,
            predecessor=stored.head,
            generation=stored.generation + 1,
        )
        terminal = Terminal(
            channel,
            recorder,
            pty,
            build=None if stored.offset == 0 else partial(build_fold, self, channel, screen.stream),
            nursery=self.services.nursery,
            touched=self.touch,
            command=shown_command(about.argv),
            created_us=about.created_us,
            record_input=record_input,
            pid=pid,
        )
        terminal.stored_bytes = stored.file_bytes
        self.running[channel] = terminal
        self._streams[screen.stream] = terminal
        terminal.checkpointed = terminal.durable_offset = stored.offset
        if self.services.limits.is_over_quota(stored.file_bytes):
            terminal.hold(Held.QUOTA)
        return terminal

    def unregister(self, terminal: Terminal) -> None:
        """*terminal* is over, or never began."""
        self.running.pop(terminal.channel, None)
        self._streams.pop(terminal.stream, None)
        self._concluded.set()

    def abandon(self, terminal: Terminal) -> None:
        """Store nothing more of *terminal*, which has ended."""
        self.link.send(wire.Forget(wire.StreamId(terminal.stream)))
        self.unregister(terminal)

    def alive(self) -> list[Terminal]:
        """Terminals whose program has not ended, the oldest first."""
        return sorted(
            (terminal for terminal in self.running.values() if terminal.ending is None),
            key=lambda terminal: terminal.created_us,
        )

    def find(self, target: str) -> ChannelId:
        """The terminal that *target* means.

        Raises:
            RefusedError: none, or several.
        """
        return self._found(find, target)

    def find_only(self, target: str) -> ChannelId:
        """Like `find`, where a mistake cannot be taken back.

        Raises:
            RefusedError: none, or several, also of ended ones with that name.
        """
        return self._found(find_only, target)

    def _found(self, look: Callable[[str, Iterable[Named]], ChannelId], target: str) -> ChannelId:
        alive = {terminal.channel for terminal in self.alive()} | set(self.joined)
        named = (
            Named(channel, about.name, about.created_us, channel in alive)
            for channel, about in self.abouts.items()
        )
        try:
            return look(target, named)
        except TargetError as error:
            reason = (
                Reason.AMBIGUOUS if isinstance(error, AmbiguousTerminalError) else Reason.NO_SUCH_TERMINAL
            )
            raise RefusedError(reason, error.what, error.advice) from error

    def find_stage(self, target: str) -> Stage:
        """Like `find_alive`, of this machine or another.

        Raises:
            RefusedError
        """
        return self.joined.get(self.find(target)) or self.find_alive(target)

    def find_alive(self, target: str) -> Terminal:
        """Like `find`; the program must be one of this machine's, and not have ended.

        Raises:
            RefusedError
        """
        channel = self.find(target)
        if channel in self.joined:  # a client names it by its id, which nobody wants to read
            name = self.joined[channel].name
            raise RefusedError(
                Reason.FAILED,
                f"{name!r} is its host's: you are a guest.",
                f"Ask them; `cctm rm {name}` forgets it.",
            )
        terminal = self.running.get(channel)
        if terminal is None or terminal.ending is not None:
            raise RefusedError(
                Reason.NOT_RUNNING,
                f"The terminal {target!r} has ended.",
                f"Read its record with `cctm export {target} -f txt`.",
            )
        return terminal

    def waiting(self) -> Terminal:
        """The newest running terminal that nobody is attached to.

        Raises:
            RefusedError: there is none.
        """
        for terminal in reversed(self.alive()):
            if not terminal.viewers:
                return terminal
        raise RefusedError(
            Reason.NOBODY_WAITS, "No terminal waits for somebody to attach.", "Open one with `cctm new`."
        )

    def name_is_free(self, name: str) -> bool:
        """Whether no running terminal is called *name*, nor one that was joined."""
        taken = {stage.name for stage in (*self.alive(), *self.joined.values())}
        return name not in self._reserved and name not in taken

    def reserve(self, name: str) -> bool:
        """Keep *name* for a terminal that is being opened, or renamed; False if it is taken."""
        if not self.name_is_free(name):
            return False
        self._reserved.add(name)
        return True

    def unreserve(self, name: str) -> None:
        """Whoever reserved *name* is done."""
        self._reserved.discard(name)

    def change_about(self, channel: ChannelId, change: Callable[[About], About]) -> None:
        """Note something about a terminal, in memory and in the catalogue."""
        about = self.abouts[channel] = change(self.abouts[channel])
        self.services.storage.run_aside(lambda: self.services.catalogue.put_about(channel, about))

    async def forget(self, channel: ChannelId) -> None:
        """Delete the record of a terminal that is not running.

        Raises:
            RefusedError: it could not be deleted; then all of it is as it was.
        """
        try:
            await wait_for(self.drop(channel))
        except (OSError, CctmError) as error:
            raise RefusedError(
                Reason.FAILED,
                f"The record of {self.abouts[channel].name!r} could not be deleted: {error}.",
                "See daemon.log, and try again.",
            ) from error
        self.abouts.pop(channel, None)
        self.file_bytes.pop(channel, None)

    def drop(self, channel: ChannelId) -> "Future[None]":
        """Delete files and row of a channel, in one step."""
        catalogue = self.services.catalogue
        return self.services.storage.remove(channel, lambda: catalogue.forget(channel))

    async def all_concluded(self) -> None:
        """Return once the end of every terminal that has ended is stored."""
        while any(terminal.ending is not None for terminal in self.running.values()):
            self._concluded = trio.Event()
            await self._concluded.wait()

    async def note(self) -> None:
        """Have the catalogue know how far everything is stored, so that a reader can tell what is missing."""
        await self._durability.note_all()

    async def settle(self) -> None:
        """Return once everything that was read so far is stored, or nothing can be stored for now."""
        seal_now(self.running.values())
        stored = self.services.storage.barrier()
        while True:
            with trio.move_on_after(STALL_S):
                await wait_for(stored)
                return
            if self.stalled:
                return


def archive_bytes(archive: str) -> dict[ChannelId, int]:
    """What the files of each channel take."""
    found = {}
    for channel in list_channels(archive):
        try:
            with os.scandir(channel_directory(archive, channel)) as files:
                found[channel] = sum(file.stat(follow_symlinks=False).st_size for file in files)
        except OSError as error:
            LOG.warning("%s: %s", channel.hex(), error.strerror)
    return found
