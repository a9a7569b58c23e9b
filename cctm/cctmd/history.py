"""What a client is shown of the past when it attaches.

Of a terminal that runs: the lines before its screen, for the scrollback of the client's own. Of one that has ended: its
last output.
"""

import logging
from dataclasses import dataclass
from typing import Final

import trio

from cctm.archive.fold import NO_STREAM
from cctm.archive.reader import Archive, Tail
from cctm.cctmd.daemon import Daemon
from cctm.cctmd.recent import MAX_HOLES
from cctm.cctmd.services import RefusedError
from cctm.cctmd.stage import Stage
from cctm.home import HomeError
from cctm.protocol.control import requests
from cctm.protocol.control.values import Reason
from cctm.protocol.errors import CctmError
from cctm.protocol.events import How
from cctm.protocol.keys import ChannelId
from cctm.screen.queries import QueryScanner, without_queries
from cctm.screen.scrollback import lines_before_screen
from cctm.screen.text import TextLines
from cctm.screen.title import without_controls

LOG = logging.getLogger(__name__)

MAX_HISTORY_BYTES: Final = 256 * 1024
SETTLE_S: Final = 2  # a full disk must not keep anybody from attaching


async def history_of(daemon: Daemon, terminal: Stage, request: requests.Attach) -> bytes:
    """The lines before the screen, at most as many as are in the last `history_bytes` of the output."""
    size = min(request.history_bytes, MAX_HISTORY_BYTES)
    fold = await terminal.shown.found()
    if request.resume is None and (size == 0 or fold.modes.alternate):
        return b""
    await _earlier_output(daemon, terminal, request.resume, size)
    kept = terminal.recent.read_all()
    start = max(0, len(kept) - size)
    if start or terminal.recent.base:
        start = kept.find(b"\n", start) + 1 or len(kept)
    cols, rows = terminal.size
    # In a thread: a program may have printed what takes an emulator long.
    lines = await trio.to_thread.run_sync(lines_before_screen, kept[start:], cols, rows)
    # Whatever the client's terminal shows is scrolled up, and nothing empty with it.
    return lines + b"\r\n" * request.rows


async def _earlier_output(daemon: Daemon, terminal: Stage, resume: int | None, size: int) -> None:
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
        earlier = tail.data[: recent.base - start]
        recent.prepend(earlier, _questions_in(earlier))


def _questions_in(output: bytes) -> list[tuple[int, int]]:
    """From where to where in *output* a program asked something."""
    found = []
    at = 0
    for piece in QueryScanner().feed(output):
        end = at + len(piece if isinstance(piece, bytes) else piece.raw)
        if not isinstance(piece, bytes):
            found.append((at, end))
        at = end
    return found[-MAX_HOLES:]


@dataclass(frozen=True, slots=True)
class LastOutput:
    """What is shown of a terminal that has ended."""

    name: str
    output: bytes
    end: int
    how: int
    code: int


async def last_output(daemon: Daemon, channel: ChannelId, size: int) -> LastOutput:
    """The end of the record of a terminal that has ended.

    Raises:
        RefusedError: the record has been deleted meanwhile.
    """
    with trio.move_on_after(SETTLE_S):
        await daemon.terminals.settle()
    tail = await _tail(daemon, channel, min(size, MAX_HISTORY_BYTES))
    about = daemon.terminals.abouts.get(channel)
    if about is None:
        raise RefusedError(
            Reason.NO_SUCH_TERMINAL,
            f"The terminal {channel.hex()[:8]} has ended, and its record was deleted.",
            "See `cctm ls -a`.",
        )
    how = How.LOST if about.how is None else about.how
    # What another machine's program printed could steer this client's terminal.
    output = _text_of(tail.data) if channel in daemon.mirrors.places else without_queries(tail.data)
    return LastOutput(about.name, output, tail.end, how, about.code)


def _text_of(output: bytes) -> bytes:
    text = TextLines()
    lines = [*text.feed(output), *text.finish()]
    return b"".join(without_controls(line).encode("utf-8", "replace") + b"\r\n" for line in lines)


async def _tail(daemon: Daemon, channel: ChannelId, size: int) -> Tail:
    """The end of the record; nothing, if it cannot be read: nobody is kept from attaching for that."""
    archive = Archive(daemon.home, daemon.services.device)
    try:
        return await trio.to_thread.run_sync(archive.tail, channel, size)
    except (OSError, CctmError, HomeError) as error:
        LOG.warning("the last output of terminal %s cannot be read: %r", channel.hex()[:8], error)
        return Tail(NO_STREAM, 0, b"")
