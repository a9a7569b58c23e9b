"""Invites: who may make channels at a relay that is `--invite-only`.

An invite is 128 random bits as text; the store keeps its hash, so that whoever reads the store can invite nobody.
"""

import contextlib
import secrets
import sys
import time
from typing import Final

from cctm.protocol.admission import invite_hash
from cctm.relay.database import Database

DAY_S: Final = 86_400
_RANDOM_BYTES: Final = 16


def make_invite(store: str, uses: int, days: int | None) -> str:
    """A new invite, good for *uses* channels.

    Raises:
        OSError: the store cannot be written.
    """
    text = secrets.token_urlsafe(_RANDOM_BYTES)
    with contextlib.closing(Database(store)) as database, database.transaction():
        expires_s = None if days is None else int(time.time()) + days * DAY_S
        database.put_invite(invite_hash(text.encode()), uses, expires_s)
    return text


def main(store: str, uses: int, days: int | None) -> int:
    """Print a new invite; the process's exit status."""
    try:
        sys.stdout.write(make_invite(store, uses, days) + "\n")
    except OSError as error:
        sys.stderr.write(f"cctm: {store} cannot be used: {error.strerror}. Name the relay's with --store.\n")
        return 1
    return 0
