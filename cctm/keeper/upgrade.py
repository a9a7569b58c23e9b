"""Replace the code under running terminals: same process, same children (SPEC.md §7.4).

The state (see `state`) goes into an unlinked file in memory; its descriptor, the listener's, the lock's and the
masters survive the execv, connections do not.

**Invariants**

- Between the last look for signals and the new code's handlers all signals are blocked: they stay pending.
- If execv fails, nothing has changed.
"""

import os
import signal

from cctm.keeper.keeper import Keeper
from cctm.keeper.listener import Listener
from cctm.keeper.state import read_header, unlinked_file


def replace(keeper: Keeper) -> None:
    """Become `keeper.upgrade_to`. Returns only if that failed.

    Raises:
        Exception: any; everything is as before.
    """
    assert keeper.upgrade_to is not None
    state = _write(keeper)
    masters = (it.master for it in keeper.lasting_terminals)
    kept = [state, keeper.entrance.listener.socket.fileno(), keeper.setup.lock, *masters]
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
        header = read_header(file)
        os.set_inheritable(header.setup.lock, False)  # noqa: FBT003
        keeper = Keeper(header.setup, Listener.resumed(header.bound), header.supervision)
        for terminal, held_bytes in header.terminals:
            os.set_inheritable(terminal.master, False)  # noqa: FBT003
            terminal.held += file.read(held_bytes)
            keeper.holder.take_over(terminal)
    return keeper


def _write(keeper: Keeper) -> int:
    state = unlinked_file(keeper.setup.socket_path + ".state")
    with os.fdopen(state, "wb", closefd=False) as file:
        file.write(keeper.state_header())
        for terminal in keeper.lasting_terminals:
            file.write(terminal.held)
    os.lseek(state, 0, os.SEEK_SET)
    return state
