"""Keys, ids and signatures (SPEC.md §1.2, §1.3, §2).

    device seed ──┬─ "cctm dev sign" ── Ed25519 seed        writer seed ── Ed25519 ── channel, log
                  ├─ "cctm dev box"  ── X25519 secret       epoch secret ─┬─ key_id
                  └─ "cctm dev wrap" ── wrapping key                      ├─ entry key (log, epoch)
                                                                          └─ grant key (log, epoch)

**Invariants**

- Every use of BLAKE2b has a person of its own, every signature a purpose of its own: nothing made for one use
  is accepted by another.
- Everything here is a function of its arguments: whoever makes a seed takes it from the system's random
  source.
- No `repr` shows a secret.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final, NewType

from nacl.bindings import crypto_scalarmult_base, crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from .codec import Encodable, encode
from .errors import LocalError

ChannelId = NewType("ChannelId", bytes)  # 32 bytes; commits to the owner's writer key
LogId = NewType("LogId", bytes)  # 32 bytes; commits to writer, channel, incarnation and generation
StreamId = NewType("StreamId", bytes)  # 16 random bytes, one PTY's life
KeyId = NewType("KeyId", bytes)  # 32 bytes; commits to an epoch secret
Digest = NewType("Digest", bytes)  # 32 bytes; the hash of an entry, and so of all before it
WriterId = NewType("WriterId", bytes)  # 32 bytes, an Ed25519 public key
Incarnation = NewType("Incarnation", bytes)  # 16 random bytes, one start of a daemon
EntryKey = NewType("EntryKey", bytes)  # 32 secret bytes: seals the entries of one log in one epoch
GrantKey = NewType("GrantKey", bytes)  # 32 secret bytes: seals the role table of a grant

HASH_BYTES: Final = 32
SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
SIG_BYTES: Final = 64
STREAM_BYTES: Final = 16
INCARNATION_BYTES: Final = 16

ZERO: Final = Digest(bytes(HASH_BYTES))  # the prev of a log's first entry
NO_KEY: Final = KeyId(bytes(HASH_BYTES))  # the key id of an entry in clear


def hash32(person: bytes, data: bytes, key: bytes = b"") -> bytes:
    """H(person, data, key): 32 bytes of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=HASH_BYTES, key=key, person=person).digest()


def statement(purpose: str, channel: ChannelId, *fields: Encodable) -> bytes:
    """What a signature for *purpose* is made over."""
    return encode((purpose, channel, *fields))


def verify(public: bytes, message: bytes, sig: bytes) -> bool:
    """Whether *sig* is a signature of *message* by *public*; bytes of any length are taken and judged."""
    if len(public) != PUBLIC_BYTES or len(sig) != SIG_BYTES:
        return False
    try:
        crypto_sign_open(sig + message, public)
    except BadSignatureError:
        return False
    return True


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


def channel_id(owner: WriterId) -> ChannelId:
    """The channel that *owner*, and nobody else, can own."""
    return ChannelId(hash32(b"cctm channel", owner))


def log_id(writer: WriterId, channel: ChannelId, incarnation: Incarnation, generation: int) -> LogId:
    return LogId(hash32(b"cctm log", encode((writer, channel, incarnation, generation))))


def entry_key(epoch: EpochSecret, channel: ChannelId, log: LogId) -> EntryKey:
    return EntryKey(hash32(b"cctm entry key", encode((channel, log, epoch.number)), key=epoch.secret))


def grant_key(epoch: EpochSecret, channel: ChannelId, log: LogId) -> GrantKey:
    return GrantKey(hash32(b"cctm grant key", encode((channel, log, epoch.number)), key=epoch.secret))
