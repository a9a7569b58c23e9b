"""Recovery: how far a channel's newest log goes, after a stop of any kind (SPEC.md §5.1, §6.3).

    checkpoint ──► walk from there ──► last entry that continues the chain = the next generation's predecessor
                                  └──► where the stream goes on            = what the keeper is asked for
                                  └──► a torn tail                         = cut

**Invariants**

- Only an incomplete record at the very end is cut. Damage stays, for `verify` to name.
- The stream goes on at the first byte that is not there: what lies beyond a hole is asked for again.
- What is reported was synchronised: the keeper may forget it. That concerns every segment behind the checkpoint.
- The newest log says what the next one continues. If it does not say which stream is in force (it was torn before its
  keyframe), the log before it does.
- From a checkpoint on, only what was appended since is read.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cctm.protocol.events import Closed, Event, Gap, Keyframe, LogHead, Output
from cctm.protocol.events import Opened as OpenedEvent
from cctm.protocol.keys import ZERO, ChannelId, StreamId, WriterId, channel_id

from .catalogue import Checkpoint, Ended, KeyframePlace
from .disk import Disk
from .files import LogFiles, channel_directory, list_files, segment_path
from .finding import Fault, Finding, Spot
from .opening import OpenedEntry, Opener
from .segment import SegmentName
from .walk import Start, Walk, read_opening


@dataclass(frozen=True, slots=True)
class Recovered:
    """A channel's newest host log that has an entry, as it is on disk.

    *keyframes*: those found behind the checkpoint. *next_generation*: above that of every file.
    """

    checkpoint: Checkpoint
    next_generation: int
    keyframes: tuple[KeyframePlace, ...]
    findings: tuple[Finding, ...]

    @property
    def predecessor(self) -> LogHead:
        return LogHead(self.checkpoint.ref.log, self.checkpoint.size, self.checkpoint.head)

    @property
    def ended(self) -> Ended | None:
        """How the program of the stream in force ended, and its code; None: no record says that it has."""
        return self.checkpoint.ended


class StreamPosition:
    """Which stream is in force, and up to where it is there without a hole."""

    def __init__(self, stream: StreamId | None = None, offset: int = 0, ended: Ended | None = None) -> None:
        self.stream = stream
        self.offset = offset
        self.ended = ended
        self._anywhere = False  # a gap of unknown length: the next output says where it ends

    def follow(self, event: Event) -> None:
        match event:
            case OpenedEvent(stream=stream):
                self.stream, self.offset, self.ended, self._anywhere = stream, 0, None, False
            case Keyframe(stream=stream, offset=offset) if stream is not None and stream != self.stream:
                self.stream, self.offset, self.ended, self._anywhere = stream, offset, None, False
            case Output(offset=offset, data=data) if offset <= self.offset or self._anywhere:
                self.offset = max(self.offset, offset + len(data))
                self._anywhere = False
            case Gap(offset=offset, length=length) if offset <= self.offset:
                self._anywhere = length is None
                self.offset = max(self.offset, offset + (length or 0))
            case Closed(how=how, code=code):
                self.ended = how, code
            case _:
                return


def recover_channel(
    archive: str,
    channel: ChannelId,
    checkpoints: Sequence[Checkpoint],
    opener: Opener,
    owner: WriterId | None = None,
    disk: Disk | None = None,
) -> Recovered | None:
    """Take stock of *channel* and cut what an interrupted append left. None: it has no log of its owner.

    Args:
        checkpoints: of this channel's logs, as the catalogue remembers them.
        opener: with the channel's epoch secrets, if they are known; otherwise the log is read from its start.
        owner: the channel's writer key, if it is known.
    Raises:
        OSError: the files cannot be read, cut or synchronised.
    """
    logs = list_files(archive, channel).logs
    newest: _Stock | None = None
    stocks: list[_Stock] = []
    for log in reversed(logs):
        opening = read_opening(archive, log)
        if opening is not None and channel_id(opening.writer) != channel:
            continue
        writer = owner if opening is None else opening.writer
        known = next((known for known in checkpoints if known.ref == log.ref), None)
        stock = _Stock(archive, log, writer, opener)
        stock.take(known)
        stock.make_sure(disk or Disk())
        stocks.append(stock)
        if stock.checkpoint.size and newest is None:
            newest = stock
        if stock.checkpoint.stream is not None:
            if newest is not stock:
                assert newest is not None  # whatever names a stream has an entry
                newest.go_on_from(stock.checkpoint)
            break
    if newest is None:
        return None
    return Recovered(
        newest.checkpoint,
        logs[-1].ref.generation + 1,
        tuple(keyframe for stock in reversed(stocks) for keyframe in stock.keyframes),
        tuple(finding for stock in stocks for finding in stock.findings),
    )


class _Stock:
    """What is found in one log."""

    def __init__(self, archive: str, log: LogFiles, writer: WriterId | None, opener: Opener) -> None:
        self._archive = archive
        self._log = log
        self._writer = writer
        self._opener = opener
        self.findings: list[Finding] = []
        self.keyframes: list[KeyframePlace] = []
        self.checkpoint = Checkpoint(log.ref, 0, ZERO, None, 0, log.segments[0], 0, None)
        self._torn: Spot | None = None
        self._since = 0  # the first segment that was looked into
        self._new = False  # something follows the checkpoint

    def take(self, known: Checkpoint | None) -> None:
        if known is not None:
            if not self._reaches(known):
                self.findings.append(
                    Finding(Fault.ROLLED_BACK, file=_name(known), detail=f"{known.size} entries were known")
                )
            elif self._writer is not None and self._opener.secrets:
                self._walk(known)
                if not any(finding.fault is Fault.LOCKED for finding in self.findings):
                    return
                self.findings.clear()
                self.keyframes.clear()
        self._walk(None)

    def _reaches(self, known: Checkpoint) -> bool:
        """Whether the files are as long as they were."""
        try:
            found = os.stat(segment_path(self._archive, known.ref, known.segment))
        except FileNotFoundError:
            return False
        return found.st_size >= known.position

    def _walk(self, known: Checkpoint | None) -> None:
        start, stream = None, StreamPosition()
        if known is not None:
            start = Start(known.segment, known.position, known.size, known.head)
            stream = StreamPosition(known.stream, known.stream_offset, known.ended)
        self._since = 0 if known is None else known.segment
        walk = Walk(self._archive, self._log, writer=self._writer, start=start)
        for step in walk.steps():
            self._new = True
            if isinstance(step, Finding):
                self.findings.append(step)
                continue
            assert walk.writer is not None
            opened = self._opener.open(step, walk.writer)
            if isinstance(opened, Finding):
                self.findings.append(opened)
                continue
            for event in opened.events:
                stream.follow(event)
                if isinstance(event, Keyframe):
                    self.keyframes.append(keyframe_place(opened, event))
        self._torn = walk.torn
        self.checkpoint = checkpoint_of(walk, stream)

    def go_on_from(self, before: Checkpoint) -> None:
        """The stream in force is the one of *before*, an older log: no entry of this one names any."""
        stream = StreamPosition(before.stream, before.stream_offset, before.ended)
        walk = Walk(self._archive, self._log, writer=self._writer)
        for step in walk.steps():
            if isinstance(step, Finding):
                continue
            assert walk.writer is not None
            opened = self._opener.open(step, walk.writer)
            for event in () if isinstance(opened, Finding) else opened.events:
                stream.follow(event)
        self.checkpoint = replace(
            self.checkpoint, stream=stream.stream, stream_offset=stream.offset, ended=stream.ended
        )

    def make_sure(self, disk: Disk) -> None:
        """Cut the torn tail, and have what was found survive a power failure."""
        if not self._new:
            return
        for number in self._log.segments:
            if number < self._since:
                continue
            fd = disk.open(segment_path(self._archive, self._log.ref, number))
            try:
                if self._torn is not None and self._torn.segment == number:
                    disk.cut(fd, self._torn.start)
                disk.sync(fd)
            finally:
                disk.close(fd)
        disk.sync_directory(channel_directory(self._archive, self._log.ref.channel))
        disk.sync_directory(self._archive)


def checkpoint_of(walk: Walk, stream: StreamPosition) -> Checkpoint:
    """How far *walk* came, and *stream* with it."""
    return Checkpoint(
        walk.ref,
        walk.size,
        walk.head,
        stream.stream,
        stream.offset,
        walk.segment,
        walk.position,
        stream.ended,
    )


def keyframe_place(opened: OpenedEntry, keyframe: Keyframe) -> KeyframePlace:
    """Where *keyframe*, which is in *opened*, lies."""
    spot = opened.spot
    return KeyframePlace(spot.ref, opened.seq, spot.segment, spot.start, keyframe.stream, keyframe.offset)


def _name(known: Checkpoint) -> str:
    return f"{known.ref.channel.hex()}/{SegmentName(known.ref.generation, known.ref.log, known.segment)}"
