"""Since a keyframe: the events from which a reader can know what a stream shows now, without reading all of it.

    … ── keyframe with a screen ── output, sizes … ── newer logs … ── the end
         └─ the newest that the catalogue knows of and that can be read; without one, everything from the beginning

Invariant: the first event is that keyframe, or the first of the channel; none after it is left out but what is damaged.
"""

from collections.abc import Iterator
from itertools import chain

from cctm.archive.catalogue import KeyframePlace
from cctm.archive.opening import OpenedEntry, Opener
from cctm.archive.reader import Archive, Remembered
from cctm.archive.walk import Start, Walk
from cctm.protocol.events import Event, Keyframe
from cctm.protocol.keys import ChannelId, StreamId


def events_since_keyframe(archive: Archive, channel: ChannelId, stream: StreamId) -> Iterator[Event]:
    """What happened since the newest keyframe of *stream* that holds its screen.

    Raises:
        OSError: of reading.
    """
    remembered = archive.remembered(channel)
    for place in reversed(remembered.keyframes):
        if place.stream == stream:
            events = _events_from(archive, channel, remembered, place)
            first = next(events, None)
            if isinstance(first, Keyframe) and first.is_whole:
                return chain((first,), events)
    return _events_from(archive, channel, remembered, None)


def _events_from(
    archive: Archive, channel: ChannelId, remembered: Remembered, place: KeyframePlace | None
) -> Iterator[Event]:
    opener = Opener(channel, archive.device, remembered.secrets)
    has_begun = place is None
    for log in archive.logs(channel):
        start = None
        if place is not None and log.ref == place.ref:
            has_begun = True
            start = Start(place.segment, place.position, place.seq, None)
        if has_begun:
            walk = Walk(archive.directory, log, writer=archive.writer_of(log, remembered), start=start)
            for entry in archive.log_entries(walk, opener):
                if isinstance(entry, OpenedEntry):
                    yield from entry.events
