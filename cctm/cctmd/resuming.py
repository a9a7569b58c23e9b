"""After a start: take up what the keeper holds, and close what it lost.

held, and the catalogue has its keys ─► its stream goes on from the stored offset, in a log of the next
generation held, and its end is stored ─► the keeper may forget it held, and nobody knows its keys ─► recorded
from here on in a channel of its own (a restored backup, a lost catalogue) running by the catalogue, and not
held ─► closed as lost
"""

import logging
import os
import termios
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import trio

from cctm.archive.catalogue import About, CatalogueDamagedError, Checkpoint, State
from cctm.archive.finding import Fault
from cctm.archive.opening import Opener
from cctm.archive.recover import Recovered, recover_channel
from cctm.cctmd.keeper_link import Kept
from cctm.cctmd.opening import new_keys, store_keys
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.recorder import ChannelKeys, Screen
from cctm.cctmd.services import wait_for
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminals import StoredSoFar, Terminals
from cctm.keeper import wire
from cctm.protocol.errors import CctmError
from cctm.protocol.events import How
from cctm.protocol.keys import ChannelId, EpochSecret, StreamId, WriterKey, channel_id
from cctm.protocol.members import NOBODY, Members

LOG = logging.getLogger(__name__)

RECOVERED: Final = "recovered"
NOTED: Final = Ending(How.LOST, -1)  # that it ended is noted already


async def keep_level(
    terminals: Terminals, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Bring the registry level with the keeper each time that it says what it holds. Started once that was done."""
    held = await _level(terminals, await terminals.next_arrival())
    for channel, about in list(terminals.abouts.items()):
        if about.state is State.RUNNING and channel not in held and channel not in terminals.joined:
            await _close_as_lost(terminals, channel, about)
    task_status.started()
    while True:
        await _level(terminals, await terminals.next_arrival())


async def _level(terminals: Terminals, kept: Sequence[Kept]) -> set[ChannelId]:
    """Take up each terminal in *kept*, hand back what the keeper ought to hold; the channels of the former."""
    channels: set[ChannelId] = set()
    for one in kept:
        terminal = terminals.by_stream(StreamId(one.here.id))
        if terminal is not None:
            os.close(one.master)
            channels.add(terminal.channel)
            # From what is stored, not from what was received: the keeper may forget all that lies before.
            terminals.link.send(wire.Resume(one.here.id, terminal.durable_offset))
        else:
            channels.add(await _take_up(terminals, one, taken=channels))
    terminals.hand_back({StreamId(one.here.id) for one in kept})
    return channels


def _channel_of(one: Kept) -> ChannelId | None:
    try:
        return ChannelId(bytes.fromhex(one.here.tag))
    except ValueError:
        return None


async def _take_up(terminals: Terminals, one: Kept, taken: set[ChannelId]) -> ChannelId:
    """Go on with a terminal that is not registered; the channel in which it is recorded.

    Whatever is wrong with its record must not keep the others from being served, nor lose what the keeper holds.
    """
    channel = _channel_of(one)
    found = None
    if channel is not None and channel not in taken:
        try:
            found = await _look_up(terminals, channel, one)
        except (OSError, CctmError):
            LOG.exception("terminal %s cannot be read; it is recorded anew", channel.hex()[:8])
    if found is None or channel is None:
        return await _record_anew(terminals, one)
    if isinstance(found, Ending):
        # Its end is stored; that the keeper should forget it was not said, or not heard.
        terminals.link.send(wire.Forget(one.here.id))
        os.close(one.master)
        if found is not NOTED:
            terminals.change_about(channel, lambda about: _ended(terminals, about, found))
        return channel
    terminal = terminals.make(
        found.keys,
        Screen(StreamId(one.here.id), *_window_size(one.master), found.about.name),
        PtyInput(one.master, terminals.services.nursery),
        found.about,
        pid=one.here.pid,
        stored=found.stored,
    )
    if one.here.base > found.stored.offset:
        terminal.lost(found.stored.offset, one.here.base - found.stored.offset)
        terminals.touch(terminal)
    terminals.link.send(wire.Resume(one.here.id, terminal.recorder.offset))
    return channel


@dataclass(frozen=True, slots=True)
class _Known:
    """A terminal that can be gone on with."""

    keys: ChannelKeys
    about: About
    stored: StoredSoFar


async def _look_up(terminals: Terminals, channel: ChannelId, one: Kept) -> _Known | Ending | None:
    """What is known of a terminal that the keeper holds; None: too little to go on with it."""
    about = terminals.abouts.get(channel)
    if about is not None and about.state is State.ENDED:
        return NOTED
    keys = await _keys_of(terminals, channel)
    if about is None or keys is None:
        return None
    recovered = await _recover(terminals, keys)
    if recovered is not None and recovered.checkpoint.stream_offset > one.here.end:
        # The catalogue claims more than there ever was: it is damaged. The log itself says how far it goes.
        recovered = await _recover(terminals, keys, remembered=False)
    if recovered is not None and (
        recovered.checkpoint.stream != StreamId(one.here.id)
        or recovered.checkpoint.stream_offset > one.here.end
    ):
        return None
    if recovered is not None and recovered.checkpoint.closed:
        how, code = recovered.ended or one.here.exit or (How.LOST, 0)
        return Ending(How(how), code)
    return _Known(keys, about, _stored(terminals, channel, recovered))


async def _record_anew(terminals: Terminals, one: Kept) -> ChannelId:
    """Record a program that runs, though nobody knows its channel, from the first byte that the keeper holds."""
    keys = new_keys(terminals)
    name = RECOVERED
    while not terminals.name_is_free(name):
        name += "+"
    about = About(name=name, argv=(b"?",), cwd=b"/", created_us=one.here.started)
    await wait_for(terminals.services.storage.run_aside(lambda: store_keys(terminals, keys, about)))
    terminals.abouts[keys.channel] = about
    terminal = terminals.make(
        keys,
        Screen(StreamId(one.here.id), *_window_size(one.master), name),
        PtyInput(one.master, terminals.services.nursery),
        about,
        pid=one.here.pid,
    )
    terminal.lost(0, one.here.base)
    terminals.touch(terminal)
    terminals.link.send(wire.Resume(one.here.id, one.here.base))
    return keys.channel


async def _close_as_lost(terminals: Terminals, channel: ChannelId, about: About) -> None:
    """Nobody holds its program any more: say so in its record, if its writer's key is known."""
    try:
        keys = await _keys_of(terminals, channel)
        recovered = None if keys is None else await _recover(terminals, keys)
    except (OSError, CctmError):
        LOG.exception("terminal %s cannot be read", channel.hex()[:8])
        keys, recovered = None, None
    stream = None if recovered is None else recovered.checkpoint.stream
    if keys is None or recovered is None or stream is None or recovered.checkpoint.closed:
        how, code = (recovered and recovered.ended) or (How.LOST, 0)
        terminals.change_about(channel, lambda about: _ended(terminals, about, Ending(how, code)))
        return
    terminal = terminals.make(
        keys,
        Screen(stream, 80, 24, about.name),
        PtyInput(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), terminals.services.nursery),
        about,
        stored=_stored(terminals, channel, recovered),
    )
    terminal.end(Ending(How.LOST, 0))


def _ended(terminals: Terminals, about: About, ending: Ending) -> About:
    ended_us = terminals.services.clock.wall_us()
    return replace(about, state=State.ENDED, ended_us=ended_us, how=ending.how, code=ending.code)


async def _keys_of(terminals: Terminals, channel: ChannelId) -> ChannelKeys | None:
    catalogue = terminals.services.catalogue

    def read() -> tuple[bytes | None, list[EpochSecret], Members]:
        return catalogue.writer(channel), catalogue.epochs(channel), members_of(terminals, channel)

    seed, epochs, members = await wait_for(terminals.services.storage.run_aside(read))
    if seed is None or not epochs:
        return None
    writer = WriterKey.from_seed(seed)
    if channel_id(writer.public) != channel:
        return None
    return ChannelKeys(channel, writer, tuple(epochs), terminals.services.device, members)


def members_of(terminals: Terminals, channel: ChannelId) -> Members:
    """Whom a channel is shared with; nobody any more, if that cannot be read: the terminal itself goes on."""
    try:
        return terminals.services.catalogue.members(channel)
    except CatalogueDamagedError:
        LOG.warning("terminal %s: with whom it was shared cannot be read; share it again", channel.hex()[:8])
        # No list had a version as high as the seconds since 1970: the next one counts at the relay.
        return replace(NOBODY, version=terminals.services.clock.wall_us() // 1_000_000)


async def _recover(terminals: Terminals, keys: ChannelKeys, *, remembered: bool = True) -> Recovered | None:
    """How far the newest log goes. *remembered*: as the catalogue says, and what follows; else by the log alone."""
    services = terminals.services
    channel = keys.channel

    def checkpoints() -> list[Checkpoint]:
        return services.catalogue.checkpoints(channel)

    known = await wait_for(services.storage.run_aside(checkpoints)) if remembered else []
    opener = Opener(channel, services.device, keys.epochs)
    recovered = await trio.to_thread.run_sync(
        lambda: recover_channel(services.home.archive, channel, known, opener, keys.writer.public)
    )
    if recovered is not None:
        for finding in recovered.findings:
            LOG.warning("%s", finding)
        # A log that was cut short is remembered as it was: its checkpoint is what tells.
        is_shorter = any(finding.fault is Fault.ROLLED_BACK for finding in recovered.findings)
        if recovered.checkpoint.size and not is_shorter:
            services.storage.run_aside(lambda: services.catalogue.put_checkpoint(recovered.checkpoint))
    return recovered


def _stored(terminals: Terminals, channel: ChannelId, recovered: Recovered | None) -> StoredSoFar:
    file_bytes = terminals.file_bytes.get(channel, 0)
    if recovered is None:
        return StoredSoFar(0, None, 0, file_bytes)
    return StoredSoFar(
        recovered.checkpoint.stream_offset,
        recovered.predecessor,
        recovered.next_generation - 1,
        file_bytes,
    )


def _window_size(master: int) -> tuple[int, int]:
    """Columns and rows."""
    rows, cols = termios.tcgetwinsize(master)
    return max(1, cols), max(1, rows)
