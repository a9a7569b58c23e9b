"""Building a fold from the record: what a terminal shows that an earlier daemon recorded.

the newest keyframe with a screen ─► its dump ─► output and sizes since ─► level with what was received
"""

from collections.abc import Iterable
from typing import Final, Protocol

import trio

from cctm.archive.reader import Archive
from cctm.archive.since import events_since_keyframe
from cctm.cctmd.services import Services
from cctm.protocol.events import Event, Keyframe, Opened, Output, Resized
from cctm.protocol.keys import ChannelId, StreamId
from cctm.screen.fold import Fold
from cctm.screen.queries import QueryScanner

SETTLE_S: Final = 2.0  # a full disk must not keep anybody from attaching
BLANK: Final = (80, 24)


class Settling(Protocol):
    """Who can have everything stored."""

    services: Services

    async def settle(self) -> None:
        """Return once everything that was read so far is stored, or nothing can be stored for now."""


async def build_fold(settling: Settling, channel: ChannelId, stream: StreamId, until: int) -> Fold:
    """What *stream* shows at offset *until*, up to which everything was received; empty if nothing is stored of it.

    Raises:
        OSError, CctmError, HomeError: the record cannot be read.
    """
    with trio.move_on_after(SETTLE_S):
        await settling.settle()
    archive = Archive(settling.services.home, settling.services.device)

    def read() -> Fold:
        return fold_events(events_since_keyframe(archive, channel, stream), stream, until)

    return await trio.to_thread.run_sync(read)


def fold_events(events: Iterable[Event], stream: StreamId, until: int) -> Fold:
    """The screen of *stream* at offset *until*, by *events*."""
    fold = Fold(*BLANK)
    at = 0
    is_ours = False
    scanner = QueryScanner()
    for event in events:
        match event:
            case Opened():
                is_ours = event.stream == stream
                if is_ours:
                    fold, at = Fold(event.cols, event.rows), 0
            case Keyframe():
                is_ours = event.stream == stream
                if is_ours and event.is_whole and event.screen is not None and event.offset >= at:
                    fold, at = Fold.from_dump(event.cols, event.rows, event.screen), event.offset
                    scanner = QueryScanner()
            case Resized() if is_ours:
                fold.resize(event.cols, event.rows)
            case Output() if is_ours and event.offset + len(event.data) > at:
                fresh = event.data[max(0, at - event.offset) : max(0, until - event.offset)]
                at = event.offset + len(event.data)
                for piece in scanner.feed(fresh):
                    if isinstance(piece, bytes):
                        fold.feed(piece)
            case _:
                continue
    for piece in scanner.flush():
        if isinstance(piece, bytes):
            fold.feed(piece)
    return fold
