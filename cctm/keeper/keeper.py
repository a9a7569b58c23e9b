"""The loop: connections, the daemon, signals; what each message does.

    entrance ─► peers ─HELLO─► the daemon's ◄─ output in turns ─ holder ◄─ masters, exec pipes
                                   │ gone: supervision ─► start it again
    signals ─► wake-up pipe ─► reap: leaders, the daemon, the check of an upgrade

**Invariants**

- Nothing here waits but the selector.
- Only the daemon may give orders about terminals; one that comes back finds everything by HERE and RESUME.
"""

import os
import selectors
import signal
import sys
import time
from functools import partial
from typing import Final

from cctm.keeper import state, wire
from cctm.keeper.beside import report_exec, spawn_beside
from cctm.keeper.connection import Connection
from cctm.keeper.entrance import Entrance
from cctm.keeper.holder import Holder, exit_of
from cctm.keeper.inquiry import Inquiry, ask, in_words
from cctm.keeper.listener import Listener
from cctm.keeper.log import Log
from cctm.keeper.peers import Peers
from cctm.keeper.state import Setup
from cctm.keeper.supervision import Supervision
from cctm.keeper.terminal import OffsetError, State, Terminal
from cctm.keeper.wire import Exit, Message, Refused, StreamId, WireError

_CHECK_S: Final = 30.0  # for the new code of an upgrade to answer
_FAREWELL_S: Final = (
    2.0  # how long SIGTERM waits for programs to end and for a connected daemon to store the rest
)
_LEFT: Final = Exit(wire.How.EXITED, 0)


class Keeper:
    def __init__(self, setup: Setup, listener: Listener, supervision: Supervision) -> None:
        self.setup = setup
        self.supervision = supervision
        self.upgrade_to: tuple[bytes, ...] | None = None  # set: `run` returned because of it
        self._selector = selectors.DefaultSelector()
        self._log = Log()
        self.peers = Peers(self._selector, self._log, self._receive, self._daemon_lost)
        self.entrance = Entrance(self._selector, self._log, setup.socket_path, listener, self.peers.admit)
        self.holder = Holder(self._selector, setup.limits, self.peers.tell, self.peers.offer)
        self._check: Inquiry | None = None
        self._check_for: Connection | None = None
        self._check_until: float | None = None
        self._checked: tuple[bytes, ...] | None = None
        self._farewell_until: float | None = None
        self._is_over = False
        self._wake_reader, self._wake_writer = os.pipe()
        for end in (self._wake_reader, self._wake_writer):
            os.set_blocking(end, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._on_signal)
        self.was_terminated = False
        self.take_signals()

    # --- the loop

    def run(self) -> None:
        """Until QUIT or SIGTERM; or until an upgrade is to be done, which leaves everything as it is."""
        self._reap()
        while not self._is_over and self.upgrade_to is None:
            fileobj: object = None
            try:
                for key, events in self._selector.select(self._settle()):
                    fileobj = key.fileobj
                    key.data(events)
            except Exception:  # noqa: BLE001 - the last thing between a mistake of ours and every shell
                self._contain(fileobj)

    def _settle(self) -> float | None:
        """Do what is due between two rounds; return the seconds until something is due again."""
        if self.peers.daemon is not None and self.holder.is_calm and not self._has_plans:
            return None
        now = time.monotonic()
        self._settle_at(now)
        wakes = (
            self.holder.wake_at,
            self.supervision.wake_at(now),
            self._farewell_until,
            self.entrance.listen_at,
            self._check_until,
            self.entrance.look_at if self.peers.daemon is None else None,
        )
        soonest = min((wake for wake in wakes if wake is not None), default=None)
        if self._is_over or self.upgrade_to is not None:
            return 0.0
        return None if soonest is None else max(0.0, soonest - now)

    @property
    def _has_plans(self) -> bool:
        plans = (self._checked, self._farewell_until, self.entrance.listen_at, self._check_until)
        return any(plan is not None for plan in plans)

    def _settle_at(self, now: float) -> None:
        self.holder.settle(now)
        self.entrance.settle(now)
        if self.peers.daemon is None and now >= self.entrance.look_at:
            self.entrance.keep_name(now)
        if self._check is not None and self._check_until is not None and now >= self._check_until:
            self._check_until = None
            os.kill(self._check.child.pid, signal.SIGKILL)  # it is ours and not reaped
        if self._farewell_until is not None:
            waits_for = [it for it in self.holder if _runs(it) or (self.peers.daemon is not None and it.held)]
            self._is_over = now >= self._farewell_until or not waits_for
            return
        foreign = self.supervision.foreign
        if foreign is not None and not _lives(foreign):
            self.supervision.foreign_died()
        if self.supervision.is_due(now):
            self._start_daemon(now)
        if self._checked is not None and not self.holder.is_starting:
            self.upgrade_to = self._checked
            self._checked = None

    def _contain(self, fileobj: object) -> None:
        """A mistake of ours met in serving *fileobj*: report it, and drop what can be set up again."""
        if self._log.admit(repr(sys.exception())) is not None:
            sys.excepthook(*sys.exc_info())
        self.peers.drop_suspects(fileobj)
        self.holder.leave_alone(fileobj)
        time.sleep(0.05)  # whatever it is, it must not become a busy loop

    # --- signals and children

    def take_signals(self) -> None:
        for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(ignored, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def _on_terminate(self, _number: int, _frame: object) -> None:
        self.was_terminated = True

    def _on_signal(self, _events: int) -> None:
        try:
            os.read(self._wake_reader, 4096)
        except BlockingIOError:
            return
        self._reap()
        if self.was_terminated and self._farewell_until is None:
            self._farewell_until = time.monotonic() + _FAREWELL_S
            for terminal in self.holder:
                self.holder.signal(terminal, signal.SIGHUP)
                self.holder.signal(terminal, signal.SIGCONT)  # a stopped one would not see it

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            exit_ = exit_of(status)
            if self.holder.reaped(pid, exit_):
                continue
            if pid == self.supervision.child:
                self._log.line(f"the daemon {pid} has ended: {in_words(exit_)}")
                ended = self.supervision.left if exit_ == _LEFT else self.supervision.reaped
                ended(time.monotonic())
            elif self._check is not None and pid == self._check.child.pid:
                self._upgrade_checked(self._check, exit_)

    def _start_daemon(self, now: float) -> None:
        self.entrance.keep_name(now)
        try:
            child = spawn_beside(self.setup, self.setup.daemon_command)
        except OSError as error:
            self._log.line(f"the daemon cannot be started: {error}")
            self.supervision.could_not_start(now)
            return
        self.supervision.started(child.pid, now)
        report_exec(self._selector, self._log, child, "the daemon")

    # --- connections

    def expect_daemon(self, connection: Connection) -> None:
        """This connection is the daemon's, though it has not said HELLO yet."""
        self.peers.admit(connection)
        self.peers.daemon = connection
        self.supervision.connection_made()

    def _daemon_lost(self, connection: Connection) -> None:
        self.holder.daemon_gone()
        now = time.monotonic()
        self.entrance.look_at = now
        self.supervision.connection_lost(connection.pid, now)

    # --- what each message does

    def _receive(self, connection: Connection, message: Message, descriptor: int | None) -> None:
        match message:
            case wire.Hello():
                self._hello(connection, message)
            case wire.Stop():
                self.supervision.stop()
            case wire.StartDaemon():  # the one that is connected may be leaving at this moment
                self.supervision.ask(time.monotonic())
            case wire.Quit():
                self._quit(connection)
            case wire.Upgrade(argv):
                self._upgrade(connection, argv)
            case _ if connection is not self.peers.daemon or connection.pid is None:
                _close(descriptor)
                raise WireError(type(message))
            case wire.Open():
                self.holder.open(message)
            case wire.Start():
                self.holder.start(message)
            case wire.Resume(id_, offset):
                self._resume(connection, id_, offset)
            case wire.Ack(id_, offset):
                terminal = self.holder.get(id_)
                if terminal is not None:
                    self.holder.freed(terminal.acknowledge(offset))
            case wire.Kill():
                self.holder.kill(message)
            case wire.Forget(id_):
                self.holder.forget(id_)
            case wire.Adopt() if descriptor is not None:
                self.holder.adopt(message, descriptor)
            case _:
                _close(descriptor)
                raise WireError(type(message))

    def _hello(self, connection: Connection, hello: wire.Hello) -> None:
        if connection.pid is not None:
            raise WireError(type(hello))
        if hello.version != wire.VERSION:
            self.peers.send(connection, Refused(f"this keeper speaks version {wire.VERSION}"))
            self.peers.drop(connection)
            return
        self.peers.greet_daemon(connection, hello.pid)
        self.supervision.connection_made()
        for terminal in self.holder:
            self.peers.tell(_here(terminal), terminal.master)
        self.peers.tell(wire.Ready(wire.VERSION, os.getpid()), None)

    def _resume(self, connection: Connection, id_: StreamId, offset: int) -> None:
        terminal = self.holder.get(id_)
        if terminal is None or terminal.state is State.PREPARED:
            self.peers.send(connection, Refused("resume: no such terminal", id_))
            return
        try:
            freed = terminal.resume(offset)
        except OffsetError:
            # Dropping the link would help nobody: the daemon would come back and say it again.
            text = f"resume: {offset} lies behind what was read, {terminal.end}"
            self.peers.send(connection, Refused(text, id_))
            return
        self.holder.freed(freed)
        self.peers.offer(terminal)

    def _quit(self, connection: Connection) -> None:
        if len(self.holder):
            self.peers.send(connection, Refused(f"{len(self.holder)} terminals are here"))
        else:
            self._is_over = True

    # --- upgrade

    def _upgrade(self, connection: Connection, argv: tuple[bytes, ...]) -> None:
        """First ask the new code whether it starts at all and knows the state's format; later is too late."""
        if self._check is not None or self._checked is not None:
            self.peers.send(connection, Refused("an upgrade is under way"))
            return
        try:
            self._check = ask(
                argv or OWN_COMMAND,
                self.state_header(),
                len(self.lasting_terminals),
                os.path.dirname(self.setup.socket_path),
                partial(spawn_beside, self.setup),
            )
        except OSError as error:
            self.peers.send(connection, Refused(f"upgrade: {error}"))
            return
        self._check_for = connection
        self._check_until = time.monotonic() + _CHECK_S
        report_exec(self._selector, self._log, self._check.child, "the new keeper")

    def _upgrade_checked(self, check: Inquiry, exit_: Exit) -> None:
        asked_by = self._check_for
        self._check = self._check_for = self._check_until = None
        refusal = check.refusal(exit_)
        if refusal is None:
            self._checked = check.command
        elif asked_by is not None:
            self.peers.send(asked_by, Refused(f"upgrade: {refusal}"))

    def upgrade_failed(self, error: Exception) -> None:
        """Go on as before."""
        self._log.line(f"upgrade: {error!r}")
        self.upgrade_to = None

    @property
    def lasting_terminals(self) -> list[Terminal]:
        """Those that an upgrade keeps."""
        return [it for it in self.holder if it.state is not State.PREPARED]

    def state_header(self) -> bytes:
        return state.encode_header(
            self.setup,
            self.entrance.listener.bound,
            self.supervision,
            self.daemon_pid,
            self.lasting_terminals,
        )

    @property
    def daemon_pid(self) -> int | None:
        """Of the daemon that is connected, or that is known to live without a connection."""
        return self.peers.daemon.pid if self.peers.daemon is not None else self.supervision.foreign

    def close(self) -> None:
        """Before the end of the process: let go of everything."""
        signal.set_wakeup_fd(-1)
        self.peers.close()
        self.entrance.close()


OWN_COMMAND: Final = (os.fsencode(sys.executable), b"-P", b"-m", b"cctm.keeper")


def _here(terminal: Terminal) -> wire.Here:
    return wire.Here(
        terminal.id,
        terminal.tag,
        terminal.pid,
        terminal.started,
        terminal.base,
        terminal.end,
        terminal.exit if terminal.state is State.ENDED else None,
    )


def _runs(terminal: Terminal) -> bool:
    return terminal.state is State.STARTING or terminal.state is State.RUNNING


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _nothing(_number: int, _frame: object) -> None:
    """SIGCHLD needs a handler to reach the wake-up pipe."""
