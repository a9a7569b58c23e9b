"""Ending terminals: hang up, and kill what stays."""

import signal
from typing import Final

import trio

from cctm.cctmd.services import RefusedError
from cctm.cctmd.terminal import Terminal
from cctm.cctmd.terminals import Terminals
from cctm.keeper import wire
from cctm.protocol.control.values import Reason

HANGUP_S: Final = 1.0
KILL_S: Final = 20.0  # a thousand that end at once take their time


async def end_terminal(terminals: Terminals, terminal: Terminal) -> None:
    """Hang up on the programs of *terminal*; kill them if they stay; return when the terminal has ended.

    Raises:
        RefusedError: not even that ended it.
    """
    # A stopped program takes the hang-up only when it goes on.
    send_signal(terminals, terminal, signal.SIGHUP)
    send_signal(terminals, terminal, signal.SIGCONT)
    with trio.move_on_after(HANGUP_S):
        await terminal.ended.wait()
        return
    send_signal(terminals, terminal, signal.SIGKILL)
    with trio.move_on_after(KILL_S):
        await terminal.ended.wait()
        return
    raise RefusedError(
        Reason.STILL_RUNNING,
        f"The program in {terminal.name!r} does not end, even killed: the kernel holds it.",
        "It usually waits for a disk or a network file system; try again later.",
    )


def send_signal(terminals: Terminals, terminal: Terminal, number: int) -> None:
    """To the leader's and the foreground process group of *terminal*."""
    terminals.link.send(wire.Kill(wire.StreamId(terminal.stream), number))
