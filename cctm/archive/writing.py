"""Writing segments: where a record goes, and what it takes for it to survive (SPEC.md §6.1, §6.4).

    append ─► the log's current file, or a new one ─► dirty ─► sync ─► file, then the directories with new names

**Invariants**

- An append that fails has changed nothing: what was written of it is cut away, or will be written over by the same
  bytes.
- What was written since a file's last sync is kept until the next. If a sync fails, the kernel may have thrown the
  pages away and call them clean: it is written again first.
- A file that needs a sync is not closed: who opens it again may never hear that its sync failed.

Not for two threads at once.
"""

import contextlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cctm.protocol.keys import ChannelId

from .disk import Disk
from .segment import MAGIC, LogRef, SegmentName, frame

# A directory with this ending is on its way out; whoever finds one may finish the removal.
REMOVED_SUFFIX: Final = ".removed"


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


class SegmentWriter:
    """Writes the segments of any number of logs with a limited number of descriptors."""

    def __init__(self, archive: str, disk: Disk, segment_bytes: int, open_files: int) -> None:
        self._archive = archive
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._open_files = open_files
        self._files: dict[LogRef, _File] = {}
        self._open: OrderedDict[_File, None] = OrderedDict()  # the longest unused first
        self._dirty: dict[_File, None] = {}
        self._new_names_in: dict[str, None] = {}

    @property
    def is_dirty(self) -> bool:
        """Whether anything would be lost in a power failure."""
        return bool(self._dirty or self._new_names_in)

    def append(self, ref: LogRef, payloads: Sequence[bytes]) -> Stored:
        """Write *payloads* as the next records of *ref*.

        Raises:
            OSError: nothing is changed; it may be tried again.
        """
        file = self._file(ref)
        fd = self._descriptor(file)
        parts = [MAGIC] if file.end == 0 else []
        for payload in payloads:
            parts += (frame(payload), payload)
        data = b"".join(parts)
        self._write_at(fd, data, file.end)
        start = max(file.end, len(MAGIC))
        file.end += len(data)
        file.kept.append(data)
        self._dirty[file] = None
        return Stored(ref, file.number, start, file.end)

    def sync(self) -> None:
        """Have all that was written survive a power failure.

        Raises:
            OSError: some of it may not; it may be tried again.
        """
        for file in list(self._dirty):
            fd = self._descriptor(file)
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
            del self._dirty[file]
            if self._files.get(file.ref) is not file:
                self._close_file(file)
        for directory in list(self._new_names_in):
            self._disk.sync_directory(directory)
            del self._new_names_in[directory]

    def remove(self, channel: ChannelId) -> None:
        """Remove the files of *channel*; a removal that was interrupted is finished.

        Raises:
            OSError: they cannot be removed.
        """
        for file in [file for file in self._open if file.ref.channel == channel]:
            self._close_file(file)
        self._files = {ref: file for ref, file in self._files.items() if ref.channel != channel}
        self._dirty = {file: None for file in self._dirty if file.ref.channel != channel}
        directory = self._directory(channel)
        self._new_names_in.pop(directory, None)
        # Renamed first: a removal that is interrupted leaves no half of a terminal.
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove_tree(directory + REMOVED_SUFFIX)
        with contextlib.suppress(FileNotFoundError):
            self._disk.rename(directory, directory + REMOVED_SUFFIX)
            self._disk.remove_tree(directory + REMOVED_SUFFIX)

    def close(self) -> None:
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

    def _file(self, ref: LogRef) -> _File:
        """The segment to which the next record of *ref* goes."""
        file = self._files.get(ref)
        if file is None:
            file = self._take_up(ref)
        elif file.end > self._segment_bytes:
            file = _File(ref, file.number + 1, None, 0, 0)
        self._files[ref] = file
        return file

    def _take_up(self, ref: LogRef) -> _File:
        """The last segment of a log that this storage has not written to yet."""
        directory = self._directory(ref.channel)
        self._disk.make_directory(directory)
        # Also if it was there: who made it may have died before the sync.
        self._new_names_in[self._archive] = None
        self._new_names_in[directory] = None
        numbers = [
            name.number
            for name in map(SegmentName.parse, self._disk.names(directory))
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
        if file.end == 0:
            try:
                fd = self._disk.create(path)
            except FileExistsError:  # made by an attempt that failed later
                fd = self._disk.open(path)
            self._new_names_in[self._directory(file.ref.channel)] = None
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
                self.sync()
                self.close_idle(self._open_files // 2)

    def close_idle(self, keep: int) -> None:
        """Close descriptors of files that need no sync, the longest unused first, until *keep* are left."""
        for file in list(self._open):
            if len(self._open) <= keep:
                return
            if file not in self._dirty:
                self._close_file(file)

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
