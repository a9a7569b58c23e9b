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
from dataclasses import replace
from typing import Final

import trio

from cctm.archive.catalogue import About, Checkpoint, State
from cctm.archive.opening import Opener
from cctm.archive.recover import Recovered, recover_channel
from cctm.cctmd.keeper_link import Kept
from cctm.cctmd.opening import new_keys, store_keys
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.recorder import ChannelKeys, Screen
from cctm.cctmd.services import wait_for
from cctm.cctmd.terminal import Ending
from cctm.cctmd.terminals import StoredSoFar, Terminals
from cctm.keeper import wire
from cctm.protocol.events import Gap, How
from cctm.protocol.keys import ChannelId, EpochSecret, StreamId, WriterKey, channel_id

LOG = logging.getLogger(__name__)

NOT_LOST: Final = "recovered"


async def resume_all(terminals: Terminals, kept: Sequence[Kept]) -> None:
    """Bring the registry level with the keeper: *kept* is all that it holds."""
    held: set[ChannelId] = set()
    for one in kept:
        channel = _channel_of(one)
        try:
            if channel is not None and channel not in held and await _resume(terminals, channel, one):
                held.add(channel)
            else:
                held.add(await _record_anew(terminals, one))
        except OSError as error:
            # A damaged or unreadable terminal must not keep the others from being served.
            LOG.exception("terminal %s cannot be resumed: %s", one.here.id.hex()[:8], error.strerror)
            os.close(one.master)
    for channel, about in list(terminals.abouts.items()):
        if about.state is State.RUNNING and channel not in held:
            await _close_as_lost(terminals, channel, about)


def _channel_of(one: Kept) -> ChannelId | None:
    try:
        return ChannelId(bytes.fromhex(one.here.tag))
    except ValueError:
        return None


async def _resume(terminals: Terminals, channel: ChannelId, one: Kept) -> bool:
    """Go on with a terminal whose keys are known; False if they are not."""
    about = terminals.abouts.get(channel)
    keys = await _keys_of(terminals, channel)
    if about is None or keys is None:
        return False
    stream = StreamId(one.here.id)
    recovered = await _recover(terminals, keys)
    stored = _stored(terminals, channel, recovered)
    if recovered is not None and recovered.checkpoint.stream != stream:
        return False
    if recovered is not None and recovered.checkpoint.closed:
        terminals.link.send(wire.Forget(one.here.id))
        os.close(one.master)
        how, code = one.here.exit or (How.LOST, 0)
        terminals.change_about(channel, lambda about: _ended(terminals, about, How(how), code))
        return True
    terminal = terminals.make(
        keys,
        Screen(stream, *_window_size(one.master), about.name),
        PtyInput(one.master, terminals.services.nursery),
        about,
        pid=one.here.pid,
        stored=stored,
    )
    if one.here.base > stored.offset:
        terminal.lost(stored.offset, one.here.base - stored.offset)
        terminals.touch(terminal)
    terminals.link.send(wire.Resume(one.here.id, terminal.recent.end))
    return True


async def _record_anew(terminals: Terminals, one: Kept) -> ChannelId:
    """Record a program that runs, though nobody knows its channel, from the first byte that the keeper holds."""
    keys = new_keys(terminals)
    name = NOT_LOST
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
    if one.here.base:
        terminal.lost(0, one.here.base)
    terminal.recorder.event(lambda dt_us: Gap(dt_us, one.here.base, 0))
    terminals.touch(terminal)
    terminals.link.send(wire.Resume(one.here.id, one.here.base))
    return keys.channel


async def _close_as_lost(terminals: Terminals, channel: ChannelId, about: About) -> None:
    """Nobody holds its program any more: say so in its record, if its writer's key is known."""
    keys = await _keys_of(terminals, channel)
    try:
        recovered = None if keys is None else await _recover(terminals, keys)
    except OSError:
        LOG.exception("terminal %s cannot be read", channel.hex()[:8])
        recovered = None
    stream = None if recovered is None else recovered.checkpoint.stream
    if keys is None or recovered is None or stream is None or recovered.checkpoint.closed:
        terminals.change_about(channel, lambda about: _ended(terminals, about, How.LOST, 0))
        return
    terminal = terminals.make(
        keys,
        Screen(stream, 80, 24, about.name),
        PtyInput(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), terminals.services.nursery),
        about,
        stored=_stored(terminals, channel, recovered),
    )
    terminal.end(Ending(How.LOST, 0))


def _ended(terminals: Terminals, about: About, how: How, code: int) -> About:
    return replace(about, state=State.ENDED, ended_us=terminals.services.clock.wall_us(), how=how, code=code)


async def _keys_of(terminals: Terminals, channel: ChannelId) -> ChannelKeys | None:
    catalogue = terminals.services.catalogue

    def read() -> tuple[bytes | None, list[EpochSecret]]:
        return catalogue.writer(channel), catalogue.epochs(channel)

    seed, epochs = await wait_for(terminals.services.storage.run_aside(read))
    if seed is None or not epochs:
        return None
    writer = WriterKey.from_seed(seed)
    if channel_id(writer.public) != channel:
        return None
    return ChannelKeys(channel, writer, epochs[-1], terminals.services.device)


async def _recover(terminals: Terminals, keys: ChannelKeys) -> Recovered | None:
    services = terminals.services
    channel = keys.channel

    def checkpoints() -> list[Checkpoint]:
        return services.catalogue.checkpoints(channel)

    known = await wait_for(services.storage.run_aside(checkpoints))
    opener = Opener(channel, services.device, [keys.epoch])
    recovered = await trio.to_thread.run_sync(
        lambda: recover_channel(services.home.archive, channel, known, opener, keys.writer.public)
    )
    if recovered is not None:
        for finding in recovered.findings:
            LOG.warning("%s", finding)
        if recovered.checkpoint.size:
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
