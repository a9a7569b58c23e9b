"""Events: the facts that a log is made of (SPEC.md §3).

    event = canonical [kind, dt_us, fields…]

Each event is a class whose first field is `dt_us`, the microseconds since the log's previous event. SHAPES
below is the whole format: what stands for which kind, and what each field must be.

**Invariants**

- Kinds are never renumbered.
- The same checks run before encoding and after decoding: what is written can be read.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from .codec import (
    U63_MAX,
    Encodable,
    decode_untrusted,
    encode,
    expect_array,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
    expect_text,
)
from .errors import LocalError, MalformedError
from .ids import HASH_BYTES, STREAM_BYTES, Digest, LogId, StreamId

MAX_EVENTS: Final = 4_096  # in one entry
MAX_DATA_BYTES: Final = 2**20  # plain, of a data or close entry
MAX_KEYFRAME_BYTES: Final = 32 * 2**20  # plain, of a keyframe entry
MAX_LABEL_CHARS: Final = 1_024
MAX_ARGV: Final = 16_384
MAX_ARGV_BYTES: Final = 128 * 1_024
MAX_VECTOR: Final = 16_000
MAX_CELLS: Final = 65_535

# No C0, DEL or C1; no line or paragraph separator, no bidirectional override: a name must not move a cursor
# or lie about the order of its letters.
_NAME: Final = re.compile(r"(?!-)[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]{1,64}")


class How(IntEnum):
    """How a program ended."""

    EXITED = 0
    SIGNALLED = 1
    LOST = 2  # nobody saw it: the keeper died


class LogHead(NamedTuple):
    """How far a log goes: the hash of its last entry vouches for all *size* of them."""

    log: LogId
    size: int
    head: Digest


@dataclass(frozen=True, slots=True)
class Opened:
    """A program is about to start on a new PTY; the stream in force from here on."""

    dt_us: int
    argv: tuple[bytes, ...]
    cwd: bytes
    cols: int
    rows: int
    name: str
    term: str
    wall_us: int
    stream: StreamId


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes as read from the PTY; *offset* counts the bytes of the stream before them."""

    dt_us: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Input:
    """*who* typed *length* bytes; which, only if input is recorded and was not a password."""

    dt_us: int
    who: bytes
    length: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Resized:
    dt_us: int
    cols: int
    rows: int
    by: bytes


@dataclass(frozen=True, slots=True)
class Marked:
    dt_us: int
    label: str


@dataclass(frozen=True, slots=True)
class Renamed:
    dt_us: int
    name: str


@dataclass(frozen=True, slots=True)
class Control:
    """Who alone may type and resize from here on; empty: nobody holds it."""

    dt_us: int
    holder: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    dt_us: int
    who: bytes
    label: str


@dataclass(frozen=True, slots=True)
class Left:
    dt_us: int
    who: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """One CRDT update."""

    dt_us: int
    update: bytes


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Everything a reader needs to start here. *screen* None: the screen was not folded."""

    dt_us: int
    stream: StreamId | None
    offset: int
    cols: int
    rows: int
    name: str
    wall_us: int
    screen: bytes | None
    modes: bytes | None
    vector: tuple[LogHead, ...]
    document: bytes | None

    @property
    def is_whole(self) -> bool:
        """Whether its screen is known, with all that the alternate screen hides (SPEC.md §16.2)."""
        return self.screen is not None and not self.modes


@dataclass(frozen=True, slots=True)
class Paused:
    """From here on the terminal is off the record."""

    dt_us: int


@dataclass(frozen=True, slots=True)
class Resumed:
    dt_us: int


@dataclass(frozen=True, slots=True)
class Gap:
    """*length* bytes of the stream were lost at *offset*; None: nobody knows how many."""

    dt_us: int
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream ended. *code*: the exit status or the signal; 0 when lost."""

    dt_us: int
    how: How
    code: int


Event: TypeAlias = (
    Opened
    | Output
    | Input
    | Resized
    | Marked
    | Renamed
    | Control
    | Joined
    | Left
    | Document
    | Keyframe
    | Paused
    | Resumed
    | Gap
    | Closed
)


def is_name(text: str) -> bool:
    """Whether a terminal may be called *text*."""
    return _NAME.fullmatch(text) is not None


def _name(value: object) -> str:
    text = expect_text(value)
    if not is_name(text):
        raise MalformedError("name")
    return text


def _argv(value: object) -> tuple[bytes, ...]:
    argv = tuple(expect_bytes(argument) for argument in expect_array(value, 1, MAX_ARGV))
    if sum(map(len, argv)) > MAX_ARGV_BYTES:
        raise MalformedError("argv")
    return argv


def expect_log_head(value: object) -> LogHead:
    """*value*, if it is [log(32), size, head(32)]."""
    log, size, head = expect_fields(value, 3)
    return LogHead(
        LogId(expect_exactly(log, HASH_BYTES)), expect_int(size), Digest(expect_exactly(head, HASH_BYTES))
    )


def _vector(value: object) -> tuple[LogHead, ...]:
    return tuple(expect_log_head(item) for item in expect_array(value, 0, MAX_VECTOR))


def _how(value: object) -> How:
    return How(expect_int(int(value) if isinstance(value, How) else value, 0, 2))


Check: TypeAlias = Callable[[object], Any]


def _or_nil(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


_u: Final[Check] = expect_int
_cells: Final[Check] = partial(expect_int, low=1, high=MAX_CELLS)
_bin: Final[Check] = expect_bytes
_some: Final[Check] = partial(expect_bytes, least=1)
_label: Final[Check] = partial(expect_text, most=MAX_LABEL_CHARS)
_stream: Final[Check] = partial(expect_exactly, size=STREAM_BYTES)


class Shape(NamedTuple):
    """One kind of event: the class, and what each field after `dt_us` must be, in order."""

    event: type[Event]
    fields: Mapping[str, Check]


SHAPES: Final[Mapping[int, Shape]] = {
    1: Shape(
        Opened,
        {
            "argv": _argv,
            "cwd": _bin,
            "cols": _cells,
            "rows": _cells,
            "name": _name,
            "term": _label,
            "wall_us": _u,
            "stream": _stream,
        },
    ),
    2: Shape(Output, {"offset": _u, "data": _some}),
    3: Shape(Input, {"who": _bin, "length": _u, "data": _or_nil(_bin)}),
    4: Shape(Resized, {"cols": _cells, "rows": _cells, "by": _bin}),
    5: Shape(Marked, {"label": _label}),
    6: Shape(Renamed, {"name": _name}),
    7: Shape(Control, {"holder": _bin}),
    8: Shape(Joined, {"who": _bin, "label": _label}),
    9: Shape(Left, {"who": _bin}),
    10: Shape(Document, {"update": _bin}),
    11: Shape(
        Keyframe,
        {
            "stream": _or_nil(_stream),
            "offset": _u,
            "cols": _cells,
            "rows": _cells,
            "name": _name,
            "wall_us": _u,
            "screen": _or_nil(_bin),
            "modes": _or_nil(_bin),
            "vector": _vector,
            "document": _or_nil(_bin),
        },
    ),
    12: Shape(Paused, {}),
    13: Shape(Resumed, {}),
    14: Shape(Gap, {"offset": _u, "length": _or_nil(_u)}),
    15: Shape(Closed, {"how": _how, "code": _u}),
}

# SHAPES, made quick to use: by class for encoding, by kind for decoding.
_READ_FIELDS: Final[Mapping[type, tuple[int, Callable[[Any], tuple[Any, ...]], tuple[Check, ...]]]] = {
    shape.event: (
        kind,
        attrgetter("dt_us", *shape.fields) if shape.fields else lambda event: (event.dt_us,),
        (_u, *shape.fields.values()),
    )
    for kind, shape in SHAPES.items()
}
_CHECKS: Final[Mapping[int, tuple[type[Event], tuple[Check, ...]]]] = {
    kind: (shape.event, (_u, *shape.fields.values())) for kind, shape in SHAPES.items()
}


def encode_events(events: Sequence[Event]) -> bytes:
    """canonical [event…].

    Raises:
        LocalError: no reader would accept them.
    """
    if not 1 <= len(events) <= MAX_EVENTS:
        raise LocalError("no events, or too many")
    items: list[Encodable] = []
    for event in events:
        kind, read_fields, checks = _READ_FIELDS[type(event)]
        values = read_fields(event)
        try:
            for check, value in zip(checks, values, strict=True):
                check(value)
        except MalformedError as error:
            raise LocalError(f"{type(event).__name__} with a wrong {error.what}") from None
        if not _ends(event):
            raise LocalError("an offset beyond every stream")
        items.append((kind, *values))
    return encode(items)


def decode_events_untrusted(data: bytes, max_bytes: int = MAX_KEYFRAME_BYTES) -> list[Event]:
    """The events that `encode_events` made *data* from.

    Raises:
        MalformedError: no honest encoder made it.
    """
    return [_event(item) for item in expect_array(decode_untrusted(data, max_bytes), 1, MAX_EVENTS)]


def _event(item: object) -> Event:
    fields = expect_array(item, 1)
    known = _CHECKS.get(expect_int(fields[0]))
    if known is None:
        raise MalformedError("kind of event")
    event, checks = known
    if len(fields) - 1 != len(checks):
        raise MalformedError("fields of an event")
    values = [check(value) for check, value in zip(checks, fields[1:], strict=True)]
    made: Event = event(*values)
    if not _ends(made):
        raise MalformedError("end of output")
    return made


def _ends(event: Event) -> bool:
    """Whether what it says of the stream ends at an offset that is a number still."""
    match event:
        case Output(offset=offset, data=data):
            return offset + len(data) <= U63_MAX
        case Gap(offset=offset, length=length):
            return offset + (length or 0) <= U63_MAX
        case _:
            return True
