"""What every SQLite file of ours needs."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from typing import Final

_DISK: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
}


def refusal(error: sqlite3.Error) -> int | None:
    """The errno of what the disk refused; None: it is not the disk's doing."""
    return _DISK.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside is written, or none of it. *connection* begins none by itself."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it
            connection.execute("ROLLBACK")
        raise
