"""The terminals and their PTYs: open, start, read, pause, reap.

What comes of it leaves through two calls that the owner gives: `tell` (a message for the daemon, with a
descriptor or without) and `offer` (a terminal may have output or its end to send).

**Invariants**

- A master is in the selector exactly while `watched`: running, with room to hold more, not hung up and not
  resting. A paused, hung-up or resting one is not polled: it would wake the loop for ever.
- `room.total` is the sum of what the terminals hold.
- Of a program that closed its terminal but lives, the master is looked at now and then: it may open it again.
"""

import errno
import fcntl
import os
import selectors
import struct
import termios
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from cctm.keeper import wire
from cctm.keeper.pacing import Pacing
from cctm.keeper.spawn import Child, Limits, Program, open_pty, outcome, spawn
from cctm.keeper.terminal import TURN_BYTES, Room, State, Terminal
from cctm.keeper.wire import Exit, Failed, How, Message, Opened, Refused, Started, StreamId, Where

RETRY_S: Final = 0.2
# The kernel's line discipline hands out at most 4,095 bytes at once; less means that nothing more was there.
# Asking for more only makes Python allocate more: 26 µs for 64 KiB, on each key stroke.
_READ_BYTES: Final = 4096
_FULL_READ_BYTES: Final = 4095


class Holder:
    def __init__(
        self,
        selector: selectors.BaseSelector,
        limits: Limits,
        tell: Callable[[Message, int | None], None],
        offer: Callable[[Terminal], None],
    ) -> None:
        self._selector = selector
        self._limits = limits
        self._tell = tell
        self._offer = offer
        self._terminals: dict[StreamId, Terminal] = {}
        self._leaders: dict[int, Terminal] = {}
        self._starting: dict[StreamId, Child] = {}
        self._paused: set[Terminal] = set()
        self._hung_up: set[Terminal] = set()
        self._resting: dict[Terminal, float] = {}  # until when
        self._retry_at: float | None = None
        self._room_grew = False
        self._room = Room()
        self._pacing = Pacing()

    def __iter__(self) -> Iterator[Terminal]:
        return iter(list(self._terminals.values()))

    def __len__(self) -> int:
        return len(self._terminals)

    def get(self, id_: StreamId) -> Terminal | None:
        return self._terminals.get(id_)

    @property
    def is_starting(self) -> bool:
        """Whether the outcome of some START is not known yet."""
        return bool(self._starting)

    # --- coming

    def open(self, request: wire.Open) -> None:
        try:
            master, slave = open_pty(request.cols, request.rows)
        except OSError as error:
            self._tell(Failed(None, request.ref, error.errno or errno.EIO, Where.PTY), None)
            return
        terminal = Terminal(StreamId(os.urandom(16)), request.tag, master, State.PREPARED)
        terminal.slave = slave
        self._add(terminal)
        self._tell(Opened(request.ref, terminal.id), master)

    def adopt(self, request: wire.Adopt, master: int) -> None:
        if request.id in self._terminals:
            os.close(master)
            self._tell(Refused("adopt: it is here already", request.id), None)
            return
        os.set_blocking(master, False)
        terminal = Terminal(request.id, request.tag, master, State.RUNNING)
        terminal.pid = request.pid
        terminal.adopted = True
        terminal.started = time.time_ns() // 1000
        terminal.base = terminal.sent = request.offset
        self.take_over(terminal)

    def take_over(self, terminal: Terminal) -> None:
        """Hold a terminal whose program was started before this keeper (or its code) was there."""
        self._add(terminal)
        self._room.total += len(terminal.held)
        if terminal.state is State.RUNNING:
            self._watch(terminal)
            if not terminal.adopted:
                self._leaders[terminal.pid] = terminal

    def _add(self, terminal: Terminal) -> None:
        self._terminals[terminal.id] = terminal
        self._room.terminals = len(self._terminals)

    # --- the program

    def start(self, request: wire.Start) -> None:
        terminal = self._terminals.get(request.id)
        if terminal is None or terminal.state is not State.PREPARED or terminal.slave is None:
            self._tell(Refused("start: it is not prepared", request.id), None)
            return
        slave = terminal.slave
        try:
            child = spawn(
                Program(
                    argv=request.argv,
                    env=request.env,
                    cwd=request.cwd,
                    umask=request.umask,
                    login=request.login,
                    limits=self._limits,
                    stdio=(slave, slave, slave),
                    tty=True,
                )
            )
        except OSError as error:
            self._failed(terminal, error.errno or errno.EIO, Where.FORK)
            return
        os.close(slave)
        terminal.slave = None
        terminal.pid = child.pid
        terminal.started = time.time_ns() // 1000
        terminal.state = State.STARTING
        terminal.flowing = True
        self._leaders[child.pid] = terminal
        self._starting[terminal.id] = child
        self._selector.register(child.failed, selectors.EVENT_READ, partial(self._on_outcome, terminal))

    def _on_outcome(self, terminal: Terminal, _events: int) -> None:
        child = self._starting.get(terminal.id)
        if child is None:
            return
        failure = outcome(child, self._selector.unregister)
        del self._starting[terminal.id]
        if failure is not None:
            del self._leaders[child.pid]
            self._failed(terminal, failure.errno, failure.where)
            return
        terminal.state = State.RUNNING
        self._tell(Started(terminal.id, child.pid), None)
        self._watch(terminal)

    def _failed(self, terminal: Terminal, number: int, where: Where) -> None:
        self._remove(terminal)
        self._tell(Failed(terminal.id, None, number, where), None)

    def kill(self, request: wire.Kill) -> None:
        terminal = self._terminals.get(request.id)
        if terminal is not None and terminal.state is not State.PREPARED:
            self.signal(terminal, request.signal)

    def signal(self, terminal: Terminal, number: int) -> None:
        """To the leader's process group and to the one in the foreground, as far as they are there."""
        groups = {self._leader_group(terminal), _terminal_ioctl(terminal.master, termios.TIOCGPGRP)}
        for group in groups - {0}:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                continue

    def _leader_group(self, terminal: Terminal) -> int:
        """0 unless it is sure that the number still means that group."""
        if terminal.pid in self._leaders:  # not reaped, so not given to another
            return terminal.pid
        if terminal.adopted and _terminal_ioctl(terminal.master, _TIOCGSID) == terminal.pid:
            return terminal.pid
        return 0

    def reaped(self, pid: int, exit_: Exit) -> bool:
        """Take note of a child's end; False if it is none of the leaders."""
        terminal = self._leaders.get(pid)
        if terminal is None:
            return False
        if terminal.state is State.STARTING:  # the pipe is closed by now and says what came of the exec
            self._on_outcome(terminal, 0)
        if self._leaders.pop(pid, None) is not None:
            self._unwatch(terminal)
            terminal.exit = exit_
            self._read_turn(terminal)
        return True

    # --- the output

    def _watch(self, terminal: Terminal) -> None:
        self._hung_up.discard(terminal)
        self._paused.discard(terminal)
        self._resting.pop(terminal, None)
        if not terminal.watched:
            terminal.watched = True
            self._selector.register(terminal.master, selectors.EVENT_READ, partial(self._on_master, terminal))

    def _unwatch(self, terminal: Terminal) -> None:
        self._hung_up.discard(terminal)
        self._paused.discard(terminal)
        self._resting.pop(terminal, None)
        if terminal.watched:
            terminal.watched = False
            self._selector.unregister(terminal.master)

    def _on_master(self, terminal: Terminal, _events: int) -> None:
        if terminal.watched:
            self._read_turn(terminal)

    def _read_turn(self, terminal: Terminal) -> None:
        """Read one turn, hand it on, and find out whether the terminal pauses, hung up or has ended."""
        draining = terminal.exit is not None
        held = terminal.held
        # What is there after the leader's end is taken whatever is held: no end must wait for somebody to make
        # room. The kernel holds some 12 KiB, so a turn is more than the leader can have left.
        limit = TURN_BYTES if draining else min(TURN_BYTES, self._room.left(len(held)))
        if limit == 0:
            self._unwatch(terminal)
            self._paused.add(terminal)
            return
        master = terminal.master
        got = 0
        is_hung_up = False
        while got < limit:
            try:
                data = os.read(master, min(_READ_BYTES, limit - got))
            except BlockingIOError:
                break
            except OSError:  # EIO: nobody has the other side open
                is_hung_up = True
                break
            if not data:  # what other systems say instead of EIO
                is_hung_up = True
                break
            held += data
            got += len(data)
            if len(data) < _FULL_READ_BYTES and not draining:
                break
        self._room.total += got
        if draining:
            terminal.state = State.ENDED
        elif is_hung_up and terminal.adopted:
            self._unwatch(terminal)
            terminal.exit = Exit(How.LOST, 0)
            terminal.state = State.ENDED
        elif is_hung_up:
            self._leave_alone(terminal)
        else:
            rests_until = self._pacing.rests_until(terminal, got, time.monotonic())
            if rests_until is not None:
                self._unwatch(terminal)
                self._resting[terminal] = rests_until
        self._offer(terminal)

    def leave_alone(self, master: object) -> None:
        """Do not look at *master* for a moment, if it is a terminal's: something is wrong with it."""
        for terminal in self:
            if terminal.master == master and terminal.watched:
                self._leave_alone(terminal)

    def _leave_alone(self, terminal: Terminal) -> None:
        self._unwatch(terminal)
        self._hung_up.add(terminal)
        self._retry_at = time.monotonic() + RETRY_S

    @property
    def wake_at(self) -> float | None:
        if not self._resting:
            return self._retry_at
        soonest = min(self._resting.values())
        return soonest if self._retry_at is None else min(soonest, self._retry_at)

    @property
    def is_calm(self) -> bool:
        """Whether `settle` has nothing to do, now or later."""
        return self._retry_at is None and not self._room_grew and not self._resting

    def freed(self, count: int) -> None:
        """The daemon has stored *count* bytes that were held."""
        self._room.total -= count
        self._room_grew = self._room_grew or bool(self._paused)

    def settle(self, now: float) -> None:
        """Go on reading where there is room again, and look at those that had hung up."""
        if self._room_grew:
            self._room_grew = False
            for terminal in list(self._paused):
                if self._room.left(len(terminal.held)):
                    self._watch(terminal)
        for terminal, until in list(self._resting.items()):
            if now >= until:
                self._watch(terminal)
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            for terminal in list(self._hung_up):
                self._watch(terminal)

    # --- going

    def daemon_gone(self) -> None:
        for terminal in self:
            terminal.forget_connection()
            if terminal.state is State.PREPARED:
                self._remove(terminal)

    def forget(self, id_: StreamId) -> None:
        terminal = self._terminals.get(id_)
        if terminal is None:
            return
        if terminal.state is State.STARTING or terminal.state is State.RUNNING:
            self._tell(Refused("forget: its program runs", id_), None)
            return
        self._remove(terminal)

    def _remove(self, terminal: Terminal) -> None:
        self._unwatch(terminal)
        terminal.flowing = False
        del self._terminals[terminal.id]
        self._room.terminals = len(self._terminals)
        self.freed(len(terminal.held))
        os.close(terminal.master)
        if terminal.slave is not None:
            os.close(terminal.slave)


_TIOCGSID: Final = (
    0x5429  # Linux; elsewhere the ioctl fails, and an adopted leader gets no signal by its number
)


def _terminal_ioctl(master: int, request: int) -> int:
    try:
        (number,) = struct.unpack("i", fcntl.ioctl(master, request, bytes(4)))
    except OSError:
        return 0
    return max(0, int(number))


def exit_of(status: int) -> Exit:
    """What a wait status means."""
    if os.WIFSIGNALED(status):
        return Exit(How.SIGNALLED, os.WTERMSIG(status))
    return Exit(How.EXITED, os.WEXITSTATUS(status))
