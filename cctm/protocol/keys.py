"""Keys: what signs, and what secrets derive from (SPEC.md §2).

    device seed ──┬─ "cctm dev sign" ── Ed25519 seed        writer seed ── Ed25519 ── channel, log
                  ├─ "cctm dev box"  ── X25519 secret       epoch secret ─┬─ key_id
                  └─ "cctm dev wrap" ── wrapping key                      ├─ entry key (log, epoch)
                                                                          └─ grant key (log, epoch)

**Invariants**

- Everything here is a function of its arguments: whoever makes a seed takes it from the system's random
  source.
- No `repr` shows a secret.
"""

from dataclasses import dataclass, field
from typing import NewType

from nacl.bindings import crypto_scalarmult_base, crypto_sign, crypto_sign_seed_keypair

from .codec import encode
from .errors import LocalError
from .ids import (
    HASH_BYTES,
    INCARNATION_BYTES,
    NO_KEY,
    PUBLIC_BYTES,
    SEED_BYTES,
    SIG_BYTES,
    STREAM_BYTES,
    ZERO,
    ChannelId,
    Digest,
    Incarnation,
    KeyId,
    LogId,
    StreamId,
    WriterId,
    channel_id,
    hash32,
    log_id,
    statement,
    verify,
)

# Who has keys needs ids too, and finds them here; who has none imports `ids` alone.
__all__ = [
    "HASH_BYTES",
    "INCARNATION_BYTES",
    "NO_KEY",
    "PUBLIC_BYTES",
    "SEED_BYTES",
    "SIG_BYTES",
    "STREAM_BYTES",
    "ZERO",
    "ChannelId",
    "DeviceKeys",
    "Digest",
    "EntryKey",
    "EpochSecret",
    "GrantKey",
    "Incarnation",
    "KeyId",
    "LogId",
    "StreamId",
    "WriterId",
    "WriterKey",
    "channel_id",
    "entry_key",
    "grant_key",
    "hash32",
    "log_id",
    "statement",
    "verify",
]

EntryKey = NewType("EntryKey", bytes)  # 32 secret bytes: seals the entries of one log in one epoch
GrantKey = NewType("GrantKey", bytes)  # 32 secret bytes: seals the role table of a grant


def _checked_seed(seed: bytes) -> bytes:
    if len(seed) != SEED_BYTES:
        raise LocalError("seed that is not 32 bytes")
    return bytes(seed)


@dataclass(frozen=True, slots=True, eq=False)
class DeviceKeys:
    """What a device has for life, all from one seed."""

    sign_public: bytes
    box_public: bytes
    seed: bytes = field(repr=False)
    wrap_key: bytes = field(repr=False)
    box_secret: bytes = field(repr=False)
    _sign_secret: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "DeviceKeys":
        seed = _checked_seed(seed)
        sign_public, sign_secret = crypto_sign_seed_keypair(hash32(b"cctm dev sign", b"", key=seed))
        box_secret = hash32(b"cctm dev box", b"", key=seed)
        return cls(
            sign_public=sign_public,
            box_public=crypto_scalarmult_base(box_secret),
            seed=seed,
            wrap_key=hash32(b"cctm dev wrap", b"", key=seed),
            box_secret=box_secret,
            _sign_secret=sign_secret,
        )

    def sign(self, message: bytes) -> bytes:
        """64 bytes; *message* is a `statement`."""
        return crypto_sign(message, self._sign_secret)[:SIG_BYTES]


@dataclass(frozen=True, slots=True, eq=False)
class WriterKey:
    """What signs one participant's logs in one channel."""

    public: WriterId
    seed: bytes = field(repr=False)
    _secret: bytes = field(repr=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "WriterKey":
        seed = _checked_seed(seed)
        public, secret = crypto_sign_seed_keypair(seed)
        return cls(WriterId(public), seed, secret)

    def sign(self, message: bytes) -> bytes:
        """64 bytes; *message* is a `statement`."""
        return crypto_sign(message, self._secret)[:SIG_BYTES]


@dataclass(frozen=True, slots=True)
class EpochSecret:
    """Proves membership in a channel's epoch *number*; never authorship."""

    number: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.number < 1 or len(self.secret) != HASH_BYTES:
            raise LocalError("epoch secret that is not 32 bytes of an epoch from 1 on")

    @property
    def key_id(self) -> KeyId:
        return KeyId(hash32(b"cctm key id", self.secret))


def entry_key(epoch: EpochSecret, channel: ChannelId, log: LogId) -> EntryKey:
    return EntryKey(hash32(b"cctm entry key", encode((channel, log, epoch.number)), key=epoch.secret))


def grant_key(epoch: EpochSecret, channel: ChannelId, log: LogId) -> GrantKey:
    return GrantKey(hash32(b"cctm grant key", encode((channel, log, epoch.number)), key=epoch.secret))
