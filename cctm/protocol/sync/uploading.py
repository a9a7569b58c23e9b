"""Uploading: what a relay has, and lacks, of this home's own logs of a channel. No I/O (SPEC.md §15.5, §16.9).

    LISTING ──the last Logs──► OPEN ──┐ Stored: how far it is on the relay's disk    Logs: a log that is new there
                                      └─ Entries: what the relay shows as ours, and we did not know

    for each own log:   the relay has      we do
                        less               append from there (it may have lost what it said it stored)
                        as much            append what comes
                        more               nothing: what a crash took from us (§5.1); but a grant leaves only when it is
                                           on the disk: if it has one that we lack, ours is an older disk
                        something else     see it; if we signed that, a copy of this home is at work
    of logs that are not ours to know:     see the first entry; if we signed it, the same

**Invariants**

- A relay is not believed that we wrote something: it has to show it, signed. So it cannot make a host turn
  everybody out.
- What a receipt says is believed for this connection only: the next one begins with what the relay offers then.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeAlias

from cctm.protocol.entry import EntryKind, Sealed, decode_open_body_untrusted, decode_record_untrusted
from cctm.protocol.errors import LocalError, MalformedError, RemoteError
from cctm.protocol.ids import ChannelId, Digest, LogId, WriterId
from cctm.protocol.log import LogVerifier
from cctm.protocol.sync.chain import verify_alone_untrusted
from cctm.protocol.sync.followed import Ask
from cctm.protocol.sync.following import check_row_untrusted
from cctm.protocol.sync.messages import Entries, EntryPart, Fetch, LogRow, Logs, Stored
from cctm.protocol.sync.records import Joiner

MOST_LOGS: Final = 16_384  # of a channel
MOST_QUESTIONS: Final = 64  # Fetches that wait for an answer (§15.7)


class OwnLog(Protocol):
    """A log of ours that goes to the relay."""

    @property
    def log(self) -> LogId: ...

    @property
    def size(self) -> int:
        """Entries that may be sent by now."""

    @property
    def is_written(self) -> bool:
        """Whether it grows: whatever the relay has beyond its size is not from here."""

    def head_at(self, size: int) -> Digest | None:
        """The hash of the entry before *size*; None: it is not there, or not at hand."""


@dataclass(frozen=True, slots=True)
class AppendFrom:
    """Append a log's records from *seq* on, and what comes."""

    log: LogId
    seq: int


@dataclass(frozen=True, slots=True)
class UnknownOwnLog:
    """The relay has a log that our key signed, and that this home does not know: it is a copy, or restored (§16.9)."""

    log: LogId
    generation: int


@dataclass(frozen=True, slots=True)
class Diverged:
    """Entry *seq* of an own log is another one at the relay, signed by our key: the same, while we are writing."""

    log: LogId
    seq: int


Effect: TypeAlias = AppendFrom | Ask | UnknownOwnLog | Diverged
FromRelay: TypeAlias = Logs | Stored | Entries | EntryPart


class State(Enum):
    LISTING = "listing"
    OPEN = "open"
    OVER = "over"


class Uploading:
    """One connection's."""

    def __init__(
        self, channel: ChannelId, owner: WriterId, logs: Iterable[OwnLog], known: Collection[LogId]
    ) -> None:
        """
        Args:
            owner: our writer key.
            logs: those that are to be there.
            known: all logs that this home has ever begun in the channel, whether they are to be there or not.
        """
        self.state = State.LISTING
        self.stored: dict[LogId, int] = {}  # entries on the relay's disk, as it says
        self._channel = channel
        self._owner = owner
        self._logs = {log.log: log for log in logs}
        self._known = set(known) | set(self._logs)
        self._rows: dict[LogId, LogRow] = {}
        self._joiner = Joiner()
        self._questions: dict[tuple[LogId, int], LogRow] = {}
        self._waiting: dict[tuple[LogId, int], LogRow] = {}

    @property
    def is_asking(self) -> bool:
        """Whether the relay still has to show what it claims to be ours."""
        return bool(self._questions)

    def took(self, log: OwnLog) -> list[Effect]:
        """A log was begun, or is to be there from now on."""
        self._logs[log.log] = log
        self._known.add(log.log)
        return [] if self.state is State.LISTING else self._level(log)

    def take_untrusted(self, message: FromRelay) -> list[Effect]:
        """What to do because of *message*.

        Raises:
            MalformedError, ChainError: the relay lies, or fails. Drop the link.
        """
        try:
            return self._take(message)
        except RemoteError:
            self.state = State.OVER
            raise

    def _take(self, message: FromRelay) -> list[Effect]:
        match self.state, message:
            case State.OVER, _:
                raise LocalError("a message, and no connection")
            case _, Logs():
                return self._take_rows(message)
            case State.OPEN, Stored():
                return self._take_receipt(message)
            case State.OPEN, Entries() | EntryPart():
                return self._take_shown(message)
            case _:
                raise MalformedError(f"{type(message).__name__} now")

    def _take_rows(self, logs: Logs) -> list[Effect]:
        if logs.more and self.state is State.OPEN:
            raise MalformedError("logs without an end")
        effects: list[Effect] = []
        for row in logs.rows:
            check_row_untrusted(row)
            if row.writer == self._owner and row.log not in self._rows:
                effects += self._note_row(row)
        if self.state is State.LISTING and not logs.more:
            self.state = State.OPEN
            for log in self._logs.values():
                effects += self._level(log)
        return effects

    def _note_row(self, row: LogRow) -> list[Effect]:
        if len(self._rows) >= MOST_LOGS:
            raise MalformedError("logs without an end")
        self._rows[LogId(row.log)] = row
        return [] if row.log in self._known else self._ask(row, 0)

    def _level(self, log: OwnLog) -> list[Effect]:
        """Bring the relay level with *log*."""
        row = self._rows.get(log.log)
        if row is None:
            return [AppendFrom(log.log, 0)]
        if row.size > log.size:
            if not log.is_written and row.grant < log.size:
                return []
            return self._ask(row, log.size if log.is_written else row.grant)
        if log.head_at(row.size) not in {None, row.head}:
            return self._ask(row, row.size - 1)
        return [AppendFrom(log.log, row.size)]

    def _ask(self, row: LogRow, seq: int) -> list[Effect]:
        """Have the relay show what it claims to be ours."""
        if len(self._questions) >= MOST_QUESTIONS:
            self._waiting[LogId(row.log), seq] = row
            return []
        self._questions[LogId(row.log), seq] = row
        return [Ask(Fetch(row.log, seq, 1))]

    def _take_receipt(self, stored: Stored) -> list[Effect]:
        log = self._logs.get(LogId(stored.log))
        if log is None or stored.size > log.size or log.head_at(stored.size) not in {None, stored.head}:
            raise MalformedError("a receipt for what was not sent")
        self.stored[log.log] = max(self.stored.get(log.log, 0), stored.size)
        return []

    def _take_shown(self, message: Entries | EntryPart) -> list[Effect]:
        run = self._joiner.take_untrusted(message)
        if run is None:
            return []
        row = self._questions.pop((run.log, run.first), None)
        if row is None or len(run.records) != 1:
            raise MalformedError("entries that were not asked for")
        sealed = decode_record_untrusted(run.records[0])
        if sealed.entry.seq != run.first:
            raise MalformedError("another entry")
        effects = self._judge(row, sealed)
        if self._waiting:
            (_, seq), waiting = self._waiting.popitem()
            effects += self._ask(waiting, seq)
        return effects

    def _judge(self, row: LogRow, sealed: Sealed) -> list[Effect]:
        log, seq = LogId(row.log), sealed.entry.seq
        if log not in self._known:
            LogVerifier(self._channel, log, self._owner).admit_sealed_untrusted([sealed])
            return [UnknownOwnLog(log, decode_open_body_untrusted(sealed.entry.body).generation)]
        head = verify_alone_untrusted(self._channel, log, self._owner, sealed)
        own = self._logs[log]
        here = own.head_at(seq + 1)
        if (
            here is None and seq < own.size
        ):  # not at hand any more: should it differ, the relay refuses what comes
            return [AppendFrom(log, row.size)]
        if here == head:
            raise MalformedError("another head than that of the entry")
        if not own.is_written and seq >= own.size and sealed.entry.kind is not EntryKind.GRANT:
            raise MalformedError("a grant that is none")
        return [Diverged(log, seq)]
