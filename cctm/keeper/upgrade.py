"""Replace the code under running terminals: same process, same children (SPEC.md §7.4).

    state = length(u32) ‖ JSON ‖ held bytes of each terminal, in the order of the list

The state goes into an unlinked file in memory; its descriptor, the listener's, the lock's and the masters
survive the execv, connections do not.

**Invariants**

- Between the last look for signals and the new code's handlers all signals are blocked: they stay pending.
- If execv fails, nothing has changed.
"""

import json
import os
import signal
import socket
import struct
import sys
import time
from typing import Any, Final

from cctm.keeper.keeper import STATE_VERSION, Keeper, Setup
from cctm.keeper.spawn import Limits
from cctm.keeper.supervision import GRACE_S, Supervision
from cctm.keeper.terminal import State, Terminal
from cctm.keeper.wire import Exit, How, StreamId, text

_LENGTH: Final = struct.Struct(">I")


def replace(keeper: Keeper) -> None:
    """Become `keeper.upgrade_to`. Returns only if that failed.

    Raises:
        Exception: any; everything is as before.
    """
    assert keeper.upgrade_to is not None
    terminals = [it for it in keeper.holder if it.state is not State.PREPARED]
    state = _write(_header(keeper, terminals), terminals)
    kept = [state, keeper.listener.fileno(), keeper.setup.lock, *(it.master for it in terminals)]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        if keeper.was_terminated:  # its handler ran, and the new code would not know
            raise InterruptedError
        for descriptor in kept:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the library's signature
        argv = [*keeper.upgrade_to, b"--resume-fd", str(state).encode()]
        os.execv(argv[0], argv)  # noqa: S606 - the point
    finally:
        for descriptor in kept:
            os.set_inheritable(descriptor, False)  # noqa: FBT003
        os.close(state)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def resume(state: int) -> Keeper:
    """The keeper whose state was written to *state* by the code before us."""
    with os.fdopen(state, "rb") as file:
        (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
        header = json.loads(file.read(length))
        setup = Setup(
            header["socket_path"],
            header["log_path"],
            tuple(item.encode("utf-8", "surrogateescape") for item in header["daemon_command"]),
            Limits(*((soft, hard) for soft, hard in header["limits"])),
            header["lock"],
        )
        os.set_inheritable(setup.lock, False)  # noqa: FBT003
        listener = socket.socket(fileno=header["listener"])
        listener.set_inheritable(False)
        keeper = Keeper(setup, listener, _supervision(header["supervision"]))
        for fields in header["terminals"]:
            keeper.holder.take_over(_terminal(fields, file.read(fields["held"])))
    return keeper


def _header(keeper: Keeper, terminals: list[Terminal]) -> dict[str, Any]:
    supervision = keeper.supervision
    return {
        "version": STATE_VERSION,
        "socket_path": keeper.setup.socket_path,
        "log_path": keeper.setup.log_path,
        "daemon_command": [text(item) for item in keeper.setup.daemon_command],
        "limits": keeper.setup.limits,
        "lock": keeper.setup.lock,
        "listener": keeper.listener.fileno(),
        "supervision": {
            "wanted": supervision.wanted,
            "child": supervision.child,
            "daemon": keeper.daemon_pid,
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


def _write(header: dict[str, Any], terminals: list[Terminal]) -> int:
    encoded = json.dumps(header).encode("ascii")
    state = _unlinked_file(header["socket_path"] + ".state")
    with os.fdopen(state, "wb", closefd=False) as file:
        file.write(_LENGTH.pack(len(encoded)) + encoded)
        for terminal in terminals:
            file.write(terminal.held)
    os.lseek(state, 0, os.SEEK_SET)
    return state


def _unlinked_file(path: str) -> int:
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
    supervision.failures = fields["failures"]
    supervision.started_at = fields["started_at"]
    supervision.not_before = fields["not_before"]
    if fields["daemon"] is not None and fields["daemon"] != fields["child"]:
        supervision.foreign = fields["daemon"]
        supervision.grace_until = now + GRACE_S
    return supervision


def _terminal(fields: dict[str, Any], held: bytes) -> Terminal:
    os.set_inheritable(fields["master"], False)  # noqa: FBT003
    terminal = Terminal(
        StreamId(bytes.fromhex(fields["id"])), fields["tag"], fields["master"], State(fields["state"])
    )
    terminal.pid = fields["pid"]
    terminal.started = fields["started"]
    terminal.adopted = fields["adopted"]
    terminal.exit = None if fields["exit"] is None else Exit(How(fields["exit"][0]), fields["exit"][1])
    terminal.base = terminal.sent = fields["base"]
    terminal.held += held
    return terminal
