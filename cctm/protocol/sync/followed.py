"""What a follower tells its caller to do, and what it tells it (SPEC.md §16.4).

Ask ─► the relay        Store, Learnt ─► the archive        Shown, Happened ─► the screen        Noticed ─► the user
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from cctm.protocol.entry import Place
from cctm.protocol.events import Event, Keyframe
from cctm.protocol.grant import Table
from cctm.protocol.ids import ZERO, Digest, LogId
from cctm.protocol.keys import EpochSecret
from cctm.protocol.sync.messages import Fetch, Tail


class LogRef(NamedTuple):
    log: LogId
    generation: int


@dataclass(frozen=True, slots=True)
class Known:
    """The watermark: how far this device has seen the channel. The caller keeps it for the next start.

    *grant* is the seq of the newest grant of this log.
    """

    generation: int
    log: LogId
    size: int
    head: Digest
    grant: int


NOTHING_KNOWN: Final = Known(0, LogId(bytes(32)), 0, ZERO, 0)


class Doubt(Enum):
    """What a user should know of a channel, or of who passes it on."""

    STALE = "stale"  # what is offered is older than what was seen, or than the link
    FORK = "fork"  # the host signed two different entries for one place
    RECOVERED = "recovered"  # the host went on from less than was seen of it
    CONFLICT = "conflict"  # output was repeated, and differs
    VOID = "void"  # an entry that no honest host makes
    NO_KEY = "no key"  # the newest grant is for none of our keys
    HOLE = "hole"  # output is lacking; nothing is shown before the next keyframe


SENTENCES: Final = {
    Doubt.STALE: "The relay offers an older state of this terminal than is known here.",
    Doubt.FORK: "The host has signed two different histories of this terminal.",
    Doubt.RECOVERED: "The host has lost the end of what was seen here, and goes on from before it.",
    Doubt.CONFLICT: "The host repeats output, and it differs from what was seen here.",
    Doubt.VOID: "The host wrote something that cannot be read.",
    Doubt.NO_KEY: "The host does not share this terminal with this key any more.",
    Doubt.HOLE: "Output is lacking; what comes is shown from the next keyframe on.",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """Send *message*."""

    message: Fetch | Tail


@dataclass(frozen=True, slots=True)
class Store:
    """Keep these records, verified, of which the first is entry *first*. *head*: the hash of the last.

    In one log they come in ascending order, each once; there may be holes.
    """

    ref: LogRef
    first: int
    records: Sequence[bytes]
    head: Digest


@dataclass(frozen=True, slots=True)
class Learnt:
    """The grant at *place* opened. *secrets* are those that were not known before.

    *enrolled*: the receiving keys of ours for which a box of this or an earlier grant was found.
    """

    secrets: tuple[EpochSecret, ...]
    table: Table
    place: Place
    enrolled: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Shown:
    """The screen is that of *keyframe*, whatever was shown before."""

    keyframe: Keyframe


@dataclass(frozen=True, slots=True)
class Happened:
    """Events since, in order: nothing void, no keyframe, and each byte of output once, without a hole."""

    events: list[Event]


@dataclass(frozen=True, slots=True)
class Noticed:
    doubt: Doubt
    text: str


Effect: TypeAlias = Ask | Store | Learnt | Shown | Happened | Noticed
