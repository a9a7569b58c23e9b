"""What a new terminal's program is started with (SPEC.md §9.1)."""

import os
import pwd
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cctm.protocol.events import MAX_ARGV, MAX_ARGV_BYTES

TERM: Final = b"xterm-256color"
ELLIPSIS: Final = "…".encode()

# They speak of the caller's terminal, service or session, not of the new terminal's.
_NOT_INHERITED: Final = frozenset(
    {
        b"NOTIFY_SOCKET",
        b"INVOCATION_ID",
        b"JOURNAL_STREAM",
        b"LISTEN_FDS",
        b"LISTEN_PID",
        b"LISTEN_FDNAMES",
        b"WATCHDOG_PID",
        b"WATCHDOG_USEC",
        b"TMUX",
        b"TMUX_PANE",
        b"STY",
        b"WINDOW",
        b"LINES",
        b"COLUMNS",
        b"TERMCAP",
    }
)


@dataclass(frozen=True, slots=True)
class Program:
    """What the keeper is to run."""

    argv: list[bytes]
    env: dict[bytes, bytes]
    login: bool


def program(
    argv: list[bytes], caller_env: Mapping[bytes, bytes], channel: bytes, agent_link: bytes
) -> Program:
    """The program for a terminal that the caller with *caller_env* asked for; no *argv* means the login shell."""
    env = {name: value for name, value in caller_env.items() if name not in _NOT_INHERITED}
    env[b"TERM"] = TERM
    env[b"CCTM_TERMINAL"] = channel.hex().encode()
    if b"SSH_AUTH_SOCK" in env:
        env[b"SSH_AUTH_SOCK"] = agent_link
    if argv:
        return Program(argv, env, login=False)
    return Program([_login_shell(env)], env, login=True)


def recorded_argv(argv: Sequence[bytes]) -> tuple[bytes, ...]:
    """*argv* as a record holds it (SPEC.md §11): whole, or the beginning that fits and an ellipsis."""
    if len(argv) <= MAX_ARGV and sum(map(len, argv)) <= MAX_ARGV_BYTES:
        return tuple(argv)
    kept: list[bytes] = []
    room = MAX_ARGV_BYTES - len(ELLIPSIS)
    for argument in argv[: MAX_ARGV - 1]:
        if kept and len(argument) > room:
            break
        kept.append(argument[:room])
        room -= len(kept[-1])
    return (*kept, ELLIPSIS)


def shown_command(argv: Sequence[bytes]) -> str:
    """The command line as a shell would read it; bytes that are no text are replaced."""
    return shlex.join(part.decode("utf-8", "replace") for part in argv)


def _login_shell(env: Mapping[bytes, bytes]) -> bytes:
    shell = env.get(b"SHELL", b"")
    if shell.startswith(b"/") and os.access(shell, os.X_OK):
        return shell
    try:
        entry = os.fsencode(pwd.getpwuid(os.getuid()).pw_shell)
    except KeyError:
        entry = b""
    return entry if entry and os.access(entry, os.X_OK) else b"/bin/sh"
