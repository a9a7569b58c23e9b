"""Serving: the state of one connection on the side that is dialled. No I/O (SPEC.md §15.4).

    NEW ──Hello──► GREETED ──Open──► ASKING ──admitted──► OPEN ──┐ Access Append AppendPart Fetch Tail Live
     └───────────────┴─────────────────┴─ anything else, or a malformed message ─► OVER ◄─┘

What the caller is to do comes out as effects. In ASKING nothing may come: a client waits for `Opened`.

Invariants: before OPEN nothing of a channel is told, not even whether it exists; what a member may not do is refused
before it is looked at any further; after OVER there are no effects.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, TypeAlias

from cctm.protocol.admission import NONCE_BYTES, AccessList, Verb, decode_access_untrusted, proof_statement
from cctm.protocol.codec import expect_exactly
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.ids import HASH_BYTES, PUBLIC_BYTES, ChannelId, WriterId, channel_id, verify
from cctm.protocol.sync.messages import (
    MAX_LIVE,
    TABLE,
    VERSION,
    Access,
    Append,
    AppendPart,
    Challenge,
    Fetch,
    Hello,
    Live,
    Open,
    Opened,
    Refused,
    Tail,
)
from cctm.protocol.tables import Message

MAX_ADDRESS: Final = 300
MAX_INVITE: Final = 256


class Reason(IntEnum):
    """Why a connection ends."""

    PROTOCOL = 0  # what came is not of this protocol, or not now
    VERSION = 1
    PROOF = 2  # the key was not shown to be the member's, or to another address
    NOT_ALLOWED = 3  # who is not on the access list, or may not do this
    NO_CHANNEL = 4  # there is no such channel here, and nobody may make it so
    QUOTA = 5
    RATE = 6
    CHAIN = 7  # what was appended does not continue the log
    FORK = 8
    EXPIRED = 9
    LEAVING = 10  # the server stops; come again


class State(Enum):
    NEW = "new"
    GREETED = "greeted"
    ASKING = "asking"
    OPEN = "open"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Reply:
    """Send *message*."""

    message: Message


@dataclass(frozen=True, slots=True)
class Admit:
    """Say to `admitted` or `refuse` whether *member* may come in."""

    channel: ChannelId
    member: WriterId
    invite: bytes | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Store an access list, if it is newer than the one that is known."""

    access: AccessList
    signed: bytes


@dataclass(frozen=True, slots=True)
class Do:
    """Do what a member asks for, who may."""

    message: Append | AppendPart | Fetch | Tail | Live


@dataclass(frozen=True, slots=True)
class End:
    """Close the connection."""


Effect: TypeAlias = Reply | Admit | Keep | Do | End

_NEEDS: Final[Mapping[type[Message], Verb]] = {
    Append: Verb.APPEND,
    AppendPart: Verb.APPEND,
    Fetch: Verb.READ,
    Tail: Verb.READ,
    Live: Verb.LIVE,
}


class Serving:
    """One connection."""

    def __init__(self, challenge: bytes, addresses: Collection[str]) -> None:
        """
        Args:
            challenge: 32 fresh random bytes.
            addresses: under which this server may be dialled.
        """
        if len(challenge) != NONCE_BYTES:
            raise LocalError("challenge that is not 32 bytes")
        self.state = State.NEW
        self.channel: ChannelId | None = None
        self.member: WriterId | None = None
        self.verbs = Verb(0)
        self.refused: Reason | None = None
        self._challenge = challenge
        self._addresses = addresses
        self._nonce = b""

    @property
    def is_owner(self) -> bool:
        """Whether the member is the channel's owner."""
        return self.member is not None and channel_id(self.member) == self.channel

    def receive_untrusted(self, data: bytes) -> list[Effect]:
        """What to do about a message."""
        if self.state is State.OVER:
            return []
        try:
            return self._take(TABLE.decode_untrusted(data))
        except MalformedError as error:
            return self.refuse(
                Reason.PROTOCOL, f"What was sent is not understood: {error.what}.", "Use a version that fits."
            )

    def _take(self, message: Message) -> list[Effect]:
        match self.state, message:
            case State.NEW, Hello():
                return self._greet(message)
            case State.GREETED, Open():
                return self._open(message)
            case State.OPEN, Access():
                return self._access(message)
            case State.OPEN, Append() | AppendPart() | Fetch() | Tail() | Live():
                return self._do(message)
            case _:
                raise MalformedError(f"{type(message).__name__} now")

    def _greet(self, hello: Hello) -> list[Effect]:
        if hello.version != VERSION:
            return self.refuse(
                Reason.VERSION,
                f"This side speaks version {VERSION}, the other {hello.version}.",
                "Upgrade the older one.",
            )
        self._nonce = expect_exactly(hello.nonce, NONCE_BYTES)
        self.state = State.GREETED
        return [Reply(Challenge(VERSION, self._challenge))]

    def _open(self, message: Open) -> list[Effect]:
        channel = ChannelId(expect_exactly(message.channel, HASH_BYTES))
        member = WriterId(expect_exactly(message.member, PUBLIC_BYTES))
        if len(message.address) > MAX_ADDRESS or len(message.invite or b"") > MAX_INVITE:
            raise MalformedError("size")
        signed = proof_statement(channel, message.address, self._challenge, self._nonce)
        if message.address not in self._addresses or not verify(member, signed, message.proof):
            return self.refuse(
                Reason.PROOF,
                "The key was not shown to this relay's address.",
                "Dial the relay by the address that it knows as its own.",
            )
        self.channel, self.member = channel, member
        self.state = State.ASKING
        return [Admit(channel, member, message.invite)]

    def admitted(self, verbs: Verb, access_version: int) -> list[Effect]:
        """The member may come in, and do *verbs*."""
        if self.state is not State.ASKING:
            raise LocalError("nobody asked to be admitted")
        self.verbs = verbs
        self.state = State.OPEN
        return [Reply(Opened(int(verbs), access_version))]

    def _access(self, message: Access) -> list[Effect]:
        access = decode_access_untrusted(message.signed)
        if not self.is_owner or access.channel != self.channel:
            return self._not_allowed()
        return [Keep(access, message.signed)]

    def _do(self, message: Append | AppendPart | Fetch | Tail | Live) -> list[Effect]:
        if not _NEEDS[type(message)] & self.verbs:
            return self._not_allowed()
        if isinstance(message, Live):
            if len(message.data) > MAX_LIVE or len(message.to) not in {0, PUBLIC_BYTES}:
                raise MalformedError("live message")
        else:
            expect_exactly(message.log, HASH_BYTES)
        return [Do(message)]

    def _not_allowed(self) -> list[Effect]:
        return self.refuse(
            Reason.NOT_ALLOWED, "This key may not do that here.", "Ask the terminal's host for a new link."
        )

    def refuse(self, reason: Reason, what: str, advice: str) -> list[Effect]:
        """End the connection, and say why."""
        if self.state is State.OVER:
            return []
        self.state = State.OVER
        self.refused = reason
        return [Reply(Refused(int(reason), what, advice)), End()]
