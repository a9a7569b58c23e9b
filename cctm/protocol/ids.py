"""Ids, hashes, and signatures as anybody can check them (SPEC.md §1.2, §1.3, §2). Needs no secret.

    channel = H("cctm channel", owner's public key)
    log     = H("cctm log", canonical [writer, channel, incarnation, generation])

**Invariant**: every use of BLAKE2b has a person of its own, every signature a purpose of its own: nothing made for one
use is accepted by another.
"""

import hashlib
from typing import Final, NewType

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from .codec import Encodable, encode

ChannelId = NewType("ChannelId", bytes)  # 32 bytes; commits to the owner's writer key
LogId = NewType("LogId", bytes)  # 32 bytes; commits to writer, channel, incarnation and generation
StreamId = NewType("StreamId", bytes)  # 16 random bytes, one PTY's life
KeyId = NewType("KeyId", bytes)  # 32 bytes; commits to an epoch secret
Digest = NewType("Digest", bytes)  # 32 bytes; the hash of an entry, and so of all before it
WriterId = NewType("WriterId", bytes)  # 32 bytes, an Ed25519 public key
Incarnation = NewType("Incarnation", bytes)  # 16 random bytes, one start of a daemon

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


def channel_id(owner: WriterId) -> ChannelId:
    """The channel that *owner*, and nobody else, can own."""
    return ChannelId(hash32(b"cctm channel", owner))


def log_id(writer: WriterId, channel: ChannelId, incarnation: Incarnation, generation: int) -> LogId:
    return LogId(hash32(b"cctm log", encode((writer, channel, incarnation, generation))))
