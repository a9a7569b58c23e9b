"""Dialling: the state of one connection on the side that dials. No I/O (SPEC.md §15.4).

    START ──begin──► HELLO ──Challenge──► PROVEN ──Opened──► OPEN ──┐ Logs Stored AccessStored Entries EntryPart
                       └────────────────────┴─ anything else, Refused ─► OVER ◄─┘ Lagged LiveFrom

Invariant: the proof names the address that was dialled. A relay that got it can do nothing with it elsewhere.
"""

from enum import Enum
from typing import Final

from cctm.protocol.admission import NONCE_BYTES, Verb, proof_statement
from cctm.protocol.codec import expect_exactly, expect_int
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.keys import ChannelId, DeviceKeys, WriterId, WriterKey
from cctm.protocol.sync.messages import (
    MESSAGES,
    TABLE,
    VERSION,
    Challenge,
    Hello,
    Open,
    Opened,
    Refused,
)
from cctm.protocol.tables import Message

FROM_SERVER: Final = frozenset(message for number, message in MESSAGES.items() if number >= 64)
_HANDSHAKE: Final = frozenset({Challenge, Opened, Refused})


class State(Enum):
    START = "start"
    HELLO = "hello"
    PROVEN = "proven"
    OPEN = "open"
    OVER = "over"


class Dialling:
    """One connection."""

    def __init__(
        self,
        channel: ChannelId,
        key: WriterKey | DeviceKeys,
        address: str,
        nonce: bytes,
        invite: bytes | None = None,
    ) -> None:
        """
        Args:
            key: whom to be.
            address: as it is dialled.
            nonce: 32 fresh random bytes.
        """
        if len(nonce) != NONCE_BYTES:
            raise LocalError("nonce that is not 32 bytes")
        self.state = State.START
        self.member = WriterId(key.sign_public) if isinstance(key, DeviceKeys) else key.public
        self.verbs = Verb(0)
        self.access_version = 0
        self.refused: Refused | None = None
        self._channel = channel
        self._key = key
        self._address = address
        self._nonce = nonce
        self._invite = invite

    def begin(self) -> bytes:
        """The first message."""
        if self.state is not State.START:
            raise LocalError("begun twice")
        self.state = State.HELLO
        return TABLE.encode(Hello(VERSION, self._nonce))

    def receive_untrusted(self, data: bytes) -> tuple[bytes | None, Message | None]:
        """What to send because of a message, and the message itself if it is for the caller.

        Raises:
            MalformedError: the other side is not what it should be; the connection is over.
        """
        if self.state is State.OVER:
            return None, None
        try:
            return self._take(TABLE.decode_untrusted(data))
        except MalformedError:
            self.state = State.OVER
            raise

    def _take(self, message: Message) -> tuple[bytes | None, Message | None]:
        match self.state, message:
            case _, Refused():
                self.state = State.OVER
                self.refused = message
                return None, message
            case State.HELLO, Challenge():
                return self._prove(message), None
            case State.PROVEN, Opened():
                self.verbs = Verb(expect_int(message.verbs, 0, int(Verb.READ | Verb.APPEND | Verb.LIVE)))
                self.access_version = message.access
                self.state = State.OPEN
                return None, message
            case State.OPEN, _ if type(message) in FROM_SERVER - _HANDSHAKE:
                return None, message
            case _:
                raise MalformedError(f"{type(message).__name__} now")

    def _prove(self, challenge: Challenge) -> bytes:
        if challenge.version != VERSION:
            raise MalformedError("version")
        nonce = expect_exactly(challenge.nonce, NONCE_BYTES)
        proof = self._key.sign(proof_statement(self._channel, self._address, nonce, self._nonce))
        self.state = State.PROVEN
        return TABLE.encode(Open(self._channel, self.member, self._address, proof, self._invite))
