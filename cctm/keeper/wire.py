"""The keeper's wire: frames between the daemon (d), a client (c) and the keeper (k), SPEC.md §7.

    frame   = length(u32, of what follows) ‖ type(u8) ‖ payload          numbers are big-endian
    ACK     = id(16) ‖ offset(u64)
    OUTPUT  = id(16) ‖ offset(u64) ‖ bytes (1…65536)
    others  = one JSON object with exactly the fields of the message class

How each field stands in JSON is in `fields`, whose types are names of this module too.

**Invariants**

- `FrameReader` yields the same messages however the bytes were cut; what no honest peer sends raises
  `WireError` and nothing else.
- `decode_untrusted(encode(message)) == message`.
- A message that passed `decode_untrusted` is in range: the keeper hands its fields to system calls unchecked.

OPENED, HERE and ADOPT carry one descriptor each, attached to the first byte of their frame (SCM_RIGHTS). They
arrive in the order of these frames and never after their frame's last byte; so the receiver keeps a queue of
descriptors and takes one for each such message.
"""

import enum
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from cctm.keeper.fields import READ, WRITE, offset_untrusted
from cctm.keeper.fields import Exit as Exit
from cctm.keeper.fields import How as How
from cctm.keeper.fields import StreamId as StreamId
from cctm.keeper.fields import Where as Where
from cctm.keeper.fields import WireError as WireError

VERSION: Final = 0
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024  # an environment of 2 MiB in which every byte is escaped fits
MAX_OUTPUT_BYTES: Final = 65536


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
_NULLABLE: Final[Mapping[type[Message], frozenset[str]]] = {
    Failed: frozenset({"id", "ref"}),
    Refused: frozenset({"id"}),
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
                write = WRITE.get(name)
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
                return Output(StreamId(id_), offset_untrusted(offset), bytes(payload[_PLACE_BYTES:]))
            case Type.ACK:
                id_, offset = _ACK.unpack(payload)
                return Ack(StreamId(id_), offset_untrusted(offset))
            case _:
                return _decode_json_untrusted(CLASSES[Type(kind)], bytes(payload))
    except (
        ValueError,
        RecursionError,
        struct.error,
    ) as error:  # of the decoders below; UnicodeError is a ValueError
        raise WireError(kind) from error


def _decode_json_untrusted(message: type[Message], payload: bytes) -> Message:
    fields = json.loads(payload.decode("utf-8"))
    if type(fields) is not dict or fields.keys() != set(message._fields):
        raise WireError(message)
    nullable = _NULLABLE.get(message, frozenset())
    values: list[Any] = []
    for name in message._fields:
        value = fields[name]
        is_null = value is None and name in nullable
        values.append(None if is_null else READ[name](value))
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
