"""What a keeper hands to the code that replaces it (SPEC.md §7.4). Touches no descriptor that it names.

    state = length(u32) ‖ JSON ‖ held bytes of each terminal, in the order of the list

**Invariants**

- `read_header` of what `encode_header` made gives the same values, or this code is of another version and
  raises: before the execv, where that costs nothing (`ANSWER`).
"""

import json
import os
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, BinaryIO, Final, NamedTuple

from cctm.keeper.fields import Exit, How, StreamId, text
from cctm.keeper.spawn import Limits
from cctm.keeper.supervision import GRACE_S, Supervision
from cctm.keeper.terminal import State, Terminal

VERSION: Final = 0
# What `--check` prints if this code can go on with a state of that version and so many terminals. No other
# program says that, whatever it makes of its arguments and its input.
ANSWER: Final = "cctm keeper: goes on with state %d and %d terminals\n"

_LENGTH: Final = struct.Struct(">I")


class StateError(Exception):
    """The state is of a version that this code does not know."""


class Setup(NamedTuple):
    """What stays the same for the life of the process, over upgrades too."""

    socket_path: str
    log_path: str
    daemon_command: tuple[bytes, ...]
    limits: Limits  # as found at the start; every program gets them back
    lock: int


class Bound(NamedTuple):
    """The listening socket, and which file its name was when it was bound."""

    descriptor: int
    device: int
    inode: int


class Header(NamedTuple):
    setup: Setup
    bound: Bound
    supervision: Supervision
    terminals: list[tuple[Terminal, int]]  # with the number of bytes that it holds


def encode_header(
    setup: Setup,
    bound: Bound,
    supervision: Supervision,
    daemon: int | None,
    terminals: Sequence[Terminal],
) -> bytes:
    """The state without the held bytes. *daemon*: the pid of the daemon that is known to live."""
    fields = {
        "version": VERSION,
        "socket_path": setup.socket_path,
        "log_path": setup.log_path,
        "daemon_command": [text(item) for item in setup.daemon_command],
        "limits": setup.limits,
        "lock": setup.lock,
        "bound": bound,
        "supervision": {
            "wanted": supervision.wanted,
            "child": supervision.child,
            "served": supervision.served,
            "daemon": daemon,
            "failures": supervision.failures,
            "started_at": supervision.started_at,
            "not_before": supervision.not_before,
        },
        "terminals": [
            {
                "id": it.id.hex(),
                "tag": it.tag,
                "master": it.master,
                "state": it.state.value,
                "pid": it.pid,
                "started": it.started,
                "adopted": it.adopted,
                "exit": it.exit,
                "base": it.base,
                "held": len(it.held),
            }
            for it in terminals
        ],
    }
    encoded = json.dumps(fields).encode("ascii")
    return _LENGTH.pack(len(encoded)) + encoded


def read_header(file: BinaryIO) -> Header:
    """Read what `encode_header` wrote; the held bytes follow in *file*.

    Raises:
        StateError: it is of another version.
        Exception: any; it is of another version that calls itself the same.
    """
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    fields = json.loads(file.read(length))
    if fields["version"] != VERSION:
        raise StateError(fields["version"])
    nofile, core = fields["limits"]
    setup = Setup(
        fields["socket_path"],
        fields["log_path"],
        tuple(item.encode("utf-8", "surrogateescape") for item in fields["daemon_command"]),
        Limits((nofile[0], nofile[1]), (core[0], core[1])),
        fields["lock"],
    )
    terminals = [(_terminal(it), it["held"]) for it in fields["terminals"]]
    return Header(setup, Bound(*fields["bound"]), _supervision(fields["supervision"]), terminals)


def unlinked_file(path: str) -> int:
    """A file that no name leads to: in memory where that is possible, otherwise at *path* for a moment."""
    if sys.platform == "linux":
        return os.memfd_create("cctm-keeper")
    state = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return state


def _supervision(fields: dict[str, Any]) -> Supervision:
    """The monotonic clock goes on over execv."""
    now = time.monotonic()
    supervision = Supervision(now)
    supervision.wanted = fields["wanted"]
    supervision.child = fields["child"]
    supervision.served = fields.get("served", False)  # older code does not say
    supervision.failures = fields["failures"]
    supervision.started_at = fields["started_at"]
    supervision.not_before = fields["not_before"]
    if fields["daemon"] is not None and fields["daemon"] != fields["child"]:
        supervision.foreign = fields["daemon"]
        supervision.grace_until = now + GRACE_S
    return supervision


def _terminal(fields: dict[str, Any]) -> Terminal:
    terminal = Terminal(
        StreamId(bytes.fromhex(fields["id"])), fields["tag"], fields["master"], State(fields["state"])
    )
    terminal.pid = fields["pid"]
    terminal.started = fields["started"]
    terminal.adopted = fields["adopted"]
    terminal.exit = None if fields["exit"] is None else Exit(How(fields["exit"][0]), fields["exit"][1])
    terminal.base = terminal.sent = fields["base"]
    return terminal
