"""Rebuilding the catalogue from the segments and the device key (SPEC.md §6.8).

    segments ──► survey(channel) ──► about, checkpoints, keyframes, epochs ──► a new catalogue
    damaged catalogue ──► what of the writer seeds still unwraps ──────────┘
                      └─► set aside, never deleted

Invariants: a seed is taken over only if it is the one whose public key the channel commits to. Without it
the terminal can be read, but nothing can be added: whoever runs it must close it as lost.
"""

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cctm.home import Home, HomeError
from cctm.protocol.errors import OpenError
from cctm.protocol.events import Closed, Keyframe, Output, Renamed
from cctm.protocol.events import Opened as OpenedEvent
from cctm.protocol.keys import SEED_BYTES, ChannelId, DeviceKeys, EpochSecret, StreamId, WriterKey, channel_id
from cctm.protocol.seal import unwrap

from .catalogue import About, Catalogue, CatalogueDamagedError, Checkpoint, KeyframePlace, State
from .files import list_channels
from .finding import Finding
from .fold import NO_STREAM
from .opening import Opener
from .reader import Archive
from .recover import StreamPosition, checkpoint_of, keyframe_place
from .removing import finish_removals
from .walk import Walk


@dataclass(frozen=True, slots=True)
class Survey:
    """What the segments of a channel say of it."""

    channel: ChannelId
    about: About
    checkpoints: tuple[Checkpoint, ...]
    keyframes: tuple[KeyframePlace, ...]
    epochs: tuple[EpochSecret, ...]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of it.

    *aside*: where the old catalogue is, if there was one. *lost*: channels to which nothing can be added.
    *unread*: those whose files cannot be read now.
    """

    aside: str
    channels: int
    lost: tuple[ChannelId, ...]
    unread: tuple[ChannelId, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenedCatalogue:
    """The catalogue as a start found and mended it.

    *rebuilt*: what became of one that was damaged or missing. *unremoved*: removals that cannot be finished yet, and
    why. *unreadable*: channels that it does not tell anything of, nor do their segments.
    """

    catalogue: Catalogue
    rebuilt: Rebuilt | None
    unremoved: Mapping[ChannelId, OSError]
    unreadable: tuple[ChannelId, ...]


class _AboutFold:
    """What a person knows a terminal by, as its events tell it."""

    def __init__(self) -> None:
        self.about: About | None = None
        self._wall_us = 0
        self._stream = NO_STREAM
        self._ends: dict[StreamId, int] = {}

    def follow(self, event: object) -> None:
        self._wall_us += getattr(event, "dt_us", 0)
        about = self.about or About("", (), b"", 0)
        match event:
            case OpenedEvent(wall_us=wall_us, name=name, argv=argv, cwd=cwd, stream=stream):
                self._wall_us, self._stream = wall_us, stream
                created_us = about.created_us or wall_us
                self.about = About(name, argv, cwd, created_us, output_bytes=about.output_bytes)
            case Keyframe(wall_us=wall_us, name=name, stream=stream):
                self._wall_us, self._stream = wall_us, stream or self._stream
                self.about = replace(about, name=name, created_us=about.created_us or wall_us)
            case Renamed(name=name):
                self.about = replace(about, name=name)
            case Output(offset=offset, data=data):
                self._ends[self._stream] = max(self._ends.get(self._stream, 0), offset + len(data))
                self.about = replace(about, output_bytes=sum(self._ends.values()))
            case Closed(how=how, code=code):
                self.about = replace(about, state=State.ENDED, ended_us=self._wall_us, how=how, code=code)
            case _:
                return


def survey(archive: Archive, channel: ChannelId) -> Survey | None:
    """What the segments of *channel* say of it; None if nothing in them can be opened.

    Raises:
        OSError: of reading.
    """
    opener = Opener(channel, archive.device)
    about = _AboutFold()
    checkpoints = []
    keyframes = []
    for log in archive.logs(channel):
        walk = Walk(archive.directory, log)
        stream = StreamPosition()
        for entry in archive.log_entries(walk, opener):
            if isinstance(entry, Finding):
                continue
            for event in entry.events:
                about.follow(event)
                stream.follow(event)
                if isinstance(event, Keyframe):
                    keyframes.append(keyframe_place(entry, event))
        if walk.size:
            checkpoints.append(checkpoint_of(walk, stream))
    if about.about is None:
        return None
    epochs = tuple(sorted(opener.secrets.values(), key=lambda epoch: epoch.number))
    return Survey(channel, about.about, tuple(checkpoints), tuple(keyframes), epochs)


def open_or_rebuild(home: Home, device: DeviceKeys) -> OpenedCatalogue:
    """The catalogue, for writing; rebuilt if it is damaged, or missing beside an archive that is not empty.

    Removals that were interrupted are finished, and an *about* that does not open is taken from the segments.

    Raises:
        HomeError: it was written by a newer version, or with another device's key, or cannot be written.
    """
    try:
        if os.path.exists(home.catalogue) or not list_channels(home.archive):
            with contextlib.suppress(CatalogueDamagedError):
                return _open_and_mend(home, device, None)
        return _open_and_mend(home, device, rebuild(home, device))
    except OSError as error:
        raise HomeError(
            f"The catalogue {home.catalogue} cannot be opened: {error.strerror}.",
            "Look at its owner and mode, and at the room on that disk.",
        ) from error


def _open_and_mend(home: Home, device: DeviceKeys, rebuilt: Rebuilt | None) -> OpenedCatalogue:
    """The catalogue, level with the files.

    Raises:
        OSError, CatalogueDamagedError, HomeError: and it is closed.
    """
    catalogue = Catalogue.open(home.catalogue, device.wrap_key)
    try:
        unremoved = finish_removals(home.archive, catalogue)
        unreadable = _mend_abouts(home, device, catalogue)
    except BaseException:
        catalogue.close()
        raise
    return OpenedCatalogue(catalogue, rebuilt, unremoved, unreadable)


def _mend_abouts(home: Home, device: DeviceKeys, catalogue: Catalogue) -> tuple[ChannelId, ...]:
    """Say again, by its segments, what the catalogue does not say any more of a channel; those for which that fails."""
    left = []
    archive = Archive(home, device)
    for channel in catalogue.unreadable():
        found = None
        with contextlib.suppress(OSError):  # the next start tries again
            found = survey(archive, channel)
        if found is None:
            left.append(channel)
        else:
            catalogue.put_about(channel, found.about)
    return tuple(left)


def rebuild(home: Home, device: DeviceKeys) -> Rebuilt:
    """Make a new catalogue from the segments, and set the one that is there aside.

    The new one takes its place when it is complete: an interruption leaves what was.

    Raises:
        OSError: of reading or writing.
    """
    draft = f"{home.catalogue}.new"
    for path in _files_of(draft):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    archive = Archive(home, device)
    seeds = _salvage(home, device)
    surveys, unread = [], []
    for channel in list_channels(home.archive):
        try:
            found = survey(archive, channel)
        except OSError:
            unread.append(channel)
        else:
            surveys += [] if found is None else [found]
    surveys.sort(key=lambda found: found.about.created_us)
    with contextlib.closing(Catalogue.open(draft, device.wrap_key)) as catalogue, catalogue.transaction():
        for found in surveys:
            _put(catalogue, found)
        for channel in (*(found.channel for found in surveys), *unread):
            if channel in seeds:
                catalogue.put_writer(channel, seeds[channel])
    aside = _set_aside(home.catalogue)
    os.rename(draft, home.catalogue)
    lost = tuple(found.channel for found in surveys if found.channel not in seeds)
    return Rebuilt(aside, len(surveys), lost, tuple(unread))


def _put(catalogue: Catalogue, found: Survey) -> None:
    catalogue.put_about(found.channel, found.about)
    for epoch in found.epochs:
        catalogue.put_epoch(found.channel, epoch)
    for checkpoint in found.checkpoints:
        catalogue.put_checkpoint(checkpoint)
    for keyframe in found.keyframes:
        catalogue.put_keyframe(keyframe)


def _files_of(path: str) -> tuple[str, str, str]:
    """A catalogue's file and those that SQLite keeps beside it."""
    return path, f"{path}-wal", f"{path}-shm"


def _asides(path: str) -> list[str]:
    """What was set aside of the catalogue *path*, the newest first."""
    directory, name = os.path.split(path)
    prefix = f"{name}.damaged-"
    numbers = [
        int(found.removeprefix(prefix))
        for found in os.listdir(directory)
        if found.startswith(prefix) and found.removeprefix(prefix).isdecimal()
    ]
    return [os.path.join(directory, f"{prefix}{number}") for number in sorted(numbers, reverse=True)]


def _set_aside(path: str) -> str:
    """Rename the catalogue *path*, if there is one, to a name that is free."""
    taken = _asides(path)
    number = int(taken[0].rpartition("-")[2]) + 1 if taken else 1
    aside = f"{path}.damaged-{number}" if os.path.exists(path) else ""
    if not aside:
        return aside
    # Its log goes first: a catalogue without it would look whole.
    for old, new in reversed(list(zip(_files_of(path), _files_of(aside), strict=True))):
        with contextlib.suppress(FileNotFoundError):
            os.rename(old, new)
    return aside


def _salvage(home: Home, device: DeviceKeys) -> Mapping[ChannelId, bytes]:
    """The writer seeds that can still be read from the catalogue, or from one that was set aside."""
    seeds: dict[ChannelId, bytes] = {}
    for path in (home.catalogue, *_asides(home.catalogue)):
        for channel, wrapped in _rows_of_writers(path):
            try:
                seed = unwrap(device.wrap_key, "cctm wrap writer", (channel,), wrapped)
            except OpenError:
                continue
            if len(seed) == SEED_BYTES and channel_id(WriterKey.from_seed(seed).public) == channel:
                seeds.setdefault(ChannelId(channel), seed)
    return seeds


def _rows_of_writers(path: str) -> list[tuple[bytes, bytes]]:
    """As many rows of the table as can be read from a catalogue that may be damaged anywhere."""
    rows: list[tuple[bytes, bytes]] = []
    if not os.path.exists(path):
        return rows
    with contextlib.suppress(sqlite3.Error):
        connection = sqlite3.connect(path, isolation_level=None)
        with contextlib.closing(connection):
            for channel, wrapped in connection.execute("SELECT channel, wrapped FROM writers"):
                if isinstance(channel, bytes) and isinstance(wrapped, bytes):
                    rows.append((channel, wrapped))
    return rows
