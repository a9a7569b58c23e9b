"""What a client says to the daemon (SPEC.md §8). Fields travel in the order in which they stand here."""

from typing import NamedTuple


class Hello(NamedTuple):
    """First from the client."""

    version: int
    build: str


class New(NamedTuple):
    """Open a terminal. No argv: the user's shell, as a login shell."""

    argv: list[bytes]
    cwd: bytes
    env: list[list[bytes]]
    umask: int
    cols: int
    rows: int
    name: str
    record_input: bool
    private: bool


class List(NamedTuple):
    """Running terminals and those that ended since `since_us` (wall clock)."""

    since_us: int


class Attach(NamedTuple):
    """Begin a session. An empty target: the newest running terminal that nobody is attached to.

    `resume` is the stream offset up to which a client that lost its connection had seen everything.
    """

    target: str
    cols: int
    rows: int
    term: str
    mode: int
    rights: int
    others: int
    resume: int | None
    history_bytes: int
    ssh_auth_sock: bytes | None


class Input(NamedTuple):
    data: bytes


class Resize(NamedTuple):
    cols: int
    rows: int


class Detach(NamedTuple):
    pass


class Kill(NamedTuple):
    """Hang up on a terminal, and kill it if it does not end; or send just `signal` if it is not 0."""

    target: str
    signal: int


class Rename(NamedTuple):
    target: str
    name: str


class Remove(NamedTuple):
    """Delete the record of a terminal that has ended."""

    target: str


class Settle(NamedTuple):
    """Answer once all that was read so far is stored, so that a reader of the archive finds it."""


class AskStatus(NamedTuple):
    pass


class Stop(NamedTuple):
    scope: int


class Restart(NamedTuple):
    """Replace the daemon by a fresh start; Scope.ALL replaces the keeper in place first."""

    scope: int


class Prune(NamedTuple):
    """Delete records of ended terminals: those older than `older_us`, then the oldest until `keep_bytes` are left."""

    older_us: int | None
    keep_bytes: int | None
    only_say: bool


class Answer(NamedTuple):
    """The client's terminal answered a Query."""

    query: int
    data: bytes


class Floor(NamedTuple):
    """Who has the keyboard of the terminal that this connection is attached to; `who`: whom it is given to."""

    action: int
    who: bytes


class AskClients(NamedTuple):
    target: str


class DetachClient(NamedTuple):
    target: str
    client: int


class Share(NamedTuple):
    """Make a link to a terminal. `role` is of protocol/access.py; `expires_us`, by the wall clock, nil: never."""

    target: str
    role: int
    history: bool
    floor: bool
    expires_us: int | None


class Unshare(NamedTuple):
    """Revoke the link with this signing key, and all that came by it; empty: all links, all guests."""

    target: str
    link: bytes


class Kick(NamedTuple):
    """Remove a guest, and revoke the link by which they came; its other guests stay.

    `label`: but for those who call themselves so, which one person with several keys does; empty: `who` alone goes.
    """

    target: str
    who: bytes
    label: str


class Join(NamedTuple):
    """Follow the terminal behind a link. `label` is what the host is told that one is called."""

    link: str
    rights: int
    label: str

    def __repr__(self) -> str:
        return f"Join(…, {self.rights}, {self.label!r})"  # a link is a secret


class AskShares(NamedTuple):
    """Links that are in force, of one terminal; of an empty target, all."""

    target: str


class Hold(NamedTuple):
    """The client shows something of its own: send nothing that draws until Show."""


class Show(NamedTuple):
    """Draw the screen again, in a window of this size."""

    cols: int
    rows: int


class AskScreen(NamedTuple):
    """What the terminal shows now; `drawn` of the reply is empty unless it is asked for."""

    target: str
    drawn: bool


class AskPeople(NamedTuple):
    """Who is in a shared terminal, or in one that was joined."""

    target: str


class Recall(NamedTuple):
    """Fetch about `most_bytes` of what lies before what is stored of a joined terminal."""

    target: str
    most_bytes: int
