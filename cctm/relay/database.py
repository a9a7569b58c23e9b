"""What a relay keeps, in SQLite.

    channels   channel → signed access list, bytes stored, day of last use
    logs       log → its channel, writer, generation, size, head, newest grant and keyframe
    records    (log, seq) → the record, as it came
    invites    hash of an invite → how often it may still be used, until when

**Invariants**

- `synchronous = FULL`: what a transaction wrote survives a power failure once it is committed.
- A record's place is its log's number and its seq in one integer: a log lies together, in order, in one tree.
- One thread at a time for each Database. Errors of SQLite are OSError: the disk refuses, or the file is damaged.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from cctm.protocol.admission import decode_access_untrusted
from cctm.protocol.errors import MalformedError
from cctm.protocol.ids import ChannelId, Digest, LogId, WriterId
from cctm.sqlite import refusal, transaction

SCHEMA: Final = 1
_APPLICATION_ID: Final = 0x43435452  # "CCTR"
_SEQ_BITS: Final = 40
_BUSY_S: Final = 10.0
RECORD_OVERHEAD_BYTES: Final = 32  # of the database's own, for quotas
LOG_OVERHEAD_BYTES: Final = 512
# Each step of a statement lets go of the interpreter, and waits to have it back: rows go by the hundred.
_ROWS_AT_ONCE: Final = 128
_INSERT: Final = "INSERT INTO records (place, record) VALUES (?, ?)"
_EMPTY_LIST_BYTES: Final = 128  # a signed access list without members is smaller, one with a member larger

_TABLES: Final = """
CREATE TABLE channels (
    number INTEGER PRIMARY KEY, channel BLOB NOT NULL UNIQUE, access BLOB, bytes INTEGER NOT NULL,
    used_s INTEGER NOT NULL
) STRICT;
CREATE TABLE logs (
    number INTEGER PRIMARY KEY, channel INTEGER NOT NULL, log BLOB NOT NULL UNIQUE, writer BLOB NOT NULL,
    generation INTEGER NOT NULL, size INTEGER NOT NULL, head BLOB NOT NULL, granted INTEGER NOT NULL,
    keyframe INTEGER NOT NULL
) STRICT;
CREATE INDEX logs_of ON logs (channel);
CREATE INDEX channels_by_use ON channels (used_s);
CREATE TABLE records (place INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
CREATE TABLE invites (hash BLOB PRIMARY KEY, uses INTEGER NOT NULL, expires_s INTEGER) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class LogState:
    """One log, as far as it is verified."""

    log: LogId
    writer: WriterId
    generation: int
    size: int
    head: Digest
    grant: int  # seq of the newest, 0: none
    keyframe: int


@dataclass(frozen=True, slots=True)
class ChannelState:
    """One channel. *access*: as its owner signed it."""

    access: bytes | None
    stored_bytes: int
    logs: Sequence[LogState]


NEW_CHANNEL: Final = ChannelState(None, 0, ())


class NotWrittenError(Exception):
    """One write of a transaction cannot be done; it has changed nothing, and the others can."""


class UninvitedError(NotWrittenError):
    """The channel does not exist, and the invite is not, or no longer, good for making it."""


class StaleError(NotWrittenError):
    """The log does not end where the write goes on: an earlier one failed."""


class Database:
    """An open one."""

    def __init__(self, path: str) -> None:
        """Open it; made if there is none.

        Raises:
            OSError: it cannot be made, read or written, or is of another program.
        """
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        with _mapped():
            self._sql = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                self._sql.execute("PRAGMA journal_mode = WAL")
                self._sql.execute("PRAGMA synchronous = FULL")
                self._make_or_check()
            except BaseException:
                self._sql.close()
                raise

    def _make_or_check(self) -> None:
        if self._is_new():  # a reader asks for no lock: somebody may be writing
            with self.transaction():
                if self._is_new():
                    for statement in _TABLES.split(";"):
                        self._sql.execute(statement)
                    self._sql.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                    self._sql.execute(f"PRAGMA user_version = {SCHEMA}")

    def _is_new(self) -> bool:
        (schema,) = self._sql.execute("PRAGMA user_version").fetchone()
        (application,) = self._sql.execute("PRAGMA application_id").fetchone()
        if (schema, application) not in {(0, 0), (SCHEMA, _APPLICATION_ID)}:
            raise OSError(errno.EINVAL, "it is no store of this version of the relay")
        return (schema, application) == (0, 0)

    def close(self) -> None:
        self._sql.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is written, or none of it."""
        with _mapped(), transaction(self._sql):
            yield

    # --- reading

    def channel(self, channel: ChannelId) -> ChannelState | None:
        with _mapped():
            row = self._sql.execute(
                "SELECT number, access, bytes FROM channels WHERE channel = ?", (channel,)
            ).fetchone()
            if row is None:
                return None
            logs = self._sql.execute(
                "SELECT log, writer, generation, size, head, granted, keyframe FROM logs WHERE channel = ?"
                " ORDER BY generation, log",
                (row[0],),
            ).fetchall()
        return ChannelState(row[1], row[2], [LogState(*log) for log in logs])

    def records(self, log: LogId, first: int, end: int, most_bytes: int) -> list[bytes]:
        """The records *first* … *end* - 1 of *log*: as many as fit into *most_bytes*, but at least one, if there."""
        found: list[bytes] = []
        size = 0
        with _mapped():
            row = self._sql.execute("SELECT number FROM logs WHERE log = ?", (log,)).fetchone()
            if row is None:
                return []
            places = (_place(row[0], first), _place(row[0], end))
            for (record,) in self._sql.execute(
                "SELECT record FROM records WHERE place >= ? AND place < ? ORDER BY place", places
            ):
                size += len(record)
                if found and size > most_bytes:
                    break
                found.append(record)
        return found

    def total_bytes(self) -> int:
        with _mapped():
            (total,) = self._sql.execute("SELECT coalesce(sum(bytes), 0) FROM channels").fetchone()
        return int(total)

    def is_invited(self, invite_hash: bytes, now_s: int) -> bool:
        with _mapped():
            return self._invite(invite_hash, now_s)

    def idle(self, before_s: int, most: int) -> list[ChannelId]:
        """Channels that nobody used since *before_s*, the longest unused first."""
        with _mapped():
            rows = self._sql.execute(
                "SELECT channel FROM channels WHERE used_s < ? ORDER BY used_s LIMIT ?", (before_s, most)
            ).fetchall()
        return [ChannelId(channel) for (channel,) in rows]

    def closed(self) -> list[ChannelId]:
        """Channels whose owners closed them."""
        with _mapped():
            rows = self._sql.execute(
                "SELECT channel, access FROM channels WHERE length(access) <= ?", (_EMPTY_LIST_BYTES,)
            ).fetchall()
        return [ChannelId(channel) for channel, access in rows if _is_closed(access)]

    # --- writing; inside a transaction

    def ensure(self, channel: ChannelId, now_s: int, invite_hash: bytes | None, *, by_invite: bool) -> None:
        """Make *channel* if there is none.

        Raises:
            UninvitedError: that takes an invite.
        """
        if self._number(channel) is not None:
            return
        if by_invite:
            if invite_hash is None or not self._invite(invite_hash, now_s):
                raise UninvitedError
            self._sql.execute("UPDATE invites SET uses = uses - 1 WHERE hash = ?", (invite_hash,))
        self._sql.execute(
            "INSERT INTO channels (channel, access, bytes, used_s) VALUES (?, NULL, 0, ?)", (channel, now_s)
        )

    def put_access(self, channel: ChannelId, signed: bytes) -> None:
        self._sql.execute("UPDATE channels SET access = ? WHERE channel = ?", (signed, channel))

    def append(self, channel: ChannelId, state: LogState, records: Sequence[bytes], cost_bytes: int) -> None:
        """Add *records*, after which the log is in *state*.

        Raises:
            StaleError: the log does not end where they begin.
        """
        channel_number = self._number(channel)
        first = state.size - len(records)
        row = self._sql.execute("SELECT size FROM logs WHERE log = ?", (state.log,)).fetchone()
        if (0 if row is None else row[0]) != first:
            raise StaleError
        if first == 0:
            self._sql.execute(
                "INSERT INTO logs (channel, log, writer, generation, size, head, granted, keyframe)"
                " VALUES (?, ?, ?, ?, 0, x'', 0, 0)",
                (channel_number, state.log, state.writer, state.generation),
            )
        (number,) = self._sql.execute("SELECT number FROM logs WHERE log = ?", (state.log,)).fetchone()
        rows = [(_place(number, seq), record) for seq, record in enumerate(records, first)]
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[at : at + _ROWS_AT_ONCE]
            self._sql.execute(_INSERT + ", (?, ?)" * (len(some) - 1), list(chain.from_iterable(some)))
        self._sql.execute(
            "UPDATE logs SET size = ?, head = ?, granted = ?, keyframe = ? WHERE number = ?",
            (state.size, state.head, state.grant, state.keyframe, number),
        )
        self._sql.execute(
            "UPDATE channels SET bytes = bytes + ? WHERE number = ?", (cost_bytes, channel_number)
        )

    def touch(self, channel: ChannelId, now_s: int) -> None:
        """*channel* is in use now."""
        self._sql.execute("UPDATE channels SET used_s = ? WHERE channel = ?", (now_s, channel))

    def remove(self, channel: ChannelId) -> None:
        """Delete *channel* with all that is in it."""
        number = self._number(channel)
        for (log,) in self._sql.execute("SELECT number FROM logs WHERE channel = ?", (number,)).fetchall():
            self._sql.execute(
                "DELETE FROM records WHERE place >= ? AND place < ?", (_place(log, 0), _place(log + 1, 0))
            )
        self._sql.execute("DELETE FROM logs WHERE channel = ?", (number,))
        self._sql.execute("DELETE FROM channels WHERE number = ?", (number,))

    def put_invite(self, invite_hash: bytes, uses: int, expires_s: int | None) -> None:
        self._sql.execute("INSERT INTO invites VALUES (?, ?, ?)", (invite_hash, uses, expires_s))

    def _number(self, channel: ChannelId) -> int | None:
        row = self._sql.execute("SELECT number FROM channels WHERE channel = ?", (channel,)).fetchone()
        return None if row is None else int(row[0])

    def _invite(self, invite_hash: bytes, now_s: int) -> bool:
        row = self._sql.execute(
            "SELECT 1 FROM invites WHERE hash = ? AND uses > 0 AND (expires_s IS NULL OR expires_s > ?)",
            (invite_hash, now_s),
        ).fetchone()
        return row is not None


def _is_closed(access: bytes) -> bool:
    try:
        return decode_access_untrusted(access).is_closed
    except MalformedError:  # the file is damaged there
        return False


def _place(number: int, seq: int) -> int:
    return number << _SEQ_BITS | seq


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """SQLite's errors as OSError."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(refusal(error) or errno.EIO, str(error)) from error
