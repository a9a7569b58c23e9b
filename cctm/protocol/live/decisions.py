"""What a gate is told, and what it decides: values (SPEC.md §16.5–16.7)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from cctm.protocol.access import Role
from cctm.protocol.events import LogHead
from cctm.protocol.keys import EpochSecret, StreamId, WriterId


class Standing(Enum):
    """How somebody came to be on the list."""

    LINK = "link"  # whoever has it: reads, and enrols
    GUEST = "guest"  # one person


@dataclass(frozen=True, slots=True)
class Member:
    """One row of the list."""

    standing: Standing
    role: Role
    label: str


# So many bytes from the system's random source.
Draw: TypeAlias = Callable[[int], bytes]

# The list as it is at this moment; None: not on it.
Roster: TypeAlias = Callable[[WriterId], Member | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """What is so on the host when something comes.

    Attributes:
        now_us: of a clock that never goes backwards and counts suspend.
        stream: what runs; None: nothing.
        offset: where the stream ends.
        heads: of the host's logs, on disk.
        epoch: under which pulses are sealed.
    """

    now_us: int
    stream: StreamId | None
    offset: int
    heads: tuple[LogHead, ...]
    epoch: EpochSecret


@dataclass(frozen=True, slots=True)
class Answer:
    """Send *data* to *to*."""

    to: WriterId
    data: bytes


@dataclass(frozen=True, slots=True)
class Type:
    """Write *data* to the PTY now, and record who typed it."""

    who: WriterId
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enlist:
    """Add a guest to the list, under *link*, if there is room."""

    link: WriterId
    sign_key: WriterId
    box_key: bytes
    label: str


@dataclass(frozen=True, slots=True)
class Fit:
    """A driver's window is so large."""

    who: WriterId
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class Request:
    """A driver wants the floor: ask the host's user, then `Gate.give`."""

    who: WriterId


@dataclass(frozen=True, slots=True)
class Hold:
    """The lease went to *holder*; record `control`."""

    holder: bytes


@dataclass(frozen=True, slots=True)
class Came:
    """Record `joined`."""

    who: WriterId
    label: str


@dataclass(frozen=True, slots=True)
class Went:
    """Record `left`."""

    who: WriterId


Decision: TypeAlias = Answer | Type | Enlist | Fit | Request | Hold | Came | Went
