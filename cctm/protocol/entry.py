"""Entries: batches of events, sealed (see `contents`), chained and signed (SPEC.md §4). Needs no key.

    header = canonical ["cctm entry", 0, channel(32), log(32), seq, kind, key_id(32), prev(32)]
    body   = nonce(24) ‖ XChaCha20-Poly1305(entry key, nonce, pad(code(events)), aad = header)
    digest = H("cctm digest", header ‖ body)
    sig    = Ed25519(writer, statement("cctm sign entry", channel, digest))
    hash   = H("cctm hash", digest ‖ sig)                  the next entry's prev

**Invariant**

- The header is rebuilt from where the entry stands, never parsed: an entry that is moved does not verify or
  open.

*Not* protected: kind, padded size, time of arrival and number of entries.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from .codec import (
    decode_untrusted,
    encode,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
)
from .errors import MalformedError
from .events import MAX_KEYFRAME_BYTES, LogHead, expect_log_head
from .ids import (
    HASH_BYTES,
    INCARNATION_BYTES,
    PUBLIC_BYTES,
    SIG_BYTES,
    ChannelId,
    Digest,
    Incarnation,
    KeyId,
    LogId,
    WriterId,
    hash32,
    statement,
)
from .sizes import CODE_HEAD_BYTES, SEALED_OVERHEAD_BYTES, padded_size

VERSION: Final = 0
# The largest keyframe, if it does not compress: 33 MiB and 40 bytes.
MAX_BODY_BYTES: Final = SEALED_OVERHEAD_BYTES + padded_size(CODE_HEAD_BYTES + MAX_KEYFRAME_BYTES)
MAX_WIRE_BYTES: Final = MAX_BODY_BYTES + 256  # an entry on a wire or in a record
MAX_OPEN_BODY_BYTES: Final = 256


class EntryKind(IntEnum):
    """What anybody can see of an entry's contents."""

    OPEN = 1  # in clear: who writes this log
    GRANT = 2  # who may read, and who may do what
    KEYFRAME = 3  # a reader may start here
    DATA = 4
    CLOSE = 5  # the program ended


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry stands; all of it is bound into the digest and the cipher."""

    channel: ChannelId
    log: LogId
    seq: int
    kind: EntryKind
    key_id: KeyId
    prev: Digest


@dataclass(frozen=True, slots=True)
class Entry:
    """What is stored and sent; the rest follows from its place."""

    seq: int
    kind: EntryKind
    key_id: KeyId
    body: bytes
    sig: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry with the predecessor it was sealed for: what a record holds."""

    entry: Entry
    prev: Digest


@dataclass(frozen=True, slots=True)
class OpenBody:
    """The body of `open`: what the log id commits to, and the log it follows."""

    writer: WriterId
    incarnation: Incarnation
    generation: int
    predecessor: LogHead | None

    def encode(self) -> bytes:
        return encode((self.writer, self.incarnation, self.generation, self.predecessor))


def decode_open_body_untrusted(body: bytes) -> OpenBody:
    """
    Raises:
        MalformedError: *body* is none.
    """
    fields = expect_fields(decode_untrusted(body, MAX_OPEN_BODY_BYTES), 4)
    writer, incarnation, generation, predecessor = fields
    return OpenBody(
        WriterId(expect_exactly(writer, PUBLIC_BYTES)),
        Incarnation(expect_exactly(incarnation, INCARNATION_BYTES)),
        expect_int(generation, 1),
        None if predecessor is None else expect_log_head(predecessor),
    )


def header(place: Place) -> bytes:
    return encode(
        (
            "cctm entry",
            VERSION,
            place.channel,
            place.log,
            place.seq,
            int(place.kind),
            place.key_id,
            place.prev,
        )
    )


def digest(place: Place, body: bytes) -> bytes:
    """What the signature covers, 32 bytes."""
    return digest_below(header(place), body)


def digest_below(head: bytes, body: bytes) -> bytes:
    """`digest`, for one who has the header already."""
    state = hashlib.blake2b(head, digest_size=HASH_BYTES, person=b"cctm digest")
    state.update(body)
    return state.digest()


def signed_statement(channel: ChannelId, entry_digest: bytes) -> bytes:
    """What a writer signs."""
    return statement("cctm sign entry", channel, entry_digest)


def entry_hash(entry_digest: bytes, sig: bytes) -> Digest:
    """The next entry's prev. It covers the signature too: the newest one vouches for all before it."""
    return Digest(hash32(b"cctm hash", entry_digest + sig))


def encode_wire(entry: Entry, previous: KeyId | None) -> bytes:
    """*entry* for a link on which the entry before it had the key id *previous*."""
    key_id = None if entry.key_id == previous else entry.key_id
    return encode((entry.seq, int(entry.kind), key_id, entry.body, entry.sig))


def decode_wire_untrusted(data: bytes | memoryview, previous: KeyId | None) -> Entry:
    """
    Raises:
        MalformedError: `encode_wire` does not make *data* after *previous*.
    """
    seq, kind, key_id, body, sig = expect_fields(decode_untrusted(data, MAX_WIRE_BYTES), 5)
    if key_id is None:
        key_id = previous
    elif key_id == previous:
        raise MalformedError("key id that did not change")
    return _entry(seq, kind, key_id, body, sig)


def encode_record(sealed: Sealed) -> bytes:
    """The payload of a segment's record (SPEC.md §6.1)."""
    entry = sealed.entry
    return encode((entry.seq, int(entry.kind), entry.key_id, sealed.prev, entry.body, entry.sig))


def decode_record_untrusted(payload: bytes | memoryview) -> Sealed:
    """
    Raises:
        MalformedError: `encode_record` does not make *payload*.
    """
    seq, kind, key_id, prev, body, sig = expect_fields(decode_untrusted(payload, MAX_WIRE_BYTES), 6)
    return Sealed(_entry(seq, kind, key_id, body, sig), Digest(expect_exactly(prev, HASH_BYTES)))


def _entry(seq: object, kind: object, key_id: object, body: object, sig: object) -> Entry:
    return Entry(
        expect_int(seq),
        EntryKind(expect_int(kind, EntryKind.OPEN, EntryKind.CLOSE)),
        KeyId(expect_exactly(key_id, HASH_BYTES)),
        expect_bytes(body, 1, MAX_BODY_BYTES),
        expect_exactly(sig, SIG_BYTES),
    )
