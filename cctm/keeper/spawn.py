"""Start a program: fork, make the child what a fresh log-in would be, exec; and say which step failed.

Own code, since the usual helpers block the parent until the exec succeeds, search the parent's PATH or let an
error unwind inside the forked child.

    keeper                     child
    ------                     -----
    block all signals
    fork ────────────────────► session, controlling terminal, descriptors 0 1 2
    restore the mask           close everything else
                               default dispositions, empty mask, limits, umask, cwd, exec
    `failed` readable:         success: the pipe closes by itself (close-on-exec): b""
      b"" or a report          failure: writes where(u8) ‖ errno(i32), exits with 127

**Invariants**

- The parent never waits: the outcome arrives in a non-blocking pipe, which belongs in the selector.
- The child leaves through exec or `_exit`, whatever happens; none of the keeper's code runs on in it.
- No signal can reach the child while it still has the keeper's handlers (it would write into the keeper's
  wake-up pipe).
"""

import errno
import fcntl
import os
import resource
import signal
import struct
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, NoReturn

from cctm.keeper.descriptors import close_all_but
from cctm.keeper.wire import Where

_REPORT: Final = struct.Struct(">Bi")
_STEPS: Final = (Where.FORK, Where.CWD, Where.EXEC)
_DEFAULT_PATH: Final = b"/usr/local/bin:/usr/bin:/bin"
_ALL_SIGNALS: Final = signal.valid_signals()
_RESETTABLE: Final = sorted(_ALL_SIGNALS - {signal.SIGKILL, signal.SIGSTOP})
_NOT_CHANGED: Final = (signal.SIG_DFL, None)  # None: the C library keeps it for itself


class Limits(NamedTuple):
    """Soft and hard limits, as the keeper found them."""

    nofile: tuple[int, int]  # RLIMIT_NOFILE
    core: tuple[int, int]  # RLIMIT_CORE

    def without_core(self) -> "Limits":
        return self._replace(core=(0, self.core[1]))


class Program(NamedTuple):
    argv: tuple[bytes, ...]
    env: Mapping[bytes, bytes]
    cwd: bytes
    umask: int
    login: bool
    limits: Limits
    stdio: tuple[int, int, int]
    tty: bool  # stdio is to be the controlling terminal


class Child(NamedTuple):
    pid: int
    failed: int  # non-blocking; readable once the outcome is known


class Failure(NamedTuple):
    where: Where
    errno: int


def spawn(program: Program) -> Child:
    """Fork and exec *program*.

    Raises:
        OSError: no process or no descriptor was to be had.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    changed = [number for number in _RESETTABLE if signal.getsignal(number) not in _NOT_CHANGED]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL_SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, changed, writer)
    except OSError:
        os.close(reader)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(writer)
    return Child(pid, reader)


def outcome(child: Child, release: Callable[[int], object]) -> Failure | None:
    """What came of *child*'s exec; None: it runs, or ran. The pipe goes to *release* and is closed.

    Raises:
        BlockingIOError: it is not known yet; nothing was closed.
    """
    report = os.read(child.failed, _REPORT.size)
    release(child.failed)
    os.close(child.failed)
    if len(report) < _REPORT.size:
        return None
    step, number = _REPORT.unpack(report)
    return Failure(_STEPS[step], number)


def open_pty(cols: int, rows: int) -> tuple[int, int]:
    """A new terminal of that size; its master is non-blocking.

    Raises:
        OSError: no PTY or no descriptor was to be had.
    """
    master, slave = os.openpty()
    os.set_blocking(master, False)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", rows, cols, 0, 0))
    modes = termios.tcgetattr(slave)
    modes[0] |= _IUTF8
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    return master, slave


_IUTF8: Final = 0x4000  # erase removes a whole character; the same on Linux and macOS; not in `termios`


# --- between fork and exec. Coverage cannot see this process: exec replaces it, and _exit skips the report.


def _become(program: Program, changed: Sequence[int], report: int) -> NoReturn:  # pragma: no cover
    step = Where.FORK
    number = 0
    try:
        _detach(program, changed, report)
        step = Where.CWD
        os.chdir(program.cwd)
        step = Where.EXEC
        number = _exec(program)
    except OSError as error:
        number = error.errno or errno.EIO
    except BaseException:  # noqa: BLE001 - nothing may unwind out of the child
        number = errno.EINVAL
    finally:
        try:
            os.write(report, _REPORT.pack(_STEPS.index(step), number))
        finally:
            os._exit(127)


def _detach(program: Program, changed: Sequence[int], report: int) -> None:  # pragma: no cover
    os.setsid()
    # Above the standard descriptors first, so that no dup2 overwrites one that is still needed.
    stdio = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in program.stdio]
    for target, fd in enumerate(stdio):
        os.dup2(fd, target)
    for fd in stdio:  # so that there is a descriptor for listing them
        os.close(fd)
    close_all_but((report,))
    if program.tty:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in changed:  # of the parent: after a fork each page that is touched costs, and so do 60 calls
        try:
            signal.signal(number, signal.SIG_DFL)
        except OSError:  # the C library keeps some for itself
            continue
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    resource.setrlimit(resource.RLIMIT_NOFILE, program.limits.nofile)
    resource.setrlimit(resource.RLIMIT_CORE, program.limits.core)
    os.umask(program.umask)


def _exec(program: Program) -> int:  # pragma: no cover
    """Exec does not return; if no candidate could be executed, why."""
    argv = list(program.argv)
    name = argv[0]
    if program.login:
        argv[0] = b"-" + os.path.basename(name)
    denied = 0
    for path in _candidates(name, program.env):
        try:
            try:
                os.execve(path, argv, program.env)  # noqa: S606 - the point
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                # A script without a first line, as execvp(3) has it.
                os.execve(b"/bin/sh", [b"sh", path, *argv[1:]], program.env)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            denied = error.errno or errno.EACCES
    return denied or errno.ENOENT


def _candidates(name: bytes, env: Mapping[bytes, bytes]) -> Iterator[bytes]:  # pragma: no cover
    if b"/" in name:
        yield name
        return
    for directory in env.get(b"PATH", _DEFAULT_PATH).split(b":"):
        yield os.path.join(directory, name)
