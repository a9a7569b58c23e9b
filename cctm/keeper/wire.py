"""The keeper's wire: frames between the daemon (d), a client (c) and the keeper (k), SPEC.md §7.

    frame   = length(u32, of what follows) ‖ type(u8) ‖ payload          numbers are big-endian
    ACK     = id(16) ‖ offset(u64)
    OUTPUT  = id(16) ‖ offset(u64) ‖ bytes (1…65536)
    others  = one JSON object with exactly the fields of the message class

In JSON an id is 32 hex digits, and what is bytes to the kernel (argv, env, cwd) is a string decoded as UTF-8
with surrogateescape, so every byte string survives.

**Invariants**

- `FrameReader` yields the same messages however the bytes were cut; what no honest peer sends raises
  `WireError` and nothing else.
- `decode_untrusted(encode(message)) == message`.
- A message that passed `decode_untrusted` is in range: the keeper hands its fields to system calls unchecked.

OPENED, HERE and ADOPT carry one descriptor each, attached to the first byte of their frame (SCM_RIGHTS). They
arrive in the order of these frames and never after their frame's last byte; so the receiver keeps a queue of
descriptors and takes one for each such message.

Longer than other modules: it is the whole of §7's wire, half of it the table of messages, and the keeper and the
daemon import it as one name.
"""

import enum
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, NewType

VERSION: Final = 0
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024  # an environment of 2 MiB in which every byte is escaped fits
MAX_OUTPUT_BYTES: Final = 65536

StreamId = NewType("StreamId", bytes)


class WireError(Exception):
    """The peer broke §7: drop the connection."""


class Type(enum.IntEnum):
    HELLO = 1
    OPEN = 2
    START = 3
    RESUME = 4
    ACK = 5
    KILL = 6
    FORGET = 7
    ADOPT = 8
    STOP = 9
    QUIT = 10
    UPGRADE = 11
    START_DAEMON = 12
    READY = 32
    HERE = 33
    OPENED = 34
    STARTED = 35
    FAILED = 36
    OUTPUT = 37
    ENDED = 38
    REFUSED = 39


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


class Hello(NamedTuple):
    version: int
    pid: int


class Open(NamedTuple):
    ref: int  # chosen by the daemon, repeated in OPENED or FAILED
    tag: str  # the daemon's own word for the terminal, repeated in HERE
    cols: int
    rows: int


class Start(NamedTuple):
    id: StreamId
    argv: tuple[bytes, ...]
    env: Mapping[bytes, bytes]
    cwd: bytes
    umask: int
    login: bool  # argv[0] is shown to the program with a leading "-"


class Resume(NamedTuple):
    id: StreamId
    offset: int


class Ack(NamedTuple):
    id: StreamId
    offset: int


class Kill(NamedTuple):
    id: StreamId
    signal: int


class Forget(NamedTuple):
    id: StreamId


class Adopt(NamedTuple):
    id: StreamId
    tag: str
    pid: int
    offset: int


class Stop(NamedTuple):
    pass


class Quit(NamedTuple):
    pass


class Upgrade(NamedTuple):
    argv: tuple[bytes, ...]  # the new keeper's command; --resume-fd is appended. Empty: the one that runs


class StartDaemon(NamedTuple):
    pass


class Ready(NamedTuple):
    version: int
    pid: int


class Here(NamedTuple):
    id: StreamId
    tag: str
    pid: int
    started: int  # wall clock, µs since the Unix epoch; of an adopted terminal, when it was adopted
    base: int  # the first offset that is still held
    end: int  # the offset behind the last byte read
    exit: Exit | None  # set once nothing more can come behind `end`


class Opened(NamedTuple):
    ref: int
    id: StreamId


class Started(NamedTuple):
    id: StreamId
    pid: int


class Failed(NamedTuple):
    id: StreamId | None  # what failed was this START …
    ref: int | None  # … or this OPEN; the other is None
    errno: int
    where: Where


class Output(NamedTuple):
    id: StreamId
    offset: int
    data: bytes


class Ended(NamedTuple):
    id: StreamId
    how: How
    code: int
    end: int


class Refused(NamedTuple):
    text: str
    id: StreamId | None = None  # of the START, RESUME, FORGET or ADOPT that is refused


Message = (
    Hello | Open | Start | Resume | Ack | Kill | Forget | Adopt | Stop | Quit | Upgrade | StartDaemon
    | Ready | Here | Opened | Started | Failed | Output | Ended | Refused
)  # fmt: skip

CLASSES: Final[Mapping[Type, type[Message]]] = {
    Type.HELLO: Hello,
    Type.OPEN: Open,
    Type.START: Start,
    Type.RESUME: Resume,
    Type.ACK: Ack,
    Type.KILL: Kill,
    Type.FORGET: Forget,
    Type.ADOPT: Adopt,
    Type.STOP: Stop,
    Type.QUIT: Quit,
    Type.UPGRADE: Upgrade,
    Type.START_DAEMON: StartDaemon,
    Type.READY: Ready,
    Type.HERE: Here,
    Type.OPENED: Opened,
    Type.STARTED: Started,
    Type.FAILED: Failed,
    Type.OUTPUT: Output,
    Type.ENDED: Ended,
    Type.REFUSED: Refused,
}
TYPES: Final[Mapping[type[Message], Type]] = {message: kind for kind, message in CLASSES.items()}
WITH_DESCRIPTOR: Final = (Opened, Here, Adopt)

_LENGTH: Final = struct.Struct(">I")
_ACK: Final = struct.Struct(">16sQ")
_OUTPUT_FRAME: Final = struct.Struct(">IB16sQ")
_PLACE_BYTES: Final = _ACK.size
_OFFSETS: Final = range(2**63)
_NULLABLE: Final[Mapping[type[Message], frozenset[str]]] = {
    Failed: frozenset({"id", "ref"}),
    Refused: frozenset({"id"}),
}


# --- fields: one way per name to write it to JSON and to read it back


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

_READ: Final[Mapping[str, Callable[[object], object]]] = {
    "argv": _argv_untrusted,
    "base": _within(_OFFSETS),
    "code": _code_untrusted,
    "cols": _within(range(1, 65536)),
    "cwd": _bytes_untrusted,
    "end": _within(_OFFSETS),
    "env": _env_untrusted,
    "errno": _within(range(4096)),
    "exit": _exit_untrusted,
    "how": _how_untrusted,
    "id": _id_untrusted,
    "login": _boolean_untrusted,
    "offset": _within(_OFFSETS),
    "pid": _within(range(1, 2**31)),
    "ref": _within(_OFFSETS),
    "rows": _within(range(1, 65536)),
    "signal": _within(range(1, 65)),
    "started": _within(_OFFSETS),
    "tag": _short_untrusted,
    "text": _short_untrusted,
    "umask": _within(range(0o1000)),
    "version": _within(_OFFSETS),
    "where": _where_untrusted,
}

_WRITE: Final[Mapping[str, Callable[[Any], object]]] = {
    "argv": lambda argv: [text(item) for item in argv],
    "cwd": text,
    "env": lambda env: {text(name): text(setting) for name, setting in env.items()},
    "id": bytes.hex,
}


# --- messages


def encode(message: Message) -> bytes:
    """The whole frame of *message*. For OUTPUT see also `output_header`."""
    match message:
        case Ack(id_, offset):
            payload = _ACK.pack(id_, offset)
        case Output(id_, offset, data):
            payload = _ACK.pack(id_, offset) + data
        case _:
            fields: dict[str, object] = {}
            for name, value in message._asdict().items():
                write = _WRITE.get(name)
                fields[name] = value if write is None or value is None else write(value)
            payload = json.dumps(fields, separators=(",", ":")).encode("ascii")
    return b"%b%c%b" % (_LENGTH.pack(len(payload) + 1), TYPES[type(message)], payload)


def output_header(id_: StreamId, offset: int, length: int) -> bytes:
    """What precedes *length* bytes of output in their OUTPUT frame: so they can be sent without a copy."""
    return _OUTPUT_FRAME.pack(_PLACE_BYTES + length + 1, Type.OUTPUT, id_, offset)


def decode_untrusted(kind: int, payload: bytes | bytearray | memoryview) -> Message:
    """The message in a frame.

    Raises:
        WireError: no such type, or not the payload that the type has.
    """
    try:
        match kind:
            case Type.OUTPUT:
                if not 1 <= len(payload) - _PLACE_BYTES <= MAX_OUTPUT_BYTES:
                    raise WireError(len(payload))
                id_, offset = _ACK.unpack_from(payload)
                return Output(StreamId(id_), _offset_untrusted(offset), bytes(payload[_PLACE_BYTES:]))
            case Type.ACK:
                id_, offset = _ACK.unpack(payload)
                return Ack(StreamId(id_), _offset_untrusted(offset))
            case _:
                return _decode_json_untrusted(CLASSES[Type(kind)], bytes(payload))
    except (
        ValueError,
        RecursionError,
        struct.error,
    ) as error:  # of the decoders below; UnicodeError is a ValueError
        raise WireError(kind) from error


_offset_untrusted: Final = _within(_OFFSETS)


def _decode_json_untrusted(message: type[Message], payload: bytes) -> Message:
    fields = json.loads(payload.decode("utf-8"))
    if type(fields) is not dict or fields.keys() != set(message._fields):
        raise WireError(message)
    nullable = _NULLABLE.get(message, frozenset())
    values: list[Any] = []
    for name in message._fields:
        value = fields[name]
        is_null = value is None and name in nullable
        values.append(None if is_null else _READ[name](value))
    decoded = message(*values)
    match decoded:
        case Failed(id_, ref) if (id_ is None) is (ref is None):
            raise WireError(decoded)
        case Start(argv=()):
            raise WireError(Start)
        case _:
            return decoded


class FrameReader:
    """Bytes in, messages out. It holds at most one frame of `limit` bytes and what it was fed last."""

    __slots__ = ("_buffer", "limit")

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._buffer = bytearray()
        self.limit = limit  # of the length that a frame may name; may change between two messages

    def feed_untrusted(self, data: bytes | memoryview) -> Iterator[Message]:
        """Take *data* and return the messages that are whole by now. Exhaust them before the next call.

        Raises:
            WireError: on iterating, after the messages before the bad one. The reader is of no use then.
        """
        self._buffer += data
        return self._messages_untrusted()

    def _messages_untrusted(self) -> Iterator[Message]:
        buffer = self._buffer
        start = 0
        try:
            while len(buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(buffer, start)
                if not 1 <= length <= self.limit:
                    raise WireError(length)
                end = start + _LENGTH.size + length
                if len(buffer) < end:
                    break
                with memoryview(buffer) as view, view[start + _LENGTH.size + 1 : end] as payload:
                    message = decode_untrusted(buffer[start + _LENGTH.size], payload)
                start = end
                yield message
        finally:
            del buffer[:start]
