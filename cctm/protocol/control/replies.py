"""What the daemon says to a client (SPEC.md §8). Fields travel in the order in which they stand here."""

from typing import NamedTuple

from cctm.protocol.codec import Value


class Welcome(NamedTuple):
    """First from the daemon."""

    version: int
    build: str
    pid: int


class Refused(NamedTuple):
    """One sentence on what happened, one on what to do."""

    reason: int
    what: str
    advice: str


class Done(NamedTuple):
    pass


class Created(NamedTuple):
    channel: bytes
    name: str


class Row(NamedTuple):
    """One terminal of a Listing; travels as an array of its fields."""

    channel: bytes
    name: str
    command: str
    running: bool
    created_us: int
    ended_us: int | None
    how: int | None
    code: int | None
    cols: int
    rows: int
    clients: int
    stored_bytes: int
    stalled: str
    pid: int | None


class Listing(NamedTuple):
    """A part of the answer to List and Prune; the last part has `more` false."""

    rows: list[Row]
    more: bool


class Attached(NamedTuple):
    """The session begins; the next Output starts at `offset` of the stream."""

    channel: bytes
    name: str
    cols: int
    rows: int
    offset: int
    mode: int
    rights: int


class Output(NamedTuple):
    data: bytes


class Painted(NamedTuple):
    """Bytes of the painter: they bring the client's screen to the state of the fold."""

    data: bytes


class History(NamedTuple):
    """What a client shows before the live output; queries are cut out, nothing answers."""

    data: bytes


class Skipped(NamedTuple):
    """The client fell behind and goes on at `offset`: this many bytes were not sent to it (they are recorded)."""

    length: int
    offset: int


class Resized(NamedTuple):
    cols: int
    rows: int
    by: bytes


class NameChanged(NamedTuple):
    name: str


class Notice(NamedTuple):
    severity: int
    text: str


class Query(NamedTuple):
    """A question of the program that only a real terminal can answer; the client asks its own and sends Answer."""

    query: int
    data: bytes


class Presence(NamedTuple):
    """Who is here: [public key or empty, label, role, round trip in ms or nil] each."""

    rows: list[Value]


class FloorHeld(NamedTuple):
    holder: bytes


class Released(NamedTuple):
    """The session ends though the terminal goes on; `why` is a sentence."""

    why: str


class Ended(NamedTuple):
    how: int
    code: int


class Status(NamedTuple):
    daemon_pid: int
    keeper_pid: int | None
    build: str
    since_us: int
    terminals: int
    clients: int
    stalled: str


class Link(NamedTuple):
    url: str


class Clients(NamedTuple):
    """[number, cols, rows, mode, rights, TERM, offset behind] each."""

    rows: list[Value]


class Shares(NamedTuple):
    """[link id, role, expiry or nil, guests] each."""

    rows: list[Value]
