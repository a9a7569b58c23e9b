"""One piece of the past on its way to a reader: what to ask for, and what of the answers to keep. Needs no key.

    entry   floor ……………… first ─────────────── end ┐ its `prev`, or what a later log names as its predecessor,
            └ here before    └── asked for ──┘     └ is the hash of entry end - 1: `head`

    ASKED ──the records, one after the other──► ASKED ──the last one──► OVER: Piece
      ├── more bytes than may be held ────────────────────────────────► OVER: Excess: ask for fewer
      ├── an Entries without any: it is not there ────────────────────► OVER: Absent
      └── anything else ─────────────────────────────────────────────► OVER, malformed

**Invariants**

- What is handed on is what the log's writer wrote there: each record's hash is named by the one behind it, up to one
  that was vouched for by a signature before. Nothing of it is opened until all of it is seen to be so.
- At most 48 MiB are held; of one record, any size that a record may have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from cctm.protocol.entry import (
    MAX_WIRE_BYTES,
    EntryKind,
    OpenBody,
    Sealed,
    decode_open_body_untrusted,
    decode_record_untrusted,
    digest,
    entry_hash,
)
from cctm.protocol.errors import ChainError, Flaw, MalformedError
from cctm.protocol.ids import ChannelId, Digest, LogId, WriterId
from cctm.protocol.log import LogVerifier
from cctm.protocol.sync.chain import place_of
from cctm.protocol.sync.messages import Entries, EntryPart, Fetch
from cctm.protocol.sync.records import Joiner

MOST_HELD_BYTES: Final = MAX_WIRE_BYTES + 15 * 2**20
WANTED_BYTES: Final = 512 * 1024  # of one piece
FIRST_NUMBER: Final = 16  # of entries: nobody knows yet how large they are
MOST_NUMBER: Final = 1024


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries of a log that are not here: from *floor* to before *end*. *head* is the hash of the last of them; None:
    that is checked otherwise (`check_opening_untrusted`).
    """

    log: LogId
    floor: int
    end: int
    head: Digest | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Verified entries from *first* on, up to the end of the gap, and the records of which they were decoded."""

    first: int
    entries: Sequence[Sealed]
    records: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Absent:
    """The other side does not have all of it."""


@dataclass(frozen=True, slots=True)
class Excess:
    """It is more than may be held."""


Outcome: TypeAlias = Piece | Absent | Excess


class State(Enum):
    ASKED = "asked"
    OVER = "over"


class Recall:
    """One request for the end of a gap."""

    def __init__(self, channel: ChannelId, gap: Gap, number: int) -> None:
        """
        Args:
            number: how many entries to ask for, if there are so many.
        """
        self.state = State.ASKED
        self._channel = channel
        self._gap = gap
        self._first = max(gap.floor, gap.end - number)
        self._joiner = Joiner()
        self._records: list[bytes] = []
        self._held_bytes = 0

    @property
    def ask(self) -> Fetch:
        """What to ask of whoever has it."""
        return Fetch(self._gap.log, self._first, self._gap.end - self._first)

    def take_untrusted(self, message: Entries | EntryPart) -> Outcome | None:
        """What came of it; None: more is to come.

        Raises:
            MalformedError, ChainError: it is not what the log's writer wrote there.
        """
        if self.state is State.OVER:
            raise MalformedError("entries that nobody asked for")
        self.state = State.OVER
        outcome = self._take(message)
        if outcome is None:
            self.state = State.ASKED
        return outcome

    def _take(self, message: Entries | EntryPart) -> Outcome | None:
        if message.log != self._gap.log:
            raise MalformedError("a log that was not asked for")
        run = self._joiner.take_untrusted(message)
        if run is not None:
            if not run.records:
                return Absent()
            missing = self._gap.end - self._first - len(self._records)
            if run.first != self._first + len(self._records) or len(run.records) > missing:
                raise MalformedError("entries that nobody asked for")
            self._records += run.records
            self._held_bytes += sum(map(len, run.records))
        if self._held_bytes + self._joiner.held_bytes > MOST_HELD_BYTES:
            return Excess()
        return self._piece() if len(self._records) == self._gap.end - self._first else None

    def _piece(self) -> Piece:
        entries = [decode_record_untrusted(record) for record in self._records]
        head = self._gap.head
        for seq, sealed in reversed(list(enumerate(entries, self._first))):
            if sealed.entry.seq != seq:
                raise ChainError(seq, Flaw.SEQ)
            entry_digest = digest(place_of(self._channel, self._gap.log, sealed), sealed.entry.body)
            if head is not None and entry_hash(entry_digest, sealed.entry.sig) != head:
                raise ChainError(seq, Flaw.PREV)
            head = sealed.prev
        return Piece(self._first, entries, self._records)


def check_opening_untrusted(channel: ChannelId, owner: WriterId, log: LogId, piece: Piece) -> OpenBody:
    """What the first entry of *log*, which *piece* is, says.

    Raises:
        MalformedError, ChainError: it is not what the log's id commits to.
    """
    [sealed] = piece.entries
    LogVerifier(channel, log, owner).admit_sealed_untrusted([sealed])
    if sealed.entry.kind is not EntryKind.OPEN:
        raise ChainError(0, Flaw.KIND)
    return decode_open_body_untrusted(sealed.entry.body)


def next_number(number: int, n_bytes: int) -> int:
    """How many entries to ask for, where *number* came to so many bytes."""
    return max(1, min(MOST_NUMBER, number * WANTED_BYTES // max(1, n_bytes)))
