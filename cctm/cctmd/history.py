"""What a client is shown of the past when it attaches RAW: the end of the output, answering nothing.

The painter will paint the screen instead; until a screen is folded, the output itself is the best picture of
it.
"""

from dataclasses import dataclass
from typing import Final

import trio

from cctm.archive.reader import Archive, Tail
from cctm.cctmd.daemon import Daemon
from cctm.cctmd.recent import Recent
from cctm.cctmd.terminal import Terminal
from cctm.protocol.events import How
from cctm.protocol.keys import ChannelId
from cctm.screen.modes import Modes
from cctm.screen.queries import without_queries

MAX_HISTORY_BYTES: Final = 256 * 1024
SETTLE_S: Final = 2  # a full disk must not keep anybody from attaching


def shown_history(recent: Recent, size: int) -> tuple[bytes, bool]:
    """The last *size* bytes of output from the beginning of a line, and whether the alternate screen is shown.

    On the alternate screen nothing of the past is shown: the program is asked to repaint.
    """
    kept = recent.read(recent.base, recent.end - recent.base)
    modes = Modes()
    modes.feed(kept)
    if modes.alternate:
        return modes.restore() + b"\x1b[H\x1b[2J", True
    start = max(0, len(kept) - min(size, MAX_HISTORY_BYTES))
    if start or recent.base:
        start = _place_to_cut(kept, start)
    shown = without_queries(kept[start:])
    return shown, False


def _place_to_cut(output: bytes, least: int) -> int:
    """Where at *least* or behind it a line begins; in output without lines: a sequence, or else a character."""
    line = output.find(b"\n", least) + 1
    if line:
        return line
    sequence = output.find(b"\x1b", least)
    if sequence >= 0:
        return sequence
    while least < len(output) and output[least] & 0xC0 == 0x80:
        least += 1
    return least


async def earlier_output(daemon: Daemon, terminal: Terminal, resume: int | None, size: int) -> None:
    """Have *terminal* remember enough of its output for a client that attaches: after a start it remembers none."""
    recent = terminal.recent
    wanted = max(min(size, MAX_HISTORY_BYTES), recent.base - resume if resume is not None else 0)
    if recent.base == 0 or recent.end - recent.base >= wanted or wanted > MAX_HISTORY_BYTES:
        return
    with trio.move_on_after(SETTLE_S):
        await daemon.terminals.settle()
    tail = await _tail(daemon, terminal.channel, wanted + recent.end - recent.base)
    start = tail.end - len(tail.data)
    if tail.stream == terminal.stream and start < recent.base <= tail.end:
        recent.prepend(tail.data[: recent.base - start])


@dataclass(frozen=True, slots=True)
class LastOutput:
    """What is shown of a terminal that has ended."""

    name: str
    output: bytes
    end: int
    how: int
    code: int


async def last_output(daemon: Daemon, channel: ChannelId, size: int) -> LastOutput:
    """The end of the record of a terminal that has ended."""
    with trio.move_on_after(SETTLE_S):
        await daemon.terminals.settle()
    about = daemon.terminals.abouts[channel]
    tail = await _tail(daemon, channel, min(size, MAX_HISTORY_BYTES))
    how = How.LOST if about.how is None else about.how
    return LastOutput(about.name, without_queries(tail.data), tail.end, how, about.code)


async def _tail(daemon: Daemon, channel: ChannelId, size: int) -> Tail:
    archive = Archive(daemon.home, daemon.services.device)
    return await trio.to_thread.run_sync(archive.tail, channel, size)
