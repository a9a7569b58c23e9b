"""Envelopes: who sent a live message, to whom, and that this is so (SPEC.md §16.5).

    live = canonical [kind, sender(32), body, sig]
    sig  = Ed25519(sender, statement("cctm live", channel, kind, to(32), body))

**Invariants**

- A signature is for one channel, one kind and one receiver: nothing sent to one is worth anything elsewhere.
- An `Envelope` from `check_letter_untrusted` was signed by its sender. Whether that sender may say it is the caller's
  to ask.

*Not* protected: who sends when to whom, and how much; whether it was sent just now, or came before.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
)
from cctm.protocol.errors import LocalError, MalformedError, OpenError
from cctm.protocol.ids import PUBLIC_BYTES, SIG_BYTES, ChannelId, WriterId, statement, verify
from cctm.protocol.keys import DeviceKeys, WriterKey

MAX_LIVE_BYTES: Final = 32 * 1024


class Kind(IntEnum):
    HAIL = 1
    PULSE = 2
    WORD = 3
    FAREWELL = 4


@dataclass(frozen=True, slots=True)
class Letter:
    """A live message before its signature is checked."""

    kind: Kind
    sender: WriterId
    body: bytes
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A live message that *sender* signed, for this channel and this receiver."""

    kind: Kind
    sender: WriterId
    body: bytes


def _statement(channel: ChannelId, kind: Kind, to: WriterId, body: bytes) -> bytes:
    return statement("cctm live", channel, int(kind), to, body)


def seal_live(
    keys: DeviceKeys | WriterKey, channel: ChannelId, kind: Kind, to: WriterId, body: bytes
) -> bytes:
    sender = keys.public if isinstance(keys, WriterKey) else keys.sign_public
    data = encode((int(kind), sender, body, keys.sign(_statement(channel, kind, to, body))))
    if len(data) > MAX_LIVE_BYTES:
        raise LocalError("live message above the limit")
    return data


def decode_live_untrusted(data: bytes) -> Letter:
    """
    Raises:
        MalformedError: not a live message.
    """
    kind, sender, body, sig = expect_fields(decode_untrusted(data, MAX_LIVE_BYTES, 4), 4)
    return Letter(
        Kind(expect_int(kind, Kind.HAIL, Kind.FAREWELL)),
        WriterId(expect_exactly(sender, PUBLIC_BYTES)),
        expect_bytes(body),
        expect_exactly(sig, SIG_BYTES),
    )


def check_letter_untrusted(channel: ChannelId, to: WriterId, letter: Letter) -> Envelope:
    """
    Raises:
        OpenError: its sender did not sign it, or for another channel or receiver.
    """
    if not verify(letter.sender, _statement(channel, letter.kind, to, letter.body), letter.sig):
        raise OpenError
    return Envelope(letter.kind, letter.sender, letter.body)


def open_live_untrusted(channel: ChannelId, to: WriterId, data: bytes) -> Envelope:
    """The live message *data*, for *to*, its signature verified.

    Raises:
        MalformedError: not a live message.
        OpenError: its sender did not sign it, or for another channel or receiver.
    """
    return check_letter_untrusted(channel, to, decode_live_untrusted(data))


def expect_kind(envelope: Envelope, kind: Kind) -> None:
    """
    Raises:
        MalformedError: *envelope* is of another kind.
    """
    if envelope.kind is not kind:
        raise MalformedError("kind of live message")
