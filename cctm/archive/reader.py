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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

from cctm.home import Home
from cctm.protocol.events import Keyframe, Output
from cctm.protocol.events import Opened as OpenedEvent
from cctm.protocol.keys import ChannelId, DeviceKeys, EpochSecret, StreamId, WriterId, WriterKey, channel_id

from .catalogue import About, Catalogue, CatalogueDamagedError, CatalogueMissingError, Checkpoint, State
from .device import load_device
from .files import LogFiles, list_channels, list_files, segment_path
from .finding import Finding
from .fold import NO_STREAM, OutputFolder, Piece
from .opening import OpenedEntry, Opener
from .segment import find_record
from .walk import Start, Walk, read_opening

_TAIL_BYTES = 256 << 10  # of sealed records, to begin with


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal of this device. *bytes_on_disk*: of its segments."""

    channel: ChannelId
    about: About
    bytes_on_disk: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The last output of a stream: *data*, which ends at *end*."""

    stream: StreamId
    end: int
    data: bytes


class NoSuchTerminalError(LookupError):
    """No terminal is called *text*, and no id begins with it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class AmbiguousTerminalError(LookupError):
    """*text* may mean any of *candidates*."""

    def __init__(self, text: str, candidates: Sequence[Terminal]) -> None:
        super().__init__(text)
        self.text = text
        self.candidates = tuple(candidates)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the catalogue knows of a channel."""

    owner: WriterId | None = None
    secrets: tuple[EpochSecret, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()


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

    def resolve(self, text: str) -> Terminal:
        """The terminal that *text* means: a running one of that name, else the newest of that name, else by
        id.

        Raises:
            NoSuchTerminalError, AmbiguousTerminalError: none, or several ids begin with *text*.
            HomeError: as `terminals`.
        """
        return resolve(text, self.terminals())

    def bytes_on_disk(self, channel: ChannelId) -> int:
        total = 0
        for log in list_files(self.directory, channel).logs:
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
        """Every entry of every log, opened, and what cannot be read where it would stand.

        Raises:
            OSError: of reading.
        """
        remembered = self.remembered(channel)
        opener = Opener(channel, self.device, remembered.secrets)
        for log in self.logs(channel):
            yield from self.log_entries(
                Walk(self.directory, log, writer=self.writer_of(log, remembered)), opener
            )

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
        folder = OutputFolder()
        for entry in self.entries(channel):
            if isinstance(entry, OpenedEntry):
                for event in entry.events:
                    yield from folder.fold(event)
        yield from folder.finish()

    def tail(self, channel: ChannelId, n_bytes: int) -> Tail:
        """The last *n_bytes* of the newest stream's output, or all of it; what is before is not read.

        Raises:
            OSError: of reading.
        """
        remembered = self.remembered(channel)
        opener = Opener(channel, self.device, remembered.secrets)
        stream: StreamId | None = None
        logs: list[list[Output]] = []  # of the newest first
        end = 0
        for log in reversed(self.logs(channel)):
            found, outputs = self._tail_of(log, n_bytes, opener, self.writer_of(log, remembered))
            if stream is not None and found != stream:
                break
            if found is None or not outputs:
                continue
            stream = found
            logs.append(outputs)
            end = max(end, outputs[-1].offset + len(outputs[-1].data))
            if end - outputs[0].offset >= n_bytes:
                break
        if stream is None:
            return Tail(NO_STREAM, 0, b"")
        data = b"".join(_fold(output for outputs in reversed(logs) for output in outputs))
        return Tail(stream, end, data[-n_bytes:] if n_bytes else b"")

    def _tail_of(
        self, log: LogFiles, n_bytes: int, opener: Opener, writer: WriterId | None
    ) -> tuple[StreamId | None, list[Output]]:
        """The last stream in *log*, and its outputs that hold its last *n_bytes* there."""
        span = _TAIL_BYTES
        if not opener.secrets:
            self._learn_first_grant(log, opener, writer)
        while True:
            # If the epoch changed since that grant, going back sooner or later meets the one that says so.
            start = self._before_end(log, span)
            stream, outputs = self._outputs_from(log, start, n_bytes, opener, writer)
            if start is None or (
                stream is not None and sum(len(output.data) for output in outputs) >= n_bytes
            ):
                return stream, list(outputs)
            span *= 4

    def _before_end(self, log: LogFiles, span: int) -> Start | None:
        """A record about *span* bytes before the end of *log*; None: its beginning."""
        for number in reversed(log.segments):
            fd = os.open(segment_path(self.directory, log.ref, number), os.O_RDONLY | os.O_CLOEXEC)
            try:
                size = os.fstat(fd).st_size
                if span < size:
                    found = find_record(fd, size - span)
                    return None if found is None else Start(number, found, 0, None)
                span -= size
            finally:
                os.close(fd)
        return None

    def _outputs_from(
        self, log: LogFiles, start: Start | None, n_bytes: int, opener: Opener, writer: WriterId | None
    ) -> tuple[StreamId | None, deque[Output]]:
        """The stream in force at the end of *log*, and its last outputs."""
        stream: StreamId | None = None
        outputs: deque[Output] = deque()
        held = 0
        for entry in self.log_entries(Walk(self.directory, log, writer=writer, start=start), opener):
            for event in () if isinstance(entry, Finding) else entry.events:
                match event:
                    case OpenedEvent(stream=named) | Keyframe(stream=named) if named not in {None, stream}:
                        stream, held = named, 0
                        outputs.clear()
                    case Output() if stream is not None:
                        outputs.append(event)
                        held += len(event.data)
                        while held - len(outputs[0].data) >= n_bytes > 0:
                            held -= len(outputs.popleft().data)
                    case _:
                        continue
        return stream, outputs

    def _learn_first_grant(self, log: LogFiles, opener: Opener, writer: WriterId | None) -> None:
        """Have *opener* know what *log*'s second entry gives: it restates all that there was."""
        walk = Walk(self.directory, log, writer=writer, batch_entries=2)
        for entry in islice(self.log_entries(walk, opener), 2):
            if isinstance(entry, Finding):
                return

    # -- what helps

    def remembered(self, channel: ChannelId) -> Remembered:
        """What the catalogue knows of *channel*; nothing, if it cannot be read."""
        try:
            with closing(self._catalogue()) as catalogue:
                seed = catalogue.writer(channel)
                return Remembered(
                    None if seed is None else WriterKey.from_seed(seed).public,
                    tuple(catalogue.epochs(channel)),
                    tuple(catalogue.checkpoints(channel)),
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


def resolve(text: str, terminals: Sequence[Terminal]) -> Terminal:
    """`Archive.resolve` among *terminals*, the oldest first."""
    named = [terminal for terminal in terminals if terminal.about.name == text]
    running = [terminal for terminal in named if terminal.about.state is State.RUNNING]
    if running or named:
        return (running or named)[-1]
    matching = [terminal for terminal in terminals if text and terminal.channel.hex().startswith(text)]
    if not matching:
        raise NoSuchTerminalError(text)
    if len(matching) > 1:
        raise AmbiguousTerminalError(text, matching)
    return matching[0]


def _fold(outputs: Iterable[Output]) -> Iterator[bytes]:
    """The bytes of one stream, from wherever the first of *outputs* begins."""
    folder = OutputFolder(begin_anywhere=True)
    for output in outputs:
        yield from (piece for piece in folder.fold(output) if isinstance(piece, bytes))
    yield from (piece for piece in folder.finish() if isinstance(piece, bytes))


def _known(writer: WriterId | None) -> WriterId:
    assert writer is not None  # nothing is verified without
    return writer
