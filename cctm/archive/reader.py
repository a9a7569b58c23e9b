"""Reading the archive: without the daemon, and without writing (SPEC.md §6.6).

    Archive ── terminals / resolve ── catalogue, read-only; or the segments where that is missing or damaged
            ├─ entries(channel)    ── all logs in the order (generation, log id), opened, one at a time
            ├─ fold_output(channel) ── the bytes, each once
            └─ tail(channel, n)    ── the last bytes, from the end backwards

Invariants: secrets come from the grants, by the device's key; the catalogue's are used where a grant is
damaged. One batch of entries is in memory, never a terminal. What cannot be read is handed out as a finding
between the entries.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

from cctm.home import Home
from cctm.protocol.events import Event, Keyframe, Output
from cctm.protocol.events import Opened as OpenedEvent
from cctm.protocol.keys import ChannelId, DeviceKeys, EpochSecret, StreamId, WriterId, WriterKey, channel_id

from .catalogue import (
    About,
    Catalogue,
    CatalogueDamagedError,
    CatalogueMissingError,
    Checkpoint,
    KeyframePlace,
    State,
)
from .device import load_device
from .files import LogFiles, list_channels, list_files, segment_path
from .finding import Finding
from .fold import NO_STREAM, OutputFolder, Piece
from .kept import Kept
from .lacking import lacking_entries, lacking_output
from .opening import OpenedEntry, Opener
from .segment import find_record
from .targets import Named, find
from .walk import Start, Walk, read_opening

_TAIL_BYTES = 256 << 10  # of sealed records, to begin with
_TAIL_LIMIT_BYTES = 4 << 20
_TAIL_LIMIT_TIMES = 512  # a key that is echoed is a record of some 350 bytes
_BEGINNING_BYTES = 16 << 10  # what it costs at least to look at a log
_FIRST_ENTRIES = 6  # open, grant, keyframe and, in the first log, `opened`; or two of them with holes before


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal of this device. *bytes_on_disk*: of its segments."""

    channel: ChannelId
    about: About
    bytes_on_disk: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The last output of a stream: *data*, which ends at *end*. Without data, *end* is how far it is known."""

    stream: StreamId
    end: int
    data: bytes


class _Ending:
    """The stream in force at the end of what was read of a log, and its last outputs."""

    def __init__(self, stream: StreamId | None = None, end: int = 0) -> None:
        self.stream = stream
        self.end = end  # of the output of *stream*, as far as it is known
        self.is_sure = False  # an event said where the stream is
        self.outputs: deque[Output] = deque()
        self.held = 0
        self.span = 0  # how many bytes of records were looked at

    def follow(self, event: Event, n_bytes: int) -> None:
        """Take *event* in, and keep no more outputs than *n_bytes* take."""
        match event:
            case OpenedEvent(stream=stream):
                self._change(stream, 0)
            case Keyframe(stream=stream, offset=offset) if stream is not None:
                if stream != self.stream:
                    self._change(stream, offset)
                self.end = max(self.end, offset)
                self.is_sure = True
            case Output() if self.stream is not None:
                self.outputs.append(event)
                self.held += len(event.data)
                self.end = event.offset + len(event.data)
                self.is_sure = True
                while len(self.outputs) > 1 and self.held - len(self.outputs[0].data) >= n_bytes:
                    self.held -= len(self.outputs.popleft().data)
            case _:
                return

    def _change(self, stream: StreamId, end: int) -> None:
        self.stream, self.end, self.is_sure = stream, end, True
        self.outputs.clear()
        self.held = 0


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the catalogue knows of a channel."""

    owner: WriterId | None = None
    secrets: tuple[EpochSecret, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    keyframes: tuple[KeyframePlace, ...] = ()  # the newest last
    kept: Kept = Kept.ALL


class Archive:
    """One home's archive, for reading."""

    def __init__(self, home: Home, device: DeviceKeys | None = None) -> None:
        """
        Raises:
            HomeError: there is no device key, or it must not be used.
        """
        self.home = home
        self.directory = home.archive
        self.device = device if device is not None else load_device(home)

    # -- which terminals there are

    def terminals(self) -> list[Terminal]:
        """All terminals, the oldest first.

        Raises:
            HomeError: the catalogue was written by a newer version, or with another device's key.
        """
        try:
            with closing(self._catalogue()) as catalogue:
                abouts = catalogue.abouts()
                unreadable = catalogue.unreadable()
        except (CatalogueMissingError, CatalogueDamagedError):
            abouts, unreadable = [], list_channels(self.directory)
        if unreadable:
            abouts = sorted((*abouts, *self._abouts_by_segments(unreadable)), key=lambda k: k[1].created_us)
        return [Terminal(channel, about, self.bytes_on_disk(channel)) for channel, about in abouts]

    def _abouts_by_segments(self, channels: Iterable[ChannelId]) -> list[tuple[ChannelId, About]]:
        from .rebuild import survey  # it builds on this module

        abouts = []
        for channel in channels:
            with suppress(OSError):  # one that cannot be read hides no other
                known = survey(self, channel)
                abouts += [] if known is None else [(known.channel, known.about)]
        return abouts

    def resolve(self, target: str) -> Terminal:
        """The terminal that *target* means (see `targets`).

        Raises:
            TargetError: none, or several.
            HomeError: as `terminals`.
        """
        terminals = {terminal.channel: terminal for terminal in self.terminals()}
        return terminals[find(target, map(_named, terminals.values()))]

    def bytes_on_disk(self, channel: ChannelId) -> int:
        return sum(self._bytes_of(log) for log in list_files(self.directory, channel).logs)

    def _bytes_of(self, log: LogFiles) -> int:
        total = 0
        for number in log.segments:
            try:
                total += os.stat(segment_path(self.directory, log.ref, number)).st_size
            except FileNotFoundError:  # removed since it was listed
                continue
        return total

    # -- what is in them

    def logs(self, channel: ChannelId) -> tuple[LogFiles, ...]:
        return list_files(self.directory, channel).logs

    def entries(self, channel: ChannelId) -> Iterator[OpenedEntry | Finding]:
        """Every entry of every log, opened, and what cannot be read where it would stand; at last what is known to have
        been there and is not.

        Raises:
            OSError: of reading.
        """
        # First what is known, then what is there: a writer may be at work.
        yield from self._entries(channel, self.remembered(channel))

    def _entries(self, channel: ChannelId, remembered: Remembered) -> Iterator[OpenedEntry | Finding]:
        opener = Opener(channel, self.device, remembered.secrets)
        walks = {}
        for log in self.logs(channel):
            writer = self.writer_of(log, remembered)
            walk = walks[log.ref.log] = Walk(self.directory, log, writer=writer, kept=remembered.kept)
            yield from self.log_entries(walk, opener)
        yield from lacking_entries(remembered.checkpoints, walks)

    def log_entries(self, walk: Walk, opener: Opener) -> Iterator[OpenedEntry | Finding]:
        """What *walk* finds, opened."""
        for step in walk.steps():
            if isinstance(step, Finding):
                yield step
            else:
                yield opener.open(step, _known(walk.writer))

    def fold_output(self, channel: ChannelId) -> Iterator[Piece]:
        """The output of all streams: bytes, holes and conflicts (SPEC.md §3.2).

        Raises:
            OSError: of reading.
        """
        remembered = self.remembered(channel)
        folder = OutputFolder(kept=remembered.kept)
        for entry in self._entries(channel, remembered):
            if isinstance(entry, OpenedEntry):
                for event in entry.events:
                    yield from folder.fold(event)
        yield from folder.finish()
        yield from lacking_output(remembered.checkpoints, folder)

    def tail(self, channel: ChannelId, n_bytes: int) -> Tail:
        """The last *n_bytes* of the newest stream's output, or all of it; what is before is not read.

        Fewer, where the output is so thin in its logs that it would take reading more than 512 times *n_bytes*.

        Raises:
            OSError: of reading.
        """
        remembered = self.remembered(channel)
        opener = Opener(channel, self.device, remembered.secrets)
        stream: StreamId | None = None
        known_end = 0
        logs: list[deque[Output]] = []  # of the newest first
        left = _TAIL_LIMIT_BYTES + _TAIL_LIMIT_TIMES * n_bytes
        for log in reversed(self.logs(channel)):
            ending = self._ending_of(log, n_bytes, left, opener, remembered)
            left -= ending.span
            if ending.stream is not None and stream not in {None, ending.stream}:
                break
            if ending.stream is not None:
                known_end = ending.end if stream is None else known_end
                stream = ending.stream
            if ending.stream is not None and ending.outputs:
                logs.append(ending.outputs)
            if stream is not None and (n_bytes == 0 or _bytes_in(logs) >= n_bytes):
                break
            if left <= 0:
                break
        if stream is None:
            return Tail(NO_STREAM, 0, b"")
        if not logs or not n_bytes:
            return Tail(stream, known_end, b"")
        data = b"".join(_fold(output for outputs in reversed(logs) for output in outputs))
        end = max(outputs[-1].offset + len(outputs[-1].data) for outputs in logs)
        return Tail(stream, end, data[-n_bytes:])

    def _ending_of(
        self, log: LogFiles, n_bytes: int, limit: int, opener: Opener, remembered: Remembered
    ) -> _Ending:
        """The last stream in *log* and its last outputs, from at most about *limit* bytes of records."""
        writer = self.writer_of(log, remembered)
        beginning = self._beginning_of(log, opener, writer)
        known = next((known for known in remembered.checkpoints if known.ref == log.ref), None)
        if known is not None and known.stream is not None:
            beginning = _Ending(known.stream, known.stream_offset)
        log_bytes = self._bytes_of(log)
        span = _TAIL_BYTES
        while True:
            # Should the epoch have changed since the first grant, going back may meet the one that says so.
            start, is_all = self._before_end(log, span)
            if start is not None or is_all:
                ending = _Ending() if is_all else _Ending(beginning.stream, beginning.end)
                for entry in self.log_entries(Walk(self.directory, log, writer=writer, start=start), opener):
                    for event in () if isinstance(entry, Finding) else entry.events:
                        ending.follow(event, n_bytes)
                ending.span = min(span, log_bytes) + _BEGINNING_BYTES
                is_enough = ending.stream is not None and ending.held >= n_bytes and ending.is_sure
                if is_all or is_enough or span >= limit:
                    return ending
            elif span >= limit:
                beginning.span = span + _BEGINNING_BYTES
                return beginning
            span *= 4

    def _before_end(self, log: LogFiles, span: int) -> tuple[Start | None, bool]:
        """The first record of the last *span* bytes of *log*, if there is one; and whether *log* is no longer."""
        for number in reversed(log.segments):
            fd = os.open(segment_path(self.directory, log.ref, number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                size = os.fstat(fd).st_size
                if span < size:
                    found = find_record(fd, size - span)
                    if found is not None:
                        return Start(number, found, 0, None), False
                    # What is torn or damaged there may be followed by a segment of which all is in the span.
                    later = [other for other in log.segments if other > number]
                    return (Start(later[0], 0, 0, None) if later else None), False
                span -= size
            finally:
                os.close(fd)
        return None, True

    def _beginning_of(self, log: LogFiles, opener: Opener, writer: WriterId | None) -> _Ending:
        """The stream that *log* begins with; *opener* learns what its first grant gives."""
        beginning = _Ending()
        walk = Walk(self.directory, log, writer=writer, batch_entries=_FIRST_ENTRIES)
        for entry in islice(self.log_entries(walk, opener), _FIRST_ENTRIES):
            for event in () if isinstance(entry, Finding) else entry.events:
                if isinstance(event, OpenedEvent | Keyframe):
                    beginning.follow(event, 0)
        return beginning

    # -- what helps

    def is_joined(self, channel: ChannelId) -> bool:
        """Whether *channel* is somebody else's."""
        return self.remembered(channel).kept is Kept.FOLLOWED

    def remembered(self, channel: ChannelId) -> Remembered:
        """What the catalogue knows of *channel*; nothing, if it cannot be read."""
        try:
            with closing(self._catalogue()) as catalogue:
                seed = catalogue.writer(channel)
                return Remembered(
                    None if seed is None else WriterKey.from_seed(seed).public,
                    tuple(catalogue.epochs(channel)),
                    tuple(catalogue.checkpoints(channel)),
                    tuple(catalogue.keyframes(channel)),
                    Kept.FOLLOWED if catalogue.is_joined(channel) else Kept.ALL,
                )
        except (CatalogueMissingError, CatalogueDamagedError):
            return Remembered()

    def _catalogue(self) -> Catalogue:
        return Catalogue.open_read_only(self.home.catalogue, self.device.wrap_key)

    def writer_of(self, log: LogFiles, remembered: Remembered) -> WriterId | None:
        """Who writes *log*, as its first entry says; where that is damaged: the channel's owner, if known."""
        opening = read_opening(self.directory, log)
        if opening is not None:
            return opening.writer
        if remembered.owner is not None:
            return remembered.owner
        openings = (read_opening(self.directory, other) for other in self.logs(log.ref.channel))
        owners = (other.writer for other in openings if other is not None)
        return next((writer for writer in owners if channel_id(writer) == log.ref.channel), None)


def _named(terminal: Terminal) -> Named:
    about = terminal.about
    return Named(terminal.channel, about.name, about.created_us, about.state is State.RUNNING)


def _fold(outputs: Iterable[Output]) -> Iterator[bytes]:
    """The bytes of one stream, from wherever the first of *outputs* begins."""
    folder = OutputFolder(begin_anywhere=True)
    for output in outputs:
        yield from (piece for piece in folder.fold(output) if isinstance(piece, bytes))
    yield from (piece for piece in folder.finish() if isinstance(piece, bytes))


def _bytes_in(logs: Iterable[Iterable[Output]]) -> int:
    return sum(len(output.data) for outputs in logs for output in outputs)


def _known(writer: WriterId | None) -> WriterId:
    assert writer is not None  # nothing is verified without
    return writer
