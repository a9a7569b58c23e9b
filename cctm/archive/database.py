"""The catalogue's file: a SQLite database (SPEC.md §6.8).

    channels    channel, order of creation, about (sealed)
    writers     channel → writer seed (wrapped)
    epochs      channel, number → epoch secret (wrapped)
    joined      channel of somebody else's → link, own keys, what was seen (wrapped)
    logs        channel, log → checkpoint
    keyframes   channel, log, seq → where a reader can start
    shares      channel → whom it is shared with (wrapped)

**Invariants**

- A file of an older schema, or that is no catalogue, is damage: it is rebuilt. One of a newer is never touched.
- What SQLite refuses for the disk's sake is an OSError; anything else that it says is damage.
- One thread at a time. Readers are other processes, which WAL lets read without waiting.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from cctm.home import HomeError
from cctm.protocol.errors import CctmError
from cctm.sqlite import refusal, transaction

SCHEMA: Final = 3
_APPLICATION_ID: Final = 0x4343544D  # "CCTM"
_BUSY_S: Final = 5.0

_TABLES: Final = """
CREATE TABLE channels (number INTEGER PRIMARY KEY, channel BLOB NOT NULL UNIQUE, about BLOB NOT NULL) STRICT;
CREATE TABLE writers (channel BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
    channel BLOB NOT NULL, number INTEGER NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (channel, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE joined (channel BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
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
CREATE TABLE shares (channel BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
# Of the same schema as the rest: to rebuild a catalogue that lacks them would lose what is shared.
_LATER: Final = """
CREATE TABLE IF NOT EXISTS seen (channel BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS debts (
    channel BLOB NOT NULL, relay BLOB NOT NULL, version INTEGER NOT NULL, wrapped BLOB NOT NULL,
    PRIMARY KEY (channel, relay)
) STRICT, WITHOUT ROWID
"""


class CatalogueDamagedError(CctmError):
    """The file is not a whole catalogue. It can be rebuilt."""


class CatalogueMissingError(CctmError):
    """There is no catalogue."""


class Database:
    """An open one. Every method may raise CatalogueDamagedError; those that write, OSError (disk full)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @classmethod
    def open(cls, path: str) -> "Database":
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
        database = cls(connection)
        try:
            with _mapped():
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                    database._create()
            database._check(path)
            database._check_whole()
            with _mapped():
                for statement in _LATER.split(";"):
                    connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return database

    @classmethod
    def open_read_only(cls, path: str) -> "Database":
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
                database = cls(connection)
                try:
                    database._check(path)
                except BaseException:
                    connection.close()
                    raise
            except CatalogueDamagedError as error:
                last = error
            else:
                return database
        assert last is not None
        raise last

    def close(self) -> None:
        self.connection.close()

    def _create(self) -> None:
        with self.transaction():
            for statement in _TABLES.split(";"):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self.connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _check(self, path: str) -> None:
        with _mapped():
            (application,) = self.connection.execute("PRAGMA application_id").fetchone()
            (schema,) = self.connection.execute("PRAGMA user_version").fetchone()
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
            (verdict,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise CatalogueDamagedError

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is written, or none of it."""
        with _mapped(), transaction(self.connection):
            yield

    def write(self, statement: str, values: tuple[bytes | int | None, ...]) -> None:
        with _mapped():
            self.connection.execute(statement, values)

    def row(self, query: str, values: tuple[bytes, ...]) -> tuple[Any, ...] | None:
        rows = self.rows(query, values)
        return rows[0] if rows else None

    def rows(self, query: str, values: tuple[bytes, ...]) -> list[tuple[Any, ...]]:
        with _mapped():
            return self.connection.execute(query, values).fetchall()


def _quoted(path: str) -> str:
    """*path* as it stands in a URI."""
    safe = frozenset(b"/-_.~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    return "".join(chr(byte) if byte in safe else f"%{byte:02x}" for byte in os.fsencode(path))


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """SQLite's errors as ours: what the disk refused is an OSError, anything else is damage."""
    try:
        yield
    except sqlite3.Error as error:
        reason = refusal(error)
        if reason is not None:
            raise OSError(reason, os.strerror(reason)) from error
        raise CatalogueDamagedError from error
