"""The operating system's calls that storing rests on, and no decision.

They are gathered here so that a test can put a disk below `Storage` that is full, fails, or forgets what
was not synchronised.

Invariants: files are made 0600 and directories 0700, never after the fact. Nothing is followed or replaced.
"""

import os
import shutil
import stat
import sys
from collections.abc import Sequence

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk:
    """The real one. All of it may raise OSError."""

    def make_directory(self, path: str) -> bool:
        """Make *path*; False if it is there already."""
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            return False
        return True

    def names(self, path: str) -> Sequence[str]:
        return os.listdir(path)

    def create(self, path: str) -> int:
        return os.open(path, _CREATE, 0o600)

    def open(self, path: str) -> int:
        return os.open(path, _OPEN)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def write(self, fd: int, data: bytes | memoryview, position: int) -> int:
        """Write the first bytes of *data*, as many as there is room for: at least one."""
        return os.pwrite(fd, data, position)

    def cut(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    def sync(self, fd: int) -> None:
        """The file's bytes and length survive a power failure from here on."""
        if sys.platform == "darwin":  # pragma: no cover  tested on Linux alone
            import fcntl

            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def sync_directory(self, path: str) -> None:
        """The names in *path* survive a power failure from here on."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def empty_directory(self, path: str) -> None:
        """Remove what is in *path*, but not *path*, if it is a directory."""
        if stat.S_ISDIR(os.lstat(path).st_mode):
            for name in os.listdir(path):
                self.remove_tree(os.path.join(path, name))

    def remove_tree(self, path: str) -> None:
        """Remove the directory *path* with all that is in it; or what else has that name, but not what it
        leads to."""
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)
