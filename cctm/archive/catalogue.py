"""The catalogue: what is quick to look up because it is written down twice (SPEC.md §6.8).

    about, writer, epochs     of a channel; its writer's seed is in no segment
    joined                    of a channel of somebody else's: link, own keys, what was seen; in no segment
    shares, debts             with whom a channel is shared; what relays have not heard of that; in no segment
    seen                      when guests were last here; in no segment
    checkpoints               how far each log is known, and where in the files that is
    keyframes                 where a reader can start

**Invariants**

- Names, commands, times and secrets are wrapped under the device's key, each bound to its channel and use;
  ids, sizes and places are in clear, as they are in the segments.
- A checkpoint speaks of what survives a power failure: it is written by the storage thread, after the sync.
- It is for one thread at a time; readers are other processes, which do not wait for it.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from cctm.home import HomeError
from cctm.protocol.codec import expect_exactly
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.keys import HASH_BYTES, SEED_BYTES, ChannelId, EpochSecret, WriterId
from cctm.protocol.members import NOBODY, Members, decode_members_untrusted, encode_members
from cctm.protocol.seal import unwrap, wrap
from cctm.protocol.sizes import NONCE_BYTES

from .about import About, State, decode_about_untrusted, encode_about
from .database import CatalogueDamagedError, CatalogueMissingError, Database
from .debts import Debt, decode_debt_untrusted, encode_debt, relay_id
from .joined import Joined, decode_joined_untrusted, encode_joined
from .places import (
    Checkpoint,
    Ended,
    KeyframePlace,
    checkpoint_row,
    checkpoint_untrusted,
    keyframe_row,
    keyframe_untrusted,
)
from .seen import decode_seen_untrusted, encode_seen

__all__ = [
    "About",
    "Catalogue",
    "CatalogueDamagedError",
    "CatalogueMissingError",
    "Checkpoint",
    "Ended",
    "Joined",
    "KeyframePlace",
    "State",
    "decode_about_untrusted",
    "encode_about",
]


class Catalogue:
    """An open catalogue. Every method may raise CatalogueDamagedError; those that write, OSError (disk
    full)."""

    def __init__(self, database: Database, wrap_key: bytes) -> None:
        self._database = database
        self._wrap_key = wrap_key

    @classmethod
    def open(cls, path: str, wrap_key: bytes) -> "Catalogue":
        """The catalogue at *path*, for writing; made if there is none. Raises as `Database.open`."""
        return cls(Database.open(path), wrap_key)

    @classmethod
    def open_read_only(cls, path: str, wrap_key: bytes) -> "Catalogue":
        """The catalogue at *path*, whoever else writes to it. Raises as `Database.open_read_only`."""
        return cls(Database.open_read_only(path), wrap_key)

    def close(self) -> None:
        self._database.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside is written, or none of it."""
        return self._database.transaction()

    # -- channels

    def put_about(self, channel: ChannelId, about: About) -> None:
        """Add the channel, or change what is known about it."""
        sealed = self._wrap("cctm wrap about", (channel,), encode_about(about))
        self._database.write(
            "INSERT INTO channels (channel, about) VALUES (?, ?)"
            " ON CONFLICT (channel) DO UPDATE SET about = excluded.about",
            (channel, sealed),
        )

    def about(self, channel: ChannelId) -> About | None:
        row = self._database.row("SELECT about FROM channels WHERE channel = ?", (channel,))
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
        for channel, sealed in self._database.rows("SELECT channel, about FROM channels ORDER BY number", ()):
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
        for channel, wrapped in self._database.rows("SELECT channel, wrapped FROM writers", ()):
            with contextlib.suppress(CatalogueDamagedError):
                self._unwrap("cctm wrap writer", (channel,), wrapped, SEED_BYTES)
                return True
        for channel, number, wrapped in self._database.rows(
            "SELECT channel, number, wrapped FROM epochs", ()
        ):
            with contextlib.suppress(CatalogueDamagedError):
                self._unwrap("cctm wrap epoch", (channel, number), wrapped, HASH_BYTES)
                return True
        return False

    def forget(self, channel: ChannelId) -> None:
        """Remove all that is known of *channel*, its writer's seed too; what relays are owed of it stays."""
        with self.transaction():
            for table in ("channels", "writers", "epochs", "joined", "logs", "keyframes", "shares", "seen"):
                self._database.write(f"DELETE FROM {table} WHERE channel = ?", (channel,))  # noqa: S608  our own names

    # -- secrets

    def put_writer(self, channel: ChannelId, seed: bytes) -> None:
        wrapped = self._wrap("cctm wrap writer", (channel,), seed)
        self._database.write("INSERT OR REPLACE INTO writers VALUES (?, ?)", (channel, wrapped))

    def writer(self, channel: ChannelId) -> bytes | None:
        """The seed of this device's writer key in *channel*.

        Raises:
            CatalogueDamagedError: this row does not open, which says nothing of other channels.
        """
        row = self._database.row("SELECT wrapped FROM writers WHERE channel = ?", (channel,))
        return None if row is None else self._unwrap("cctm wrap writer", (channel,), row[0], SEED_BYTES)

    def put_epoch(self, channel: ChannelId, epoch: EpochSecret) -> None:
        wrapped = self._wrap("cctm wrap epoch", (channel, epoch.number), epoch.secret)
        self._database.write(
            "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?)", (channel, epoch.number, wrapped)
        )

    def epochs(self, channel: ChannelId) -> list[EpochSecret]:
        """The channel's epoch secrets, the oldest first.

        Raises:
            CatalogueDamagedError: one of them does not open, which says nothing of other channels.
        """
        rows = self._database.rows(
            "SELECT number, wrapped FROM epochs WHERE channel = ? ORDER BY number", (channel,)
        )
        return [
            EpochSecret(number, self._unwrap("cctm wrap epoch", (channel, number), wrapped, HASH_BYTES))
            for number, wrapped in rows
        ]

    # -- sharing

    def put_members(self, channel: ChannelId, members: Members) -> None:
        """Remember whom *channel* is shared with."""
        wrapped = self._wrap("cctm wrap shares", (channel,), encode_members(members))
        self._database.write("INSERT OR REPLACE INTO shares VALUES (?, ?)", (channel, wrapped))

    def members(self, channel: ChannelId) -> Members:
        """Whom *channel* is shared with.

        Raises:
            CatalogueDamagedError: the row does not open, which says nothing of other channels.
        """
        row = self._database.row("SELECT wrapped FROM shares WHERE channel = ?", (channel,))
        if row is None:
            return NOBODY
        with _damage():
            plain = unwrap(self._wrap_key, "cctm wrap shares", (channel,), row[0])
            return decode_members_untrusted(plain, channel)

    def shared(self) -> dict[ChannelId, Members]:
        """Every channel that is shared, and with whom; those whose row does not open are left out."""
        found = {}
        for (channel,) in self._database.rows("SELECT channel FROM shares", ()):
            with contextlib.suppress(CatalogueDamagedError):
                found[ChannelId(channel)] = self.members(channel)
        return {channel: members for channel, members in found.items() if members}

    def put_seen(self, channel: ChannelId, seen: Mapping[WriterId, int]) -> None:
        """Remember when guests of *channel* were last here, by the wall clock."""
        wrapped = self._wrap("cctm wrap seen", (channel,), encode_seen(seen))
        self._database.write("INSERT OR REPLACE INTO seen VALUES (?, ?)", (channel, wrapped))

    def seen(self, channel: ChannelId) -> dict[WriterId, int]:
        """When guests of *channel* were last here; nothing, if the row does not open."""
        row = self._database.row("SELECT wrapped FROM seen WHERE channel = ?", (channel,))
        if row is None:
            return {}
        try:
            return decode_seen_untrusted(unwrap(self._wrap_key, "cctm wrap seen", (channel,), row[0]))
        except (OpenError, MalformedError):
            return {}

    def put_debt(self, debt: Debt) -> None:
        """Remember what a relay is to hear of a channel, instead of what it was to hear before."""
        place = debt.channel, relay_id(debt.relay)
        wrapped = self._wrap("cctm wrap debts", place, encode_debt(debt))
        self._database.write(
            "INSERT OR REPLACE INTO debts VALUES (?, ?, ?, ?)", (*place, debt.access.version, wrapped)
        )

    def forget_debt(self, channel: ChannelId, relay: str, version: int) -> None:
        """The relay has the list of *version*: a newer one is still owed."""
        self._database.write(
            "DELETE FROM debts WHERE channel = ? AND relay = ? AND version <= ?",
            (channel, relay_id(relay), version),
        )

    def debts(self) -> list[Debt]:
        """All that is owed; rows that do not open are left out."""
        found = []
        for channel, relay, wrapped in self._database.rows("SELECT channel, relay, wrapped FROM debts", ()):
            with contextlib.suppress(OpenError, MalformedError):
                plain = unwrap(self._wrap_key, "cctm wrap debts", (channel, relay), wrapped)
                found.append(decode_debt_untrusted(plain))
        return found

    def put_joined(self, channel: ChannelId, joined: Joined) -> None:
        """Note that *channel* is somebody else's, and what is known of it."""
        wrapped = self._wrap("cctm wrap joined", (channel,), encode_joined(joined))
        self._database.write("INSERT OR REPLACE INTO joined VALUES (?, ?)", (channel, wrapped))

    def joined(self, channel: ChannelId) -> Joined | None:
        """What is known of a channel of somebody else's; None: it is our own.

        Raises:
            CatalogueDamagedError: this row does not open, which says nothing of other channels.
        """
        row = self._database.row("SELECT wrapped FROM joined WHERE channel = ?", (channel,))
        if row is None:
            return None
        with _damage():
            return decode_joined_untrusted(unwrap(self._wrap_key, "cctm wrap joined", (channel,), row[0]))

    def is_joined(self, channel: ChannelId) -> bool:
        """Whether *channel* is somebody else's, also if no more can be read."""
        return self._database.row("SELECT 1 FROM joined WHERE channel = ?", (channel,)) is not None

    def all_joined(self) -> list[ChannelId]:
        """The channels that are somebody else's."""
        return [ChannelId(channel) for (channel,) in self._database.rows("SELECT channel FROM joined", ())]

    # -- places

    def put_checkpoint(self, known: Checkpoint) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            checkpoint_row(known),
        )

    def checkpoints(self, channel: ChannelId) -> list[Checkpoint]:
        """Of all logs of *channel*, in the order of (generation, log)."""
        rows = self._database.rows(
            "SELECT * FROM logs WHERE channel = ? ORDER BY generation, log",
            (channel,),
        )
        with _damage():
            return [checkpoint_untrusted(channel, row) for row in rows]

    def put_keyframe(self, place: KeyframePlace) -> None:
        self._database.write(
            "INSERT OR REPLACE INTO keyframes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            keyframe_row(place),
        )

    def keyframes(self, channel: ChannelId) -> list[KeyframePlace]:
        """In the order of (generation, log, seq)."""
        rows = self._database.rows(
            "SELECT * FROM keyframes WHERE channel = ? ORDER BY generation, log, seq",
            (channel,),
        )
        with _damage():
            return [keyframe_untrusted(channel, row) for row in rows]

    # -- beneath

    def _wrap(self, purpose: str, context: tuple[bytes | int, ...], plain: bytes) -> bytes:
        return wrap(self._wrap_key, purpose, context, plain, os.urandom(NONCE_BYTES))

    def _unwrap(self, purpose: str, context: tuple[bytes | int, ...], wrapped: bytes, size: int) -> bytes:
        with _damage():
            return expect_exactly(unwrap(self._wrap_key, purpose, context, wrapped), size)

    def _open_about(self, channel: bytes, sealed: bytes) -> About:
        with _damage():
            return decode_about_untrusted(unwrap(self._wrap_key, "cctm wrap about", (channel,), sealed))


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """What does not open, or is not what we write, was damaged."""
    try:
        yield
    except (OpenError, MalformedError) as error:
        raise CatalogueDamagedError from error
