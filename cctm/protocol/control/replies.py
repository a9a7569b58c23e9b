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
    """One terminal of a Listing; travels as an array of its fields.

    `place`: the relay's address, if it was joined; `parted`: why nothing more comes of it (values.Parted).
    """

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
    place: str = ""
    parted: int = 0


class Recalled(NamedTuple):
    """So much was fetched. `more`: asking again may bring more; else `why` says why not, or is empty: all is here."""

    more: bool
    bytes: int
    why: str


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
    """The program's own bytes from `offset` of the stream on. What lies between two of them was not for clients."""

    offset: int
    data: bytes


class Painted(NamedTuple):
    """Bytes that draw the screen, or change what is drawn: for the client's terminal as they are."""

    data: bytes


class History(NamedTuple):
    """Lines from before the screen, to be printed once, so that the client's own terminal can scroll back."""

    data: bytes


class Repaint(NamedTuple):
    """What the client's terminal shows is void, and `mode` is how it is served from here on.

    The client ends what may be an unfinished sequence and undoes the modes that it has seen; then Painted draws all.
    """

    mode: int


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


class PersonRow(NamedTuple):
    """A guest, or the host's own user (`who` and `link` are empty).

    `since_us` is when they came, by the wall clock (0: not known); `idle_us`, how long ago they typed: nil, never;
    `seen_us`, when who is not here last was (0: not known): nil, they are.
    """

    who: bytes
    label: str
    role: int
    link: bytes
    since_us: int
    idle_us: int | None
    round_trip_us: int | None
    seen_us: int | None = None


class Presence(NamedTuple):
    """Who is here, or away; which of them this is (`you`, empty: the host's own user); who has the keyboard.

    `holder`: nil, every driver types; empty, the host's own user has it. Nobody is here where nothing is shared.
    """

    rows: list[PersonRow]
    you: bytes
    holder: bytes | None


class FloorHeld(NamedTuple):
    """The keyboard changed hands; `holder` as in Presence."""

    holder: bytes | None


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

    def __repr__(self) -> str:
        return "Link(…)"  # it is a secret


class Clients(NamedTuple):
    """[number, cols, rows, mode, rights, TERM, offset behind] each."""

    rows: list[Value]


class LinkRow(NamedTuple):
    """One link that is in force. `link` is its signing key, `url` its text, `state` how its relay is reached.

    An empty `link`: `state` tells what a relay does not know yet, whom to let in no more.
    """

    channel: bytes
    name: str
    link: bytes
    role: int
    expires_us: int | None
    guests: int
    url: str
    state: str

    def __repr__(self) -> str:
        return f"LinkRow({self.name!r}, {self.link.hex()!r}, …)"  # its text is a secret


class Shares(NamedTuple):
    rows: list[LinkRow]


class Screen(NamedTuple):
    """What a terminal shows: size, cursor (from 0), title, the rows' text, and bytes that draw it.

    A part of the answer to AskScreen: the next lines, and the next of those bytes; the last part has `more` false.
    """

    cols: int
    rows: int
    cursor_col: int
    cursor_row: int
    cursor_visible: bool
    alternate: bool
    title: str
    lines: list[Value]
    drawn: bytes
    more: bool
