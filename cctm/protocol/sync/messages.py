"""What peers say to each other: one message in each binary WebSocket message (SPEC.md §15.3).

A record is an entry as it is stored (SPEC.md §6.1): the same bytes on the writer's disk, at a relay, on the way and
on a reader's disk. Fields travel in the order in which they stand here.
"""

from typing import Final, NamedTuple

from cctm.protocol.tables import Message, Table

VERSION: Final = 0
MAX_MESSAGE: Final = 1024 * 1024
MAX_RECORDS_BYTES: Final = 256 * 1024  # together in one message
PART_BYTES: Final = 256 * 1024  # of a record that is larger than that
MAX_LIVE: Final = 64 * 1024


# --- by the side that dials


class Hello(NamedTuple):
    version: int
    nonce: bytes


class Open(NamedTuple):
    """Go on with `channel`, as `member`: a public key, of which `proof` shows the possession.

    `address` is the relay's as it was dialled; `invite` is what its operator wants to see of who creates a channel.
    """

    channel: bytes
    member: bytes
    address: str
    proof: bytes
    invite: bytes | None


class Access(NamedTuple):
    """The channel's access list, signed by its owner."""

    signed: bytes


class Append(NamedTuple):
    """Records from `first` on, of a log of the sender's."""

    log: bytes
    first: int
    records: list[bytes]


class AppendPart(NamedTuple):
    """A part of one record too large for one message: its bytes from `at` on, of `total`."""

    log: bytes
    seq: int
    at: int
    total: int
    data: bytes


class Fetch(NamedTuple):
    """Send so many records from `first` on."""

    log: bytes
    first: int
    number: int


class Tail(NamedTuple):
    """Send everything from `first` on, and what comes."""

    log: bytes
    first: int


class Live(NamedTuple):
    """Pass on, store nothing. From the owner: to the member `to`, or to all if empty; from others: to the owner."""

    to: bytes
    data: bytes


# --- by the side that serves


class LogRow(NamedTuple):
    """One log: how far it is stored, and from where a newcomer reads."""

    log: bytes
    writer: bytes
    generation: int
    size: int
    head: bytes
    grant: int
    keyframe: int


class Challenge(NamedTuple):
    version: int
    nonce: bytes


class Opened(NamedTuple):
    """What this member may do (admission.Verb), and the version of the access list; 0: there is none."""

    verbs: int
    access: int


class Logs(NamedTuple):
    """The channel's logs; and later, each that is new."""

    rows: list[LogRow]
    more: bool


class Stored(NamedTuple):
    """A receipt: this much of a log is on the disk."""

    log: bytes
    size: int
    head: bytes


class AccessStored(NamedTuple):
    version: int


class Entries(NamedTuple):
    """Records from `first` on."""

    log: bytes
    first: int
    records: list[bytes]


class EntryPart(NamedTuple):
    """As `AppendPart`."""

    log: bytes
    seq: int
    at: int
    total: int
    data: bytes


class Lagged(NamedTuple):
    """The reader is so far behind the end of a log that it had better begin again, at `grant` and `keyframe`."""

    log: bytes
    size: int
    grant: int
    keyframe: int


class LiveFrom(NamedTuple):
    """A live message, and who the sender showed to be."""

    who: bytes
    data: bytes


class Refused(NamedTuple):
    """The last message: why the connection ends."""

    reason: int
    what: str
    advice: str


MESSAGES: Final[dict[int, type[Message]]] = {
    1: Hello,
    2: Open,
    3: Access,
    4: Append,
    5: AppendPart,
    6: Fetch,
    7: Tail,
    8: Live,
    64: Challenge,
    65: Opened,
    66: Logs,
    67: Stored,
    68: AccessStored,
    69: Entries,
    70: EntryPart,
    71: Lagged,
    72: LiveFrom,
    73: Refused,
}
TABLE: Final = Table(MESSAGES, max_bytes=MAX_MESSAGE, rows=(LogRow,))
