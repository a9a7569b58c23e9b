"""A keeper in a directory of its own, and a daemon's side of the wire, for tests (blocking, deadlines)."""

import array
import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections import deque
from pathlib import Path

from cctm.keeper import wire

DEADLINE_S = 20.0
# A daemon that does nothing, and ends with its keeper, however that ends.
SLEEPER = [
    *(sys.executable, "-S", "-c"),
    "import os, time\n"
    "while b'cctm.keeper' in open(f'/proc/{os.getppid()}/cmdline', 'rb').read(): time.sleep(0.2)",
]


def until(fact, deadline_s=DEADLINE_S):
    """Wait for *fact()* to be true, and return it."""
    give_up = time.monotonic() + deadline_s
    while not (value := fact()):
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {deadline_s} s: {fact}")
        time.sleep(0.005)
    return value


def without_close_range():
    """Forbid this process and its children close_range(2), as older kernels and some sandboxes do."""
    libc = ctypes.CDLL(None, use_errno=True)
    close_range, eperm = 436, 1
    code = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 0),  # load the number of the system call
            (0x15, 0, 1, close_range),
            (0x06, 0, 0, 0x0005_0000 | eperm),  # SECCOMP_RET_ERRNO
            (0x06, 0, 0, 0x7FFF_0000),  # SECCOMP_RET_ALLOW
        )
    )
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    no_new_privileges, seccomp, filter_ = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(seccomp, filter_, program, 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp here")


@contextlib.contextmanager
def orphans_come_to_us():
    """Inside, whatever outlives its parent becomes our child, so that nothing is overlooked.

    Yields a function: the command lines of what is there that was not at the beginning, and it is ended.
    """
    subreaper = 36
    prctl = ctypes.CDLL(None).prctl
    before = set(_children())

    def left_behind():
        found = []
        give_up = time.monotonic() + DEADLINE_S
        killed_by_the_test = time.monotonic() + 1.0  # what was, needs a moment to go
        while (there := set(_children()) - before) and time.monotonic() < give_up:
            for pid in there:
                if lives(pid) and time.monotonic() > killed_by_the_test:
                    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                        found.append(Path(f"/proc/{pid}/cmdline").read_bytes())
                        os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.005)
        return found

    assert prctl(subreaper, 1, 0, 0, 0) == 0
    try:
        yield left_behind
    finally:
        left_behind()
        prctl(subreaper, 0, 0, 0, 0)


def _children():
    found = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may end meanwhile
            found += [int(pid) for pid in (thread / "children").read_text().split()]
    return found


def lives(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Driver:
    """One connection to a keeper, as a daemon or (without `hello`) as a client has it."""

    def __init__(self, path_or_socket):
        if isinstance(path_or_socket, socket.socket):
            self.socket = path_or_socket
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.socket.connect(str(path_or_socket))
            except OSError:
                self.socket.close()
                raise
        self.socket.settimeout(DEADLINE_S)
        self.reader = wire.FrameReader()
        self.inbox = deque()  # messages not looked at yet
        self.descriptors = deque()
        self.masters = {}  # id -> our duplicate of the master
        self.output = {}  # id -> bytes received in this connection
        self.place = {}  # id -> the offset at which the next OUTPUT must begin
        self.acknowledged = {}
        self.here = {}

    def close(self):
        self.socket.close()
        for master in [*self.masters.values(), *self.descriptors]:
            os.close(master)
        self.masters.clear()
        self.descriptors.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    # --- frames

    def send(self, message, descriptor=None):
        frame = wire.encode(message)
        if descriptor is None:
            self.socket.sendall(frame)
        else:
            rights = array.array("i", [descriptor])
            sent = self.socket.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            if sent < len(frame):  # nothing, sent to one who has hung up, is a broken pipe
                self.socket.sendall(frame[sent:])

    def receive(self, size=262144):
        """Read once; EOFError when the keeper hung up."""
        data, ancillary, _, _ = self.socket.recvmsg(size, socket.CMSG_SPACE(4 * 16), socket.MSG_CMSG_CLOEXEC)
        for _level, _kind, payload in ancillary:
            arrived = array.array("i")
            arrived.frombytes(payload)
            self.descriptors.extend(arrived)
        if not data:
            raise EOFError
        for message in self.reader.feed_untrusted(data):
            if isinstance(message, wire.Opened | wire.Here):
                with contextlib.suppress(KeyError):
                    os.close(self.masters[message.id])
                self.masters[message.id] = self.descriptors.popleft()
            match message:
                case wire.Here():
                    self.here[message.id] = message
                case wire.Output(id_, offset, data):
                    expected = self.place.get(id_, offset)
                    assert offset == expected, f"output at {offset}, expected at {expected}"
                    self.place[id_] = offset + len(data)
                    self.output[id_] = self.output.get(id_, b"") + data
            self.inbox.append(message)

    def wait(self, kind, where=lambda _message: True, deadline_s=DEADLINE_S):
        """The next message of class *kind* for which *where* holds; earlier others are kept."""
        give_up = time.monotonic() + deadline_s
        looked_at = 0
        while True:
            for index in range(looked_at, len(self.inbox)):
                message = self.inbox[index]
                if isinstance(message, kind) and where(message):
                    del self.inbox[index]
                    return message
            looked_at = len(self.inbox)
            self._readable(give_up, f"no {kind} within {deadline_s} s, but {list(self.inbox)[-3:]!r:.500}")
            self.receive()

    def _readable(self, give_up, otherwise):
        ready, _, _ = select.select([self.socket], [], [], max(0.0, give_up - time.monotonic()))
        if not ready:
            raise AssertionError(otherwise)

    def is_quiet(self, seconds):
        """Whether nothing at all arrives for so long."""
        return not select.select([self.socket], [], [], seconds)[0]

    def wait_eof(self, deadline_s=DEADLINE_S):
        give_up = time.monotonic() + deadline_s
        while True:
            self._readable(give_up, "the keeper does not hang up")
            try:
                self.receive()
            except (EOFError, ConnectionResetError):
                return

    # --- terminals

    def hello(self):
        self.send(wire.Hello(wire.VERSION, os.getpid()))
        return self.wait(wire.Ready)

    def open(self, tag="a terminal", cols=80, rows=24):
        self.send(wire.Open(7, tag, cols, rows))
        return self.wait(wire.Opened, lambda it: it.ref == 7).id

    def raw(self, id_):
        """Let the program's bytes through as they are, and echo nothing."""
        modes = termios.tcgetattr(self.masters[id_])
        modes[0], modes[1], modes[3] = 0, 0, 0
        termios.tcsetattr(self.masters[id_], termios.TCSANOW, modes)

    def start(self, id_, *argv, env=None, cwd=b"/", umask=0o022, login=False):
        settings = {b"PATH": b"/usr/local/bin:/usr/bin:/bin"} if env is None else env
        items = tuple(os.fsencode(item) for item in argv)
        self.send(wire.Start(id_, items, settings, os.fsencode(cwd), umask, login))

    def spawn(self, *argv, raw=False, **options):
        """Open and start; return the id and the pid."""
        id_ = self.open()
        if raw:
            self.raw(id_)
        self.start(id_, *argv, **options)
        return id_, self.wait(wire.Started, lambda it: it.id == id_).pid

    def run(self, *argv, raw=True, **options):
        """Start, acknowledge everything, and return the output and ENDED."""
        id_, _ = self.spawn(*argv, raw=raw, **options)
        ended = self.until_ended(id_)
        output = self.output.get(id_, b"")
        self.send(wire.Forget(id_))
        return output, ended

    def until_ended(self, id_, deadline_s=DEADLINE_S):
        return self._until(lambda: self._find(wire.Ended, id_), deadline_s)

    def until_output(self, id_, part, deadline_s=DEADLINE_S):
        self._until(lambda: part in self.output.get(id_, b""), deadline_s)
        return self.output[id_]

    def until_place(self, id_, place, deadline_s=DEADLINE_S):
        self._until(lambda: self.place.get(id_, 0) >= place, deadline_s)

    def _until(self, fact, deadline_s):
        """Receive and acknowledge until *fact()*."""
        give_up = time.monotonic() + deadline_s
        while not (found := fact()):
            self.inbox = deque(it for it in self.inbox if not isinstance(it, wire.Output))
            self._readable(give_up, f"not within {deadline_s} s; output {self.output!r:.300}")
            self.receive()
            self.acknowledge()
        return found

    def acknowledge(self):
        for id_, place in self.place.items():
            if self.acknowledged.get(id_) != place:
                self.acknowledged[id_] = place
                self.send(wire.Ack(id_, place))

    def _find(self, kind, id_):
        for message in self.inbox:
            if isinstance(message, kind) and message.id == id_:
                self.inbox.remove(message)
                return message
        return None

    def type(self, id_, data):
        os.write(self.masters[id_], data)

    def resume(self, id_, offset):
        self.place[id_] = offset
        self.output[id_] = b""
        self.send(wire.Resume(id_, offset))


class Keeper:
    """A keeper process and its files. Without *daemon_command* it never starts a daemon."""

    def __init__(self, directory, daemon_command=None, **popen):
        self.directory = Path(directory)
        self.socket_path = self.directory / "keeper.sock"
        self.lock_path = self.directory / "keeper.lock"
        self.log_path = self.directory / "keeper.log"
        self.daemon_command = daemon_command or SLEEPER
        self.process = self.launch(**popen)
        self.pid = self.process.pid

    def launch(self, *options, **popen):
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "cctm.keeper"),
                    *("--socket", self.socket_path, "--lock", self.lock_path, "--log", self.log_path),
                    *("--daemon-command", json.dumps([os.fspath(it) for it in self.daemon_command])),
                    *options,
                ],
                **({"cwd": "/", "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log} | popen),
                start_new_session=True,
            )

    def connect(self):
        """A connection that has not said HELLO."""

        def attempt():
            try:
                return Driver(self.socket_path)
            except (FileNotFoundError, ConnectionRefusedError):
                assert self.process.poll() is None, self.log
                return None

        return until(attempt)

    def daemon(self):
        def attempt():
            driver = self.connect()
            try:
                driver.hello()
            except (
                ConnectionResetError
            ):  # a dead keeper's socket that a child, not at its exec yet, still had
                driver.close()
                return None
            return driver

        return until(attempt)

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def children(self):
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def stop(self):
        """End it, and whatever it started."""
        children = self.children() if lives(self.pid) else []
        self.process.terminate()  # it starts no further daemon from here on
        for child in children:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(child, signal.SIGKILL)
        try:
            self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()
            self.process.wait()


def window_size(master):
    rows, cols, _, _ = struct.unpack("4H", fcntl.ioctl(master, termios.TIOCGWINSZ, bytes(8)))
    return cols, rows
