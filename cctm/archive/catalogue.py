"""The catalogue: what is quick to look up because it is written down twice (SPEC.md §6.8).

    channels    channel, order of creation, about (sealed)
    writers     channel → writer seed (wrapped)               the one thing that no segment holds
    epochs      channel, number → epoch secret (wrapped)
    logs        channel, log → checkpoint: how far the log is known, and where in the files that is
    keyframes   channel, log, seq → where a reader can start

**Invariants**

- Names, commands, times and secrets are wrapped under the device's key, each bound to its channel and use;
  ids, sizes and places are in clear, as they are in the segments.
- A checkpoint speaks of what survives a power failure: it is written by the storage thread, after the sync.
- It is a plain `sqlite3` connection for one thread at a time; readers are other processes, which WAL lets
  read without waiting.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cctm.home import HomeError
from cctm.protocol.codec import expect_exactly
from cctm.protocol.errors import CctmError, MalformedError, OpenError
from cctm.protocol.events import How
from cctm.protocol.keys import (
    HASH_BYTES,
    SEED_BYTES,
    STREAM_BYTES,
    ChannelId,
    Digest,
    EpochSecret,
    LogId,
    StreamId,
)
from cctm.protocol.seal import NONCE_BYTES, unwrap, wrap

from .about import About, State, decode_about_untrusted, encode_about
from .segment import LogRef

__all__ = [
    "About",
    "Catalogue",
    "CatalogueDamagedError",
    "CatalogueMissingError",
    "Checkpoint",
    "Ended",
    "KeyframePlace",
    "State",
    "decode_about_untrusted",
    "encode_about",
]

SCHEMA: Final = 2
Ended = tuple[How, int]  # as in `Closed`: how, code

_APPLICATION_ID: Final = 0x4343544D  # "CCTM"
_BUSY_S: Final = 5.0

_TABLES: Final = """
CREATE TABLE channels (number INTEGER PRIMARY KEY, channel BLOB NOT NULL UNIQUE, about BLOB NOT NULL) STRICT;
CREATE TABLE writers (channel BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
    channel BLOB NOT NULL, number INTEGER NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (channel, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE logs (
    channel BLOB NOT NULL, log BLOB NOT NULL, generation INTEGER NOT NULL, size INTEGER NOT NULL,
    head BLOB NOT NULL, stream BLOB, stream_offset INTEGER NOT NULL, segment INTEGER NOT NULL,
    position INTEGER NOT NULL, how INTEGER, code INTEGER, PRIMARY KEY (channel, log)
) STRICT, WITHOUT ROWID;
CREATE TABLE keyframes (
    channel BLOB NOT NULL, log BLOB NOT NULL, seq INTEGER NOT NULL, generation INTEGER NOT NULL,
    segment INTEGER NOT NULL, position INTEGER NOT NULL, stream BLOB, stream_offset INTEGER NOT NULL,
    PRIMARY KEY (channel, log, seq)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a log is known: *size* entries, the newest of which hashes to *head*.

    The next record begins at byte *position* of segment number *segment*, or in a later segment.
    *stream_offset*: where the next output of *stream*, the stream in force, goes on. *ended*: how its program
    ended, if it has, and the code.
    """

    ref: LogRef
    size: int
    head: Digest
    stream: StreamId | None
    stream_offset: int
    segment: int
    position: int
    ended: Ended | None

    @property
    def closed(self) -> bool:
        """Whether the program of *stream* has ended."""
        return self.ended is not None


@dataclass(frozen=True, slots=True)
class KeyframePlace:
    """Where the keyframe that is entry *seq* lies, and how much output of *stream* it stands for."""

    ref: LogRef
    seq: int
    segment: int
    position: int
    stream: StreamId | None
    stream_offset: int


class CatalogueDamagedError(CctmError):
    """The file is not a whole catalogue. It can be rebuilt."""


class CatalogueMissingError(CctmError):
    """There is no catalogue."""


class Catalogue:
    """An open catalogue. Every method may raise CatalogueDamagedError; those that write, OSError (disk
    full)."""

    def __init__(self, connection: sqlite3.Connection, wrap_key: bytes) -> None:
        self._connection = connection
        self._wrap_key = wrap_key

    @classmethod
    def open(cls, path: str, wrap_key: bytes) -> "Catalogue":
        """Open the catalogue at *path* for writing; made if there is none.

        Raises:
            CatalogueDamagedError: what is there is none, or of an older version: it can be rebuilt.
            HomeError: it was written by a newer version.
            OSError: it cannot be made or written.
        """
        # SQLite gives its other files the mode of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        with _mapped():
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        catalogue = cls(connection, wrap_key)
        try:
            with _mapped():
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                    catalogue._create()
            catalogue._check(path)
            catalogue._check_whole()
        except BaseException:
            connection.close()
            raise
        return catalogue

    @classmethod
    def open_read_only(cls, path: str, wrap_key: bytes) -> "Catalogue":
        """Open the catalogue at *path* without writing to it, whoever else does.

        Raises:
            CatalogueMissingError: there is none.
            CatalogueDamagedError: what is there is none.
            HomeError: it was written by a newer version.
        """
        if not os.path.exists(path):
            raise CatalogueMissingError
        last: CatalogueDamagedError | None = None
        # A catalogue in a directory that cannot be written to has no log of its own that could be missed.
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            try:
                with _mapped():
                    connection = sqlite3.connect(
                        f"file:{_quoted(path)}?{mode}", uri=True, timeout=_BUSY_S, isolation_level=None
                    )
                catalogue = cls(connection, wrap_key)
                try:
                    catalogue._check(path)
                except BaseException:
                    connection.close()
                    raise
            except CatalogueDamagedError as error:
                last = error
            else:
                return catalogue
        assert last is not None
        raise last

    def close(self) -> None:
        self._connection.close()

    def _create(self) -> None:
        with self.transaction():
            for statement in _TABLES.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _check(self, path: str) -> None:
        with _mapped():
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (schema,) = self._connection.execute("PRAGMA user_version").fetchone()
            if application == _APPLICATION_ID and schema > SCHEMA:
                raise HomeError(
                    f"{path} was written by a newer version of cctm (schema {schema}, known is {SCHEMA}).",
                    "Use that version, or move the file away: it is rebuilt from the archive.",
                )
        if application != _APPLICATION_ID or schema != SCHEMA:
            raise CatalogueDamagedError

    def _check_whole(self) -> None:
        """Read all of it: the daemon does so at its start, a reader finds damage where it meets it."""
        with _mapped():
            (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise CatalogueDamagedError

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is written, or none of it."""
        with _mapped():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it
                    self._connection.execute("ROLLBACK")
                raise

    # -- channels

    def put_about(self, channel: ChannelId, about: About) -> None:
        """Add the channel, or change what is known about it."""
        sealed = self._wrap("cctm wrap about", (channel,), encode_about(about))
        self._write(
            "INSERT INTO channels (channel, about) VALUES (?, ?)"
            " ON CONFLICT (channel) DO UPDATE SET about = excluded.about",
            (channel, sealed),
        )

    def about(self, channel: ChannelId) -> About | None:
        row = self._row("SELECT about FROM channels WHERE channel = ?", (channel,))
        return None if row is None else self._open_about(channel, row[0])

    def abouts(self) -> list[tuple[ChannelId, About]]:
        """All channels whose row opens, the oldest first.

        Raises:
            HomeError: there are rows, and none of this catalogue opens: it is another device's.
        """
        return [(channel, about) for channel, about in self._opened() if about is not None]

    def unreadable(self) -> list[ChannelId]:
        """The channels whose row does not open, which `abouts` passes over.

        Raises:
            HomeError: as `abouts`.
        """
        return [channel for channel, about in self._opened() if about is None]

    def _opened(self) -> list[tuple[ChannelId, About | None]]:
        """Every channel, the oldest first, with None for what does not open."""
        found: list[tuple[ChannelId, About | None]] = []
        for channel, sealed in self._rows("SELECT channel, about FROM channels ORDER BY number", ()):
            about = None
            with contextlib.suppress(CatalogueDamagedError):
                about = self._open_about(channel, sealed)
            found.append((ChannelId(channel), about))
        if found and all(about is None for _, about in found) and not self._opens_a_secret():
            raise HomeError(
                "The device key is not the one that this catalogue was written with: nothing in it opens.",
                "Restore device.key, or move the catalogue away together with the archive.",
            )
        return found

    def _opens_a_secret(self) -> bool:
        """Whether the key opens any row of the other tables: then it is the right one, and rows are damaged."""
        for channel, wrapped in self._rows("SELECT channel, wrapped FROM writers", ()):
            with contextlib.suppress(CatalogueDamagedError):
                self._unwrap("cctm wrap writer", (channel,), wrapped, SEED_BYTES)
                return True
        for channel, number, wrapped in self._rows("SELECT channel, number, wrapped FROM epochs", ()):
            with contextlib.suppress(CatalogueDamagedError):
                self._unwrap("cctm wrap epoch", (channel, number), wrapped, HASH_BYTES)
                return True
        return False

    def forget(self, channel: ChannelId) -> None:
        """Remove all that is known of *channel*, its writer's seed too."""
        with self.transaction():
            for table in ("channels", "writers", "epochs", "logs", "keyframes"):
                self._write(f"DELETE FROM {table} WHERE channel = ?", (channel,))  # noqa: S608  our own names

    # -- secrets

    def put_writer(self, channel: ChannelId, seed: bytes) -> None:
        wrapped = self._wrap("cctm wrap writer", (channel,), seed)
        self._write("INSERT OR REPLACE INTO writers VALUES (?, ?)", (channel, wrapped))

    def writer(self, channel: ChannelId) -> bytes | None:
        """The seed of this device's writer key in *channel*.

        Raises:
            CatalogueDamagedError: this row does not open, which says nothing of other channels.
        """
        row = self._row("SELECT wrapped FROM writers WHERE channel = ?", (channel,))
        return None if row is None else self._unwrap("cctm wrap writer", (channel,), row[0], SEED_BYTES)

    def put_epoch(self, channel: ChannelId, epoch: EpochSecret) -> None:
        wrapped = self._wrap("cctm wrap epoch", (channel, epoch.number), epoch.secret)
        self._write("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?)", (channel, epoch.number, wrapped))

    def epochs(self, channel: ChannelId) -> list[EpochSecret]:
        """The channel's epoch secrets, the oldest first.

        Raises:
            CatalogueDamagedError: one of them does not open, which says nothing of other channels.
        """
        rows = self._rows("SELECT number, wrapped FROM epochs WHERE channel = ? ORDER BY number", (channel,))
        return [
            EpochSecret(number, self._unwrap("cctm wrap epoch", (channel, number), wrapped, HASH_BYTES))
            for number, wrapped in rows
        ]

    # -- places

    def put_checkpoint(self, known: Checkpoint) -> None:
        self._write(
            "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(known.ref.channel, known.ref.log, known.ref.generation, known.size, known.head),
                *(known.stream, known.stream_offset, known.segment, known.position),
                *((None, None) if known.ended is None else (int(known.ended[0]), known.ended[1])),
            ),
        )

    def checkpoints(self, channel: ChannelId) -> list[Checkpoint]:
        """Of all logs of *channel*, in the order of (generation, log)."""
        rows = self._rows(
            "SELECT log, generation, size, head, stream, stream_offset, segment, position, how, code"
            " FROM logs"
            " WHERE channel = ? ORDER BY generation, log",
            (channel,),
        )
        return [
            Checkpoint(
                LogRef(channel, LogId(log), generation),
                size,
                Digest(_exactly(head, HASH_BYTES)),
                _stream(stream),
                offset,
                segment,
                position,
                _ended(how, code),
            )
            for log, generation, size, head, stream, offset, segment, position, how, code in rows
        ]

    def put_keyframe(self, place: KeyframePlace) -> None:
        self._write(
            "INSERT OR REPLACE INTO keyframes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(place.ref.channel, place.ref.log, place.seq, place.ref.generation),
                *(place.segment, place.position, place.stream, place.stream_offset),
            ),
        )

    def keyframes(self, channel: ChannelId) -> list[KeyframePlace]:
        """In the order of (generation, log, seq)."""
        rows = self._rows(
            "SELECT log, generation, seq, segment, position, stream, stream_offset FROM keyframes"
            " WHERE channel = ? ORDER BY generation, log, seq",
            (channel,),
        )
        return [
            KeyframePlace(
                LogRef(channel, LogId(log), generation), seq, segment, position, _stream(stream), offset
            )
            for log, generation, seq, segment, position, stream, offset in rows
        ]

    # -- beneath

    def _wrap(self, purpose: str, context: tuple[bytes | int, ...], plain: bytes) -> bytes:
        return wrap(self._wrap_key, purpose, context, plain, os.urandom(NONCE_BYTES))

    def _unwrap(self, purpose: str, context: tuple[bytes | int, ...], wrapped: bytes, size: int) -> bytes:
        try:
            return _exactly(unwrap(self._wrap_key, purpose, context, wrapped), size)
        except OpenError as error:
            raise CatalogueDamagedError from error

    def _open_about(self, channel: bytes, sealed: bytes) -> About:
        try:
            return decode_about_untrusted(unwrap(self._wrap_key, "cctm wrap about", (channel,), sealed))
        except (OpenError, MalformedError) as error:
            raise CatalogueDamagedError from error

    def _write(self, statement: str, values: tuple[bytes | int | None, ...]) -> None:
        with _mapped():
            self._connection.execute(statement, values)

    def _row(self, query: str, values: tuple[bytes, ...]) -> tuple[Any, ...] | None:
        rows = self._rows(query, values)
        return rows[0] if rows else None

    def _rows(self, query: str, values: tuple[bytes, ...]) -> list[tuple[Any, ...]]:
        with _mapped():
            return self._connection.execute(query, values).fetchall()


def _exactly(value: object, size: int) -> bytes:
    try:
        return expect_exactly(value, size)
    except MalformedError as error:
        raise CatalogueDamagedError from error


def _stream(value: object) -> StreamId | None:
    return None if value is None else StreamId(_exactly(value, STREAM_BYTES))


def _ended(how: int | None, code: int | None) -> Ended | None:
    if how is None or code is None:
        return None
    try:
        return How(how), code
    except ValueError as error:
        raise CatalogueDamagedError from error


def _quoted(path: str) -> str:
    """*path* as it stands in a URI."""
    safe = frozenset(b"/-_.~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    return "".join(chr(byte) if byte in safe else f"%{byte:02x}" for byte in os.fsencode(path))


_DISK: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
}


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """SQLite's errors as ours: what the disk refused is an OSError, anything else is damage."""
    try:
        yield
    except sqlite3.Error as error:
        reason = _DISK.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if reason is not None:
            raise OSError(reason, os.strerror(reason)) from error
        raise CatalogueDamagedError from error
