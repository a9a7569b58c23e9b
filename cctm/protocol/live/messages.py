"""Live messages: how each is sealed and opened (SPEC.md §16.5).

    1 hail      reader → host   canonical [nonce(16), box key(32) or empty, begin, round_trip_us or nil]
    2 pulse     host → reader   key_id(32) ‖ nonce(24) ‖ XChaCha20-Poly1305(live key, nonce, frame(pulse), aad)
    3 word      reader → host   sealed box to the host's box key of frame(word), at least 256 bytes
    4 farewell  host → reader   canonical [why]

**Invariants**

- A word says inside the box who sent it and to which key: whoever puts another name and signature around another's
  box gets nothing.
- A pulse is bound to its channel, its receiver and its epoch.

*Not* protected: a farewell and a hail may be old. The first is a hint; the second counts as a sign of life only by the
box key that it names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_bool,
    expect_exactly,
    expect_fields,
    expect_int,
)
from cctm.protocol.errors import OpenError
from cctm.protocol.keys import (
    HASH_BYTES,
    PUBLIC_BYTES,
    ChannelId,
    DeviceKeys,
    EpochSecret,
    KeyId,
    WriterId,
    WriterKey,
    hash32,
)
from cctm.protocol.live.box_keys import BoxKey
from cctm.protocol.live.envelope import Envelope, Kind, expect_kind, open_live_untrusted, seal_live
from cctm.protocol.live.pulse import NONCE_BYTES, Pulse, decode_pulse_untrusted, encode_pulse
from cctm.protocol.live.words import Word, decode_word_untrusted, encode_word
from cctm.protocol.seal import box, frame, open_sealed, seal, unbox, unframe_untrusted

__all__ = [
    "Envelope",
    "Hail",
    "Kind",
    "Why",
    "open_farewell_untrusted",
    "open_hail_untrusted",
    "open_live_untrusted",
    "open_pulse_untrusted",
    "open_word_untrusted",
    "seal_farewell",
    "seal_hail",
    "seal_pulse",
    "seal_word",
]

# A key, a short line, a window size and a leave look the same to who passes them on.
MIN_WORD_BYTES: Final = 256


class Why(IntEnum):
    """What a farewell says."""

    ENDED = 0  # the terminal; its log says so, too
    REMOVED = 1
    UNSHARED = 2


@dataclass(frozen=True, slots=True)
class Hail:
    """Are you there? *box_key*: of the newest pulse, which shows that this hail is not an old one."""

    nonce: bytes
    box_key: bytes
    begin: bool
    round_trip_us: int | None


# --- hail, farewell


def seal_hail(sender: DeviceKeys, channel: ChannelId, host: WriterId, hail: Hail) -> bytes:
    body = encode((hail.nonce, hail.box_key, hail.begin, hail.round_trip_us))
    return seal_live(sender, channel, Kind.HAIL, host, body)


def open_hail_untrusted(envelope: Envelope) -> Hail:
    """
    Raises:
        MalformedError: not a hail.
    """
    expect_kind(envelope, Kind.HAIL)
    nonce, box_key, begin, round_trip = expect_fields(decode_untrusted(envelope.body, 128, 4), 4)
    return Hail(
        expect_exactly(nonce, NONCE_BYTES),
        b"" if box_key == b"" else expect_exactly(box_key, PUBLIC_BYTES),
        expect_bool(begin),
        None if round_trip is None else expect_int(round_trip),
    )


def seal_farewell(host: WriterKey, channel: ChannelId, to: WriterId, why: Why) -> bytes:
    return seal_live(host, channel, Kind.FAREWELL, to, encode((int(why),)))


def open_farewell_untrusted(envelope: Envelope) -> Why:
    """
    Raises:
        MalformedError: not a farewell.
    """
    expect_kind(envelope, Kind.FAREWELL)
    [why] = expect_fields(decode_untrusted(envelope.body, 16, 1), 1)
    return Why(expect_int(why, Why.ENDED, Why.UNSHARED))


# --- pulse


def _live_key(epoch: EpochSecret, channel: ChannelId) -> bytes:
    return hash32(b"cctm live key", encode((channel, epoch.number)), key=epoch.secret)


def _pulse_aad(channel: ChannelId, to: WriterId, key_id: KeyId) -> bytes:
    return encode(("cctm pulse", channel, to, key_id))


def seal_pulse(
    host: WriterKey, channel: ChannelId, to: WriterId, epoch: EpochSecret, pulse: Pulse, nonce: bytes
) -> bytes:
    """
    Args:
        nonce: 24 fresh random bytes.
    """
    key_id = epoch.key_id
    framed = frame(encode_pulse(pulse))
    sealed = seal(_live_key(epoch, channel), nonce, framed, _pulse_aad(channel, to, key_id))
    return seal_live(host, channel, Kind.PULSE, to, key_id + sealed)


def open_pulse_untrusted(
    envelope: Envelope, channel: ChannelId, to: WriterId, secrets: Mapping[KeyId, EpochSecret]
) -> Pulse:
    """
    Raises:
        OpenError: under an epoch that is not among *secrets*, or changed.
        MalformedError: not a pulse.
    """
    expect_kind(envelope, Kind.PULSE)
    key_id = KeyId(envelope.body[:HASH_BYTES])
    epoch = secrets.get(key_id)
    if epoch is None:
        raise OpenError
    aad = _pulse_aad(channel, to, key_id)
    framed = open_sealed(_live_key(epoch, channel), envelope.body[HASH_BYTES:], aad)
    pulse = decode_pulse_untrusted(unframe_untrusted(framed))
    if pulse.epoch != epoch.number:
        raise OpenError
    return pulse


# --- word


def seal_word(
    sender: DeviceKeys, channel: ChannelId, host: WriterId, box_key: bytes, word: Word, seed: bytes
) -> bytes:
    """
    Args:
        box_key: of the host's newest pulse.
        seed: 32 fresh random bytes, of the box's ephemeral key.
    """
    plain = encode_word(channel, box_key, WriterId(sender.sign_public), word)
    return seal_live(sender, channel, Kind.WORD, host, box(box_key, frame(plain, MIN_WORD_BYTES), seed))


def open_word_untrusted(
    envelope: Envelope, channel: ChannelId, box_keys: Sequence[BoxKey]
) -> tuple[Word, BoxKey]:
    """The word, and to which of *box_keys* it was sealed. They are tried in order.

    Raises:
        OpenError: to none of them; or it was made for another channel, or by another sender.
        MalformedError: not a word.
    """
    expect_kind(envelope, Kind.WORD)
    for key in box_keys:
        try:
            framed = unbox(key.public, key.secret, envelope.body)
        except OpenError:
            continue
        plain = unframe_untrusted(framed)
        return decode_word_untrusted(plain, channel, key.public, envelope.sender), key
    raise OpenError
