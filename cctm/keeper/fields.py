"""The values in the keeper's messages: what they are, and one way for each name to write them to JSON and to
read them back (SPEC.md §7.1).

An id is 32 hex digits, and what is bytes to the kernel (argv, env, cwd) is a string decoded as UTF-8 with
surrogateescape, so every byte string survives.

**Invariants**

- What is read is in range: the keeper hands it to system calls unchecked.
- Reading raises WireError or ValueError (UnicodeError is one), and nothing else.
- argv and environments hold secrets: no error carries any of them.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, NewType

StreamId = NewType("StreamId", bytes)


class WireError(Exception):
    """The peer broke §7: drop the connection."""


class How(enum.IntEnum):
    """How a program ended; the numbers are those of the event `closed` (SPEC.md §3)."""

    EXITED = 0
    SIGNALLED = 1
    LOST = 2


class Where(enum.StrEnum):
    """Which step failed."""

    PTY = "pty"
    FORK = "fork"
    CWD = "cwd"
    EXEC = "exec"


class Exit(NamedTuple):
    how: How
    code: int


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes_untrusted(value: object) -> bytes:
    if type(value) is not str or "\0" in value:
        raise WireError(type(value))  # not the value: argv and environments hold secrets
    return value.encode("utf-8", "surrogateescape")


def _within(allowed: range) -> Callable[[object], int]:
    def integer_untrusted(value: object) -> int:
        if type(value) is not int or value not in allowed:
            raise WireError(value)
        return value

    return integer_untrusted


def _short_untrusted(value: object) -> str:
    if type(value) is not str or len(value) > 1024:
        raise WireError(value)
    return value


def _boolean_untrusted(value: object) -> bool:
    if type(value) is not bool:
        raise WireError(value)
    return value


def _id_untrusted(value: object) -> StreamId:
    if type(value) is not str or len(value) != 32:
        raise WireError(value)
    id_ = bytes.fromhex(value)  # which skips spaces
    if len(id_) != 16:
        raise WireError(value)
    return StreamId(id_)


def _argv_untrusted(value: object) -> tuple[bytes, ...]:
    if type(value) is not list:
        raise WireError(type(value))
    return tuple(_bytes_untrusted(item) for item in value)


def _env_untrusted(value: object) -> dict[bytes, bytes]:
    if type(value) is not dict:
        raise WireError(type(value))
    env = {_bytes_untrusted(name): _bytes_untrusted(setting) for name, setting in value.items()}
    if any(not name or b"=" in name for name in env):
        raise WireError(type(value))
    return env


def _exit_untrusted(value: object) -> Exit | None:
    if value is None:
        return None
    if type(value) is not list or len(value) != 2:
        raise WireError(value)
    return Exit(_how_untrusted(value[0]), _code_untrusted(value[1]))


def _how_untrusted(value: object) -> How:
    return How(_within(range(len(How)))(value))


def _where_untrusted(value: object) -> Where:
    return Where(_short_untrusted(value))


_code_untrusted: Final = _within(range(256))
offset_untrusted: Final = _within(range(2**63))

READ: Final[Mapping[str, Callable[[object], object]]] = {
    "argv": _argv_untrusted,
    "base": offset_untrusted,
    "code": _code_untrusted,
    "cols": _within(range(1, 65536)),
    "cwd": _bytes_untrusted,
    "end": offset_untrusted,
    "env": _env_untrusted,
    "errno": _within(range(4096)),
    "exit": _exit_untrusted,
    "how": _how_untrusted,
    "id": _id_untrusted,
    "login": _boolean_untrusted,
    "offset": offset_untrusted,
    "pid": _within(range(1, 2**31)),
    "ref": offset_untrusted,
    "rows": _within(range(1, 65536)),
    "signal": _within(range(1, 65)),
    "started": offset_untrusted,
    "tag": _short_untrusted,
    "text": _short_untrusted,
    "umask": _within(range(0o1000)),
    "version": offset_untrusted,
    "where": _where_untrusted,
}

WRITE: Final[Mapping[str, Callable[[Any], object]]] = {
    "argv": lambda argv: [text(item) for item in argv],
    "cwd": text,
    "env": lambda env: {text(name): text(setting) for name, setting in env.items()},
    "id": bytes.hex,
}
