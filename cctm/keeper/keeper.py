"""The loop: connections, the daemon, signals; what each message does.

    listener ─► connections ─HELLO─► the daemon's ◄─ output in turns ─ holder ◄─ masters, exec pipes
                                        │ gone: supervision ─► start it again
    signals ─► wake-up pipe ─► reap: leaders, the daemon, the check of an upgrade

**Invariants**

- Nothing here waits but the selector.
- At most one connection is the daemon's; only it may give orders about terminals.
- What goes wrong with a connection costs that connection and nothing else; a daemon that comes back finds
  everything by HERE and RESUME.
"""

import os
import selectors
import signal
import sys
import time
from collections import deque
from functools import partial
from typing import Final

from cctm.keeper import state, wire
from cctm.keeper.connection import Connection
from cctm.keeper.holder import Holder, exit_of
from cctm.keeper.inquiry import Inquiry, ask, in_words
from cctm.keeper.listener import Listener
from cctm.keeper.log import Log
from cctm.keeper.spawn import Child, Program, outcome, spawn
from cctm.keeper.state import Setup
from cctm.keeper.supervision import Supervision
from cctm.keeper.terminal import OffsetError, State, Terminal
from cctm.keeper.wire import Exit, Message, Refused, StreamId, WireError

_TURNS_AT_ONCE: Final = 4  # sent to a daemon that keeps up, before the other descriptors are looked at
_REST_S: Final = 0.2
_LOOK_S: Final = 5.0  # between two looks for the socket's name
_CHECK_S: Final = 30.0  # for the new code of an upgrade to answer
_SILENT_CONNECTIONS: Final = 64  # that have not said HELLO; above, the oldest is dropped
_FAREWELL_S: Final = (
    2.0  # how long SIGTERM waits for programs to end and for a connected daemon to store the rest
)


class Keeper:
    def __init__(self, setup: Setup, listener: Listener, supervision: Supervision) -> None:
        self.setup = setup
        self.listener = listener
        self.supervision = supervision
        self.upgrade_to: tuple[bytes, ...] | None = None  # set: `run` returned because of it
        self._selector = selectors.DefaultSelector()
        self.holder = Holder(self._selector, setup.limits, self._tell, self._offer)
        self._log = Log()
        self._connections: dict[Connection, None] = {}  # the oldest first
        self._daemon: Connection | None = None
        self._waiting: deque[Terminal] = deque()  # those with news, in the order of their turns
        self._check: Inquiry | None = None
        self._check_for: Connection | None = None
        self._check_until: float | None = None
        self._checked: tuple[bytes, ...] | None = None
        self._farewell_until: float | None = None
        self._listen_at: float | None = None
        self._look_at = 0.0  # for the socket's name, while no daemon is connected
        self._is_over = False
        self._listen()
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
        if self._daemon is not None and self.holder.is_calm and not self._has_plans:
            return None
        now = time.monotonic()
        self._settle_at(now)
        wakes = (
            self.holder.wake_at,
            self.supervision.wake_at(now),
            self._farewell_until,
            self._listen_at,
            self._check_until,
            self._look_at if self._daemon is None else None,
        )
        soonest = min((wake for wake in wakes if wake is not None), default=None)
        if self._is_over or self.upgrade_to is not None:
            return 0.0
        return None if soonest is None else max(0.0, soonest - now)

    @property
    def _has_plans(self) -> bool:
        plans = (self._checked, self._farewell_until, self._listen_at, self._check_until)
        return any(plan is not None for plan in plans)

    def _settle_at(self, now: float) -> None:
        self.holder.settle(now)
        if self._listen_at is not None and now >= self._listen_at:
            self._listen()
        if self._daemon is None and now >= self._look_at:
            self._keep_name(now)
        if self._check is not None and self._check_until is not None and now >= self._check_until:
            self._check_until = None
            os.kill(self._check.child.pid, signal.SIGKILL)  # it is ours and not reaped
        if self._farewell_until is not None:
            waits_for = [it for it in self.holder if _runs(it) or (self._daemon is not None and it.held)]
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
        for connection in [it for it in self._connections if it.socket is fileobj or it is self._daemon]:
            self._drop(connection)
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
                self.supervision.reaped(time.monotonic())
            elif self._check is not None and pid == self._check.child.pid:
                self._upgrade_checked(self._check, exit_)

    def _spawn_beside(
        self, argv: tuple[bytes, ...], stdin: int | None = None, stdout: int | None = None
    ) -> Child:
        """Start *argv* as a child without a terminal; what it says goes to the log, if not to *stdout*.

        Raises:
            OSError: no log file, no process, or no descriptor was to be had.
        """
        null = os.open("/dev/null", os.O_RDONLY)
        try:
            log = os.open(self.setup.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                return spawn(
                    Program(
                        argv=argv,
                        env=os.environb,
                        cwd=b"/",
                        umask=0o077,
                        login=False,
                        limits=self.setup.limits.without_core(),
                        stdio=(null if stdin is None else stdin, log if stdout is None else stdout, log),
                        tty=False,
                    )
                )
            finally:
                os.close(log)
        finally:
            os.close(null)

    def _start_daemon(self, now: float) -> None:
        self._keep_name(now)
        try:
            child = self._spawn_beside(self.setup.daemon_command)
        except OSError as error:
            self._log.line(f"the daemon cannot be started: {error}")
            self.supervision.could_not_start(now)
            return
        self.supervision.started(child.pid, now)
        self._watch_exec(child, "the daemon")

    def _watch_exec(self, child: Child, what: str) -> None:
        def on_outcome(_events: int) -> None:
            failure = outcome(child, self._selector.unregister)
            if failure is not None:
                self._log.line(
                    f"{what} cannot be started: {failure.where.value}: {os.strerror(failure.errno)}"
                )

        self._selector.register(child.failed, selectors.EVENT_READ, on_outcome)

    # --- connections

    def _listen(self) -> None:
        self._listen_at = None
        self._selector.register(self.listener.socket, selectors.EVENT_READ, self._on_listener)

    def _keep_name(self, now: float) -> None:
        """Bind the socket again if its name is gone or another's: no daemon could find us."""
        self._look_at = now + _LOOK_S
        if self.listener.is_at(self.setup.socket_path):
            return
        try:
            fresh = Listener.bind(self.setup.socket_path)
        except OSError as error:
            self._log.line(f"the socket's name is gone and cannot be bound: {error}")
            return
        self._log.line("the socket's name was gone: bound again")
        if self._listen_at is None:
            self._selector.unregister(self.listener.socket)
        self.listener.socket.close()
        self.listener = fresh
        self._listen()

    def _on_listener(self, _events: int) -> None:
        try:
            accepted, _ = self.listener.socket.accept()
        except OSError as error:  # gone again, or no descriptor is left: then not at once again
            self._log.line(f"accept: {error}")
            self._selector.unregister(self.listener.socket)
            self._listen_at = time.monotonic() + _REST_S
            return
        connection = Connection(accepted)
        if connection.peer_is_ours():
            self.admit(connection)
        else:
            connection.close()

    def admit(self, connection: Connection) -> None:
        silent = [it for it in self._connections if it.pid is None and it is not self._daemon]
        if len(silent) >= _SILENT_CONNECTIONS:  # the newest may be the daemon's
            self._drop(silent[0])
        self._connections[connection] = None
        self._selector.register(
            connection.socket, selectors.EVENT_READ, partial(self._on_connection, connection)
        )

    def expect_daemon(self, connection: Connection) -> None:
        """This connection is the daemon's, though it has not said HELLO yet."""
        self.admit(connection)
        self._daemon = connection
        self.supervision.connection_made()

    def _on_connection(self, connection: Connection, events: int) -> None:
        if not connection.open:
            return
        try:
            if events & selectors.EVENT_WRITE:
                self._pump(connection)
            if events & selectors.EVENT_READ:
                for message, descriptor in connection.receive_untrusted():
                    self._receive(connection, message, descriptor)
                    if not connection.open:
                        return
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self._drop(connection)
        except (WireError, OffsetError) as error:
            # Not what it said: that may be a whole environment, and equal lines are to be equal.
            what = error.args[0] if error.args else None
            kind = what.__name__ if isinstance(what, type) else type(what).__name__
            self._log.line(f"a connection broke the protocol: {type(error).__name__}, {kind}")
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        if not connection.open:
            return
        self._selector.unregister(connection.socket)
        del self._connections[connection]
        connection.close()
        if connection is self._daemon:
            self._daemon = None
            self._waiting.clear()
            self.holder.daemon_gone()
            now = time.monotonic()
            self._look_at = now
            self.supervision.connection_lost(connection.pid, now)

    # --- sending

    def _tell(self, message: Message, descriptor: int | None) -> None:
        if self._daemon is not None and self._daemon.pid is not None:
            self._send(self._daemon, message, descriptor)

    def _send(self, connection: Connection, message: Message, descriptor: int | None = None) -> None:
        if not connection.open:
            return
        try:
            connection.send(message, descriptor)
        except OSError:
            self._drop(connection)
            return
        self._want_room(connection)

    def _offer(self, terminal: Terminal) -> None:
        """Send what *terminal* has, now if nobody else waits; otherwise in its turn."""
        daemon = self._daemon
        if daemon is None or terminal.queued or not terminal.has_news:
            return
        if daemon.is_clear and not self._waiting:
            try:
                _send_news(daemon, terminal)
            except OSError:
                self._drop(daemon)
                return
            if terminal.sent == terminal.end and daemon.is_clear:
                return
        if terminal.has_news:
            terminal.queued = True
            self._waiting.append(terminal)
        self._want_room(daemon)

    def _pump(self, connection: Connection) -> None:
        """The socket takes more: what is queued, then the waiting terminals in turn."""
        connection.flush()
        if connection is self._daemon:
            for _ in range(_TURNS_AT_ONCE):
                if not connection.is_clear or not self._waiting:
                    break
                terminal = self._waiting.popleft()
                _send_news(connection, terminal)
                terminal.queued = terminal.has_news
                if terminal.queued:
                    self._waiting.append(terminal)
        self._want_room(connection)

    def _want_room(self, connection: Connection) -> None:
        wants = not connection.is_clear or (connection is self._daemon and bool(self._waiting))
        if wants != connection.writing:
            connection.writing = wants
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if wants else 0)
            self._selector.modify(connection.socket, events, partial(self._on_connection, connection))

    # --- what each message does

    def _receive(self, connection: Connection, message: Message, descriptor: int | None) -> None:
        match message:
            case wire.Hello():
                self._hello(connection, message)
            case wire.Stop():
                self.supervision.stop()
            case wire.StartDaemon():
                if self._daemon is None:
                    self.supervision.ask(time.monotonic())
            case wire.Quit():
                self._quit(connection)
            case wire.Upgrade(argv):
                self._upgrade(connection, argv)
            case _ if connection is not self._daemon or connection.pid is None:
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
            self._send(connection, Refused(f"this keeper speaks version {wire.VERSION}"))
            self._drop(connection)
            return
        if self._daemon is not None and self._daemon is not connection:
            self._drop(self._daemon)
        connection.greet(hello.pid)
        self._daemon = connection
        self.supervision.connection_made()
        for terminal in self.holder:
            self._tell(_here(terminal), terminal.master)
        self._tell(wire.Ready(wire.VERSION, os.getpid()), None)

    def _resume(self, connection: Connection, id_: StreamId, offset: int) -> None:
        terminal = self.holder.get(id_)
        if terminal is None or terminal.state is State.PREPARED:
            self._send(connection, Refused("resume: no such terminal", id_))
            return
        try:
            freed = terminal.resume(offset)
        except (
            OffsetError
        ):  # dropping the link would help nobody: the daemon would come back and say it again
            text = f"resume: {offset} lies behind what was read, {terminal.end}"
            self._send(connection, Refused(text, id_))
            return
        self.holder.freed(freed)
        self._offer(terminal)

    def _quit(self, connection: Connection) -> None:
        if len(self.holder):
            self._send(connection, Refused(f"{len(self.holder)} terminals are here"))
        else:
            self._is_over = True

    # --- upgrade

    def _upgrade(self, connection: Connection, argv: tuple[bytes, ...]) -> None:
        """First ask the new code whether it starts at all and knows the state's format; later is too late."""
        if self._check is not None or self._checked is not None:
            self._send(connection, Refused("an upgrade is under way"))
            return
        try:
            self._check = ask(
                argv or OWN_COMMAND,
                self.state_header(),
                len(self.lasting_terminals),
                os.path.dirname(self.setup.socket_path),
                self._spawn_beside,
            )
        except OSError as error:
            self._send(connection, Refused(f"upgrade: {error}"))
            return
        self._check_for = connection
        self._check_until = time.monotonic() + _CHECK_S
        self._watch_exec(self._check.child, "the new keeper")

    def _upgrade_checked(self, check: Inquiry, exit_: Exit) -> None:
        asked_by = self._check_for
        self._check = self._check_for = self._check_until = None
        refusal = check.refusal(exit_)
        if refusal is None:
            self._checked = check.command
        elif asked_by is not None:
            self._send(asked_by, Refused(f"upgrade: {refusal}"))

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
            self.setup, self.listener.bound, self.supervision, self.daemon_pid, self.lasting_terminals
        )

    @property
    def daemon_pid(self) -> int | None:
        """Of the daemon that is connected, or that is known to live without a connection."""
        return self._daemon.pid if self._daemon is not None else self.supervision.foreign

    def close(self) -> None:
        """Before the end of the process: let go of everything."""
        signal.set_wakeup_fd(-1)
        for connection in list(self._connections):
            self._drop(connection)
        self.listener.close(self.setup.socket_path)


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


def _send_news(connection: Connection, terminal: Terminal) -> None:
    if not terminal.flowing:
        return
    if terminal.sent < terminal.end:
        connection.send_output(terminal)
    if terminal.state is State.ENDED:
        last_words = terminal.last_words()
        if last_words is not None:
            connection.send(last_words)
            terminal.told_end = True


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
