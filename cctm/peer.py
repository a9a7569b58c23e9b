"""Who is at the other end of a Unix socket, as the kernel says. Both ends ask: daemon and client trust no path."""

import socket
import struct
import sys
from typing import Final

_UCRED: Final = struct.Struct("3i")  # pid, uid, gid
_XUCRED: Final = struct.Struct("II")  # version, uid, …
_XUCRED_BYTES: Final = 76
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_LOCAL_PEERPID: Final = 2


def peer_uid(connection: socket.socket) -> int:
    """The user who listens, or who connected."""
    if sys.platform == "linux":
        return _credentials(connection)[1]
    raw = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES)
    return int(_XUCRED.unpack_from(raw)[1])


def peer_pid(connection: socket.socket) -> int:
    """The process that listens, or that connected."""
    if sys.platform == "linux":
        return _credentials(connection)[0]
    return connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID)


def _credentials(connection: socket.socket) -> tuple[int, int, int]:
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid, gid
