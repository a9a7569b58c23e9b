"""Admission: whom a relay lets in, without knowing anything (SPEC.md §15.2).

    owner ── signs ──► access list: version, [public key, verbs]…, expiry ──► relay
    client ── signs the relay's challenge, with the address that it dialled ──► relay

**Invariants**

- The channel's id commits to its owner's key: the list needs no other root of trust, and a relay cannot write one.
- A list counts only if its version is above the one that is known: an old one cannot come back.
- A proof is for one relay's address, one challenge and one nonce of the client's: a relay that passes on another's
  challenge is refused there.

*Not protected*: a relay may ignore the list. So it decides who gets ciphertext; keys decide who reads and types.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from itertools import pairwise
from typing import Final, Protocol

from .codec import decode_untrusted, encode, expect_array, expect_exactly, expect_fields, expect_int
from .errors import MalformedError
from .ids import (
    PUBLIC_BYTES,
    SIG_BYTES,
    ChannelId,
    WriterId,
    channel_id,
    hash32,
    statement,
    verify,
)

NONCE_BYTES: Final = 32
MAX_MEMBERS: Final = 4_096
MAX_LIST_BYTES: Final = 512 * 1024


class Verb(IntFlag):
    """What a member may do at a relay."""

    READ = 1  # fetch entries
    APPEND = 2  # to logs of its own
    LIVE = 4  # send live messages to the host


OWNER_VERBS: Final = Verb.READ | Verb.APPEND | Verb.LIVE
CLOSED_US: Final = 0  # when a list expires that closes its channel


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may do what in one channel, by its owner. The owner is not on it and may do everything."""

    owner: WriterId
    version: int
    members: Mapping[WriterId, Verb]
    expires_us: int | None  # wall clock; then the channel is closed to all but its owner

    @property
    def channel(self) -> ChannelId:
        return channel_id(self.owner)

    @property
    def is_closed(self) -> bool:
        """Whether nobody is to have the channel ever again, a server neither."""
        return not self.members and self.expires_us == CLOSED_US

    def verbs_of(self, member: WriterId) -> Verb:
        """What *member* may do; nothing if it is not on the list."""
        return OWNER_VERBS if member == self.owner else self.members.get(member, Verb(0))


def _fields(access: AccessList) -> bytes:
    members = [(member, int(verbs)) for member, verbs in sorted(access.members.items())]
    return encode((access.version, members, access.expires_us))


def _statement(owner: WriterId, fields: bytes) -> bytes:
    return statement("cctm access", channel_id(owner), fields)


class Signer(Protocol):
    """Whoever has the owner's key."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


def sign_access(access: AccessList, owner: Signer) -> bytes:
    """What is uploaded: canonical [owner, list, signature]."""
    fields = _fields(access)
    return encode((access.owner, fields, owner.sign(_statement(access.owner, fields))))


def decode_access_untrusted(data: bytes) -> AccessList:
    """
    Raises:
        MalformedError: it is not a list that its owner signed.
    """
    owner_bytes, fields, sig = expect_fields(decode_untrusted(data, MAX_LIST_BYTES), 3)
    owner = WriterId(expect_exactly(owner_bytes, PUBLIC_BYTES))
    if type(fields) is not bytes or not verify(
        owner, _statement(owner, fields), expect_exactly(sig, SIG_BYTES)
    ):
        raise MalformedError("access list that its owner did not sign")
    version, members, expires = expect_fields(decode_untrusted(fields, MAX_LIST_BYTES), 3)
    listed = [_expect_member(item) for item in expect_array(members, 0, MAX_MEMBERS)]
    if not all(earlier < later for (earlier, _), (later, _) in pairwise(listed)):
        raise MalformedError("order")
    return AccessList(
        owner, expect_int(version, 1), dict(listed), None if expires is None else expect_int(expires)
    )


def _expect_member(value: object) -> tuple[WriterId, Verb]:
    member, verbs = expect_fields(value, 2)
    return WriterId(expect_exactly(member, PUBLIC_BYTES)), Verb(expect_int(verbs, 1, int(OWNER_VERBS)))


def proof_statement(channel: ChannelId, address: str, challenge: bytes, nonce: bytes) -> bytes:
    """What a client signs to show that it has a key.

    Args:
        address: of the relay, as the client dialled it.
        challenge: the relay's, 32 bytes.
        nonce: the client's, 32 bytes.
    """
    return statement("cctm relay proof", channel, address, challenge, nonce)


def invite_hash(invite: bytes) -> bytes:
    """What a relay keeps of an invite: enough to know it again, too little to show it to another."""
    return hash32(b"cctm invite", invite)
