"""Writing segments: where a record goes, and what it takes for it to survive (SPEC.md §6.1, §6.4).

    append ─► the log's current file, or a new one ─► dirty ─► sync ─► file, then the directories with new names

**Invariants**

- An append that fails has changed nothing: what was written of it is cut away, or will be written over by the same
  bytes.
- What was written since a file's last sync is kept until the next. If a sync fails, the kernel may have thrown the
  pages away and call them clean: it is written again first.
- A file that needs a sync is not closed, as who opens it again may never hear that its sync failed; or it is, and
  then all that was kept of it is written again.
- What fails for one channel keeps no other from being synchronised.

Not for two threads at once.
"""

import contextlib
import errno
import os
from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from cctm.protocol.errors import CctmError
from cctm.protocol.keys import ChannelId

from .disk import Disk
from .files import PART_SUFFIX, REMOVED_SUFFIX
from .removing import has_room_to
from .segment import MAGIC, LogRef, SegmentName, frame

# Of the disk, or of this process: whichever channel met one of these, the next will meet it too.
_EVERYBODYS: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    }
)

# Segments that begin behind a hole have numbers from a multiple of this on: what fills the hole goes right below.
STRETCH: Final = 1 << 20


class Joint(Enum):
    """How what is appended lies to what is there."""

    FOLLOWS = auto()  # it is the next record
    BEHIND_A_HOLE = auto()


def concerns_everybody(error: OSError) -> bool:
    """Whether *error*, met while writing one channel, says something of all of them."""
    return error.errno in _EVERYBODYS


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the records of one append lie: bytes *start* to *end* of segment number *segment*."""

    ref: LogRef
    segment: int
    start: int
    end: int


@dataclass(slots=True, eq=False)
class _File:
    """A segment being written. *kept*: the bytes from *synced* to *end*, as they were written."""

    ref: LogRef
    number: int
    fd: int | None
    end: int
    synced: int
    kept: list[bytes] = field(default_factory=list)
    suspect: bool = False  # a sync failed: the disk may lack what was kept, though reading shows it


@dataclass(slots=True)
class _Dirty:
    """What of a channel a power failure might take."""

    files: dict[_File, None] = field(default_factory=dict)
    has_new_names: bool = False


class SegmentWriter:
    """Writes the segments of any number of logs with a limited number of descriptors."""

    def __init__(self, archive: str, disk: Disk, segment_bytes: int, open_files: int) -> None:
        self._archive = archive
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._open_files = open_files
        self._files: dict[LogRef, _File] = {}
        self._open: OrderedDict[_File, None] = OrderedDict()  # the longest unused first
        self._dirty: dict[ChannelId, _Dirty] = {}
        self._new_in_archive = False
        self._owed: dict[ChannelId, Callable[[], None]] = {}  # removed, but for what *forget* removes

    def is_dirty(self, besides: Container[ChannelId] = ()) -> bool:
        """Whether anything would be lost in a power failure, of other channels than *besides*."""
        return self._new_in_archive or any(channel not in besides for channel in self._dirty)

    def append(self, ref: LogRef, payloads: Sequence[bytes], joint: Joint = Joint.FOLLOWS) -> Stored:
        """Write *payloads* as the next records of *ref*.

        Raises:
            OSError: nothing is changed; it may be tried again.
        """
        file = self._file(ref, joint)
        fd = self._descriptor(file)
        parts = [MAGIC] if file.end == 0 else []
        for payload in payloads:
            parts += (frame(payload), payload)
        data = b"".join(parts)
        self._write_at(fd, data, file.end)
        start = max(file.end, len(MAGIC))
        file.end += len(data)
        file.kept.append(data)
        self._dirty_of(ref.channel).files[file] = None
        return Stored(ref, file.number, start, file.end)

    def sync(self, besides: Container[ChannelId] = ()) -> dict[ChannelId, OSError]:
        """Have all that was written survive a power failure, but for the channels *besides*.

        Returns: the channels for which that failed, and why. They may be tried again.

        Raises:
            OSError: it concerns everybody: some of it may not survive; it may be tried again.
        """
        failed = {}
        for channel in [channel for channel in self._dirty if channel not in besides]:
            try:
                self._sync_within(channel)
            except OSError as error:
                if concerns_everybody(error):
                    raise
                failed[channel] = error
        self._sync_archive()
        return failed

    def sync_channel(self, channel: ChannelId) -> None:
        """Have what was written of *channel* survive a power failure.

        Raises:
            OSError: some of it may not; it may be tried again.
        """
        self._sync_within(channel)
        self._sync_archive()

    def _sync_within(self, channel: ChannelId) -> None:
        dirty = self._dirty.get(channel)
        if dirty is None:
            return
        for file in list(dirty.files):
            self._sync_file(file, self._descriptor(file))
        if dirty.has_new_names:
            self._disk.sync_directory(self._directory(channel))
        del self._dirty[channel]

    def _sync_file(self, file: _File, fd: int) -> None:
        if file.suspect:
            self._write_at(fd, b"".join(file.kept), file.synced)
        try:
            self._disk.sync(fd)
        except OSError:
            file.suspect = True
            raise
        file.suspect = False
        file.synced = file.end
        file.kept.clear()
        self._dirty_of(file.ref.channel).files.pop(file, None)
        if self._files.get(file.ref) is not file:
            self._close_file(file)

    def _sync_archive(self) -> None:
        if self._new_in_archive:
            self._disk.sync_directory(self._archive)
            self._new_in_archive = False

    def let_go(self, channel: ChannelId) -> None:
        """Close the files of *channel*: whatever they were, they are looked for by name again.

        What was not synchronised must be, by `sync_channel`, before anything is appended.
        """
        dirty = self._dirty.get(channel)
        for file in [file for file in self._open if file.ref.channel == channel]:
            file.suspect = dirty is not None and file in dirty.files
            self._close_file(file)

    def remove(self, channel: ChannelId, forget: Callable[[], None]) -> None:
        """Remove the files of *channel*; a removal that was interrupted is finished.

            rename to .removed ─► sync of the archive ─► forget ─► unlink
                                                         └─ no room: unlink what is in it ─► forget ─► unlink

        Whatever is met after a crash is either the terminal as it was, or `.removed`, which is to be finished. It
        stays as well where even the files made too little room to forget: that is tried again with the next removal
        and at the end, and otherwise done by the next start.

        Args:
            forget: removes what else is known of the channel.
        Raises:
            OSError, or what *forget* raises: the channel is as it was, and may go on.
        """
        self.let_go(channel)
        directory = self._directory(channel)
        removed = directory + REMOVED_SUFFIX
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove_tree(removed)
        try:
            with contextlib.suppress(FileNotFoundError):
                self._disk.rename(directory, removed)
            self._disk.sync_directory(self._archive)
            is_forgotten = has_room_to(forget)
        except BaseException:
            with contextlib.suppress(OSError):  # then the next start finishes what was begun
                self._disk.rename(removed, directory)
            self._new_in_archive = True
            raise
        self._files = {ref: file for ref, file in self._files.items() if ref.channel != channel}
        self._dirty.pop(channel, None)
        # The terminal is gone already. What cannot be unlinked now is by the next start.
        with contextlib.suppress(OSError):
            if is_forgotten:
                self._disk.remove_tree(removed)
            else:
                self._owed[channel] = forget
                self._disk.empty_directory(removed)
        self._forget_owed()

    def _forget_owed(self) -> None:
        for channel, forget in list(self._owed.items()):
            try:
                forget()
                del self._owed[channel]
                self._disk.remove_tree(self._directory(channel) + REMOVED_SUFFIX)
            except (OSError, CctmError):  # the next removal, or the next start, tries again
                continue

    def close(self) -> None:
        self._forget_owed()
        for file in list(self._open):
            self._close_file(file)

    def _write_at(self, fd: int, data: bytes, position: int) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._disk.write(fd, rest, position + len(data) - len(rest)) :]
        except OSError:
            # If it cannot even be cut, the part stays, as a torn tail, until the same bytes are written
            # over it.
            with contextlib.suppress(OSError):
                self._disk.cut(fd, position)
            raise

    def fill(self, ref: LogRef, number: int, payloads: Sequence[bytes]) -> int:
        """Write *payloads* as a whole segment of *ref*, which survives a power failure then. How many bytes it has.

        Raises:
            OSError: it is not there.
        """
        file = _File(ref, number, None, 0, 0)
        path = self._path(file)
        data = b"".join((MAGIC, *(part for payload in payloads for part in (frame(payload), payload))))
        try:
            fd = self._disk.create(path + PART_SUFFIX)
        except FileExistsError:  # of an attempt that a crash ended
            fd = self._disk.open(path + PART_SUFFIX)
            self._disk.cut(fd, 0)
        try:
            self._write_at(fd, data, 0)
            self._disk.sync(fd)
        finally:
            self._disk.close(fd)
        self._disk.rename(path + PART_SUFFIX, path)
        self._disk.sync_directory(self._directory(ref.channel))
        return len(data)

    def _file(self, ref: LogRef, joint: Joint) -> _File:
        """The segment to which the next record of *ref* goes."""
        file = self._files.get(ref)
        if file is None:
            file = self._take_up(ref)
        is_begun = (
            file.end > 0 or file.number % STRETCH > 0
        )  # else it is what a failed attempt would have made
        if joint is Joint.BEHIND_A_HOLE and is_begun:
            file = _File(ref, (file.number // STRETCH + 1) * STRETCH, None, 0, 0)
        elif file.end > self._segment_bytes:
            file = _File(ref, file.number + 1, None, 0, 0)
        self._files[ref] = file
        return file

    def _take_up(self, ref: LogRef) -> _File:
        """The last segment of a log that this storage has not written to yet."""
        directory = self._directory(ref.channel)
        self._disk.make_directory(directory)
        # Also if it was there: who made it may have died before the sync.
        self._new_in_archive = True
        names = self._disk.names(directory)
        self._dirty_of(ref.channel).has_new_names = True
        numbers = [
            name.number
            for name in map(SegmentName.parse, names)
            if name is not None and (name.log, name.generation) == (ref.log, ref.generation)
        ]
        if not numbers:
            return _File(ref, 1, None, 0, 0)
        file = _File(ref, max(numbers), None, 0, 0)
        self._make_room()
        fd = self._disk.open(self._path(file))
        self._open[file] = None
        file.fd = fd
        file.end = file.synced = self._disk.size(fd)
        if file.end < len(MAGIC):
            self._disk.cut(fd, 0)
            file.end = file.synced = 0
        return file

    def _descriptor(self, file: _File) -> int:
        if file.fd is not None:
            self._open.move_to_end(file)
            return file.fd
        self._make_room()
        path = self._path(file)
        if file.synced == 0:
            try:
                fd = self._disk.create(path)
            except FileExistsError:  # made by an attempt that failed later
                fd = self._disk.open(path)
            self._dirty_of(file.ref.channel).has_new_names = True
        else:
            fd = self._disk.open(path)
        self._open[file] = None
        file.fd = fd
        return fd

    def _make_room(self) -> None:
        """Have a descriptor to spare. What needs a sync stays open, so that a failing one is noticed."""
        if len(self._open) >= self._open_files:
            self.close_idle(self._open_files // 2)
            if len(self._open) >= self._open_files:
                self._sync_open_files()
                self.close_idle(self._open_files // 2)

    def _sync_open_files(self) -> None:
        for file in list(self._open):
            if file.fd is None:  # let go meanwhile
                continue
            try:
                self._sync_file(file, file.fd)
            except OSError as error:
                if concerns_everybody(error):
                    raise
                self.let_go(file.ref.channel)  # the next sync of that channel says why

    def close_idle(self, keep: int) -> None:
        """Close descriptors of files that need no sync, the longest unused first, until *keep* are left."""
        for file in list(self._open):
            if len(self._open) <= keep:
                return
            dirty = self._dirty.get(file.ref.channel)
            if dirty is None or file not in dirty.files:
                self._close_file(file)

    def _dirty_of(self, channel: ChannelId) -> _Dirty:
        return self._dirty.setdefault(channel, _Dirty())

    def _close_file(self, file: _File) -> None:
        assert file.fd is not None  # it is among those that are open
        with contextlib.suppress(OSError):  # it is closed all the same, and nothing unsynced was in it
            self._disk.close(file.fd)
        file.fd = None
        del self._open[file]

    def _directory(self, channel: ChannelId) -> str:
        return os.path.join(self._archive, channel.hex())

    def _path(self, file: _File) -> str:
        name = SegmentName(file.ref.generation, file.ref.log, file.number)
        return os.path.join(self._directory(file.ref.channel), str(name))
