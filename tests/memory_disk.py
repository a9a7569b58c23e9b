"""A disk in memory that can fail at any call and forget at a power failure what was not synchronised.

It is stricter than real ones: what was written since the last sync survives in any order or not at all, and
a sync that fails throws away what it was to store, while reading goes on to show it (Linux, after EIO).
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from cctm.archive.disk import Disk


@dataclass
class _Inode:
    shown: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)  # what a power failure leaves
    pending: list[tuple[int, bytes | None]] = field(
        default_factory=list
    )  # (position, bytes) or (length, None)
    name_is_kept: bool = False


def _apply(data: bytearray, position: int, change: bytes | None) -> None:
    if change is None:
        del data[position:]
    else:
        data.extend(bytes(max(0, position - len(data))))
        data[position : position + len(change)] = change


class MemoryDisk(Disk):
    """*failures*: call number → errno. *on_call* is told each number before the call has any effect."""

    def __init__(
        self, failures: dict[int, int] | None = None, on_call: Callable[[int], None] = lambda _: None
    ) -> None:
        self.calls = 0
        self.inodes: dict[str, _Inode] = {}
        self.directories = {"/archive"}
        self.fds: dict[int, str] = {}
        self.most_fds = 0
        self.closed_unsynced = 0  # how often; who opens such a file again may never hear that its sync failed
        self.log: list[str] = []
        self._failures = failures or {}
        self._on_call = on_call
        self._next_fd = 100

    def _call(self, name: str) -> None:
        self._on_call(self.calls)
        self.calls += 1
        self.log.append(name)
        number = self._failures.pop(self.calls - 1, None)
        if number is not None:
            raise OSError(number, os.strerror(number))

    def make_directory(self, path):
        self._call("make_directory")
        if path in self.directories:
            return False
        self.directories.add(path)
        return True

    def names(self, path):
        self._call("names")
        return [os.path.basename(found) for found in self.inodes if os.path.dirname(found) == path]

    def create(self, path):
        self._call("create")
        if path in self.inodes:
            raise FileExistsError(path)
        self.inodes[path] = _Inode()
        return self._open(path)

    def open(self, path):
        self._call("open")
        if path not in self.inodes:
            raise FileNotFoundError(path)
        return self._open(path)

    def _open(self, path):
        self._next_fd += 1
        self.fds[self._next_fd] = path
        self.most_fds = max(self.most_fds, len(self.fds))
        return self._next_fd

    def size(self, fd):
        self._call("size")
        return len(self.inodes[self.fds[fd]].shown)

    def write(self, fd, data, position):
        """A failing write has written half; others write at most 1,000 bytes at once."""
        part = bytes(data[: min(len(data), 1_000)])
        try:
            self._call("write")
        except OSError:
            self._change(fd, position, part[: len(part) // 2])
            raise
        self._change(fd, position, part)
        return len(part)

    def cut(self, fd, length):
        self._call("cut")
        self._change(fd, length, None)

    def _change(self, fd, position, change):
        inode = self.inodes[self.fds[fd]]
        _apply(inode.shown, position, change)
        inode.pending.append((position, change))

    def sync(self, fd):
        inode = self.inodes[self.fds[fd]]
        try:
            self._call("sync")
        except OSError:
            inode.pending.clear()
            raise
        for position, change in inode.pending:
            _apply(inode.kept, position, change)
        inode.pending.clear()

    def sync_directory(self, path):
        self._call("sync_directory")
        for found, inode in self.inodes.items():
            if os.path.dirname(found) == path:
                inode.name_is_kept = True

    def close(self, fd):
        path = self.fds.pop(fd)
        self.closed_unsynced += bool(path in self.inodes and self.inodes[path].pending)
        self._call("close")

    def rename(self, old, new):
        self._call("rename")
        if old in self.inodes:
            self.inodes[new] = self.inodes.pop(old)
            self.inodes[new].name_is_kept = False
            return
        self.directories.discard(old)
        self.directories.add(new)
        for path in [path for path in self.inodes if os.path.dirname(path) == old]:
            self.inodes[os.path.join(new, os.path.basename(path))] = self.inodes.pop(path)

    def empty_directory(self, path):
        self._call("empty_directory")
        self.inodes = {found: inode for found, inode in self.inodes.items() if os.path.dirname(found) != path}

    def remove_tree(self, path):
        self._call("remove_tree")
        if path not in self.directories:
            raise FileNotFoundError(path)
        self.directories.discard(path)
        self.inodes = {found: inode for found, inode in self.inodes.items() if os.path.dirname(found) != path}

    def shown(self) -> dict[str, bytes]:
        return {path: bytes(inode.shown) for path, inode in self.inodes.items()}

    def after_power_failure(self, chance: random.Random) -> dict[str, bytes]:
        """The files that a power failure at this moment might leave."""
        left = {}
        for path, inode in self.inodes.items():
            if not inode.name_is_kept and chance.random() < 0.5:
                continue
            data = bytearray(inode.kept)
            for position, change in inode.pending:
                luck = chance.random()
                if luck < 0.4:
                    _apply(data, position, change)
                elif luck < 0.6 and change:
                    _apply(data, position, change[: chance.randrange(len(change))])
            left[path] = bytes(data)
        return left
