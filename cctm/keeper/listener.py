"""The listening socket and its name.

A name can be lost: a cleaner of temporary files, a restored backup. The socket lives on, but nobody finds it;
so the owner looks now and then, and binds it again.
"""

import os
import socket
from contextlib import suppress
from typing import Final

from cctm.keeper.state import Bound

_BACKLOG: Final = 128


class Listener:
    __slots__ = ("_name", "socket")

    def __init__(self, listening: socket.socket, name: tuple[int, int]) -> None:
        listening.setblocking(False)  # noqa: FBT003 - the signature is the library's
        self.socket = listening
        self._name = name  # device and inode

    @classmethod
    def bind(cls, path: str) -> "Listener":
        """Bind *path*; whoever had it before is gone, since we hold the lock.

        Raises:
            OSError: it cannot be bound.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with suppress(FileNotFoundError):
                os.unlink(path)
            umask = os.umask(0o177)
            try:
                listening.bind(path)
            finally:
                os.umask(umask)
            listening.listen(_BACKLOG)
            name = os.lstat(path)
        except OSError:
            listening.close()
            raise
        return cls(listening, (name.st_dev, name.st_ino))

    @classmethod
    def resumed(cls, bound: Bound) -> "Listener":
        """The one that the code before us bound."""
        listening = socket.socket(fileno=bound.descriptor)
        listening.set_inheritable(False)
        return cls(listening, (bound.device, bound.inode))

    @property
    def bound(self) -> Bound:
        return Bound(self.socket.fileno(), *self._name)

    def is_at(self, path: str) -> bool:
        """Whether *path* still names this socket."""
        try:
            status = os.lstat(path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._name

    def close(self, path: str) -> None:
        """Close it, and remove *path* if that is its name; and its directory, if that was made for sockets only."""
        if self.is_at(path):
            os.unlink(path)
            with suppress(OSError):  # something is left in it: locks and logs, or the daemon's socket
                os.rmdir(os.path.dirname(path))
        self.socket.close()
