"""Words: what readers ask of a host (SPEC.md §16.5).

    word = canonical ["cctm word", channel, box key(32), sender(32), what, fields…]

    1 input    session(16), k, lease, seen, data(1…16,384)      frames: k counts them in their session
    3 window   session(16), k, cols, rows
    4 floor    session(16), k, action
    2 enrol    sign key(32), box key(32), label, sig            by a link; sig by that sign key
    5 leave

**Invariants**

- A word opens for one channel, one box key and one sender, all three of which it names.
- An enrolment is signed by the key that it enrols, for one link: nobody is enrolled by another, or under another link.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeAlias

from cctm.protocol.codec import (
    Encodable,
    decode_untrusted,
    encode,
    expect_array,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
    expect_text,
)
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.events import MAX_CELLS, is_name
from cctm.protocol.ids import PUBLIC_BYTES, SIG_BYTES, ChannelId, WriterId, statement, verify
from cctm.protocol.keys import DeviceKeys
from cctm.protocol.live.box_keys import is_box_key
from cctm.protocol.live.pulse import SESSION_BYTES

MAX_INPUT_BYTES: Final = 16_384
MAX_WORD_BYTES: Final = 24 * 1024
_PURPOSE: Final = "cctm word"


class Wish(IntEnum):
    """What a driver wants of the floor."""

    REQUEST = 0
    RELEASE = 1


@dataclass(frozen=True, slots=True)
class Input:
    """Keys. *seen*: the offset of the stream up to which the driver had seen it; *lease*: the one it knew."""

    session: bytes
    k: int
    lease: int
    seen: int
    data: bytes = field(repr=False)  # it may be a password


@dataclass(frozen=True, slots=True)
class Enrol:
    """Whoever reads by a link wants to be told apart, under keys of its own."""

    sign_key: WriterId
    box_key: bytes
    label: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Window:
    """How large the driver's window is."""

    session: bytes
    k: int
    cols: int
    rows: int


@dataclass(frozen=True, slots=True)
class Floor:
    session: bytes
    k: int
    wish: Wish


@dataclass(frozen=True, slots=True)
class Leave:
    """The reader goes."""


Frame: TypeAlias = Input | Window | Floor
Word: TypeAlias = Frame | Enrol | Leave


def _enrol_statement(channel: ChannelId, link: WriterId, box_key: bytes, label: str) -> bytes:
    return statement("cctm enrol", channel, link, box_key, label)


def make_enrol(guest: DeviceKeys, channel: ChannelId, link: WriterId, label: str) -> Enrol:
    """*guest* wants to be enrolled under *link*."""
    sig = guest.sign(_enrol_statement(channel, link, guest.box_public, label))
    return Enrol(WriterId(guest.sign_public), guest.box_public, label, sig)


def is_for(enrol: Enrol, channel: ChannelId, link: WriterId) -> bool:
    """Whether the key that is to be enrolled asks for it itself, under *link*."""
    return verify(enrol.sign_key, _enrol_statement(channel, link, enrol.box_key, enrol.label), enrol.sig)


def _fields(word: Word) -> tuple[Encodable, ...]:
    match word:
        case Input(session, k, lease, seen, data):
            return (1, session, k, lease, seen, data)
        case Enrol(sign_key, box_key, label, sig):
            return (2, sign_key, box_key, label, sig)
        case Window(session, k, cols, rows):
            return (3, session, k, cols, rows)
        case Floor(session, k, wish):
            return (4, session, k, int(wish))
        case Leave():
            return (5,)


def encode_word(channel: ChannelId, box_key: bytes, sender: WriterId, word: Word) -> bytes:
    return encode((_PURPOSE, channel, box_key, sender, *_fields(word)))


def decode_word_untrusted(plain: bytes, channel: ChannelId, box_key: bytes, sender: WriterId) -> Word:
    """
    Raises:
        OpenError: it was made for another purpose, channel or key, or by another sender.
        MalformedError: no honest reader makes it.
    """
    fields = expect_array(decode_untrusted(plain, MAX_WORD_BYTES, 16), 5, 10)
    if tuple(fields[:4]) != (_PURPOSE, channel, box_key, sender):
        raise OpenError
    return _word(expect_int(fields[4]), fields[5:])


def _word(what: int, fields: Sequence[object]) -> Word:
    match what:
        case 1:
            session, k, lease, seen, data = expect_fields(fields, 5)
            return Input(
                _session(session),
                expect_int(k),
                expect_int(lease),
                expect_int(seen),
                expect_bytes(data, 1, MAX_INPUT_BYTES),
            )
        case 2:
            return _enrol(fields)
        case 3:
            session, k, cols, rows = expect_fields(fields, 4)
            return Window(
                _session(session),
                expect_int(k),
                expect_int(cols, 1, MAX_CELLS),
                expect_int(rows, 1, MAX_CELLS),
            )
        case 4:
            session, k, wish = expect_fields(fields, 3)
            return Floor(_session(session), expect_int(k), Wish(expect_int(wish, Wish.REQUEST, Wish.RELEASE)))
        case 5:
            expect_fields(fields, 0)
            return Leave()
        case _:
            raise MalformedError("word")


def _session(value: object) -> bytes:
    return expect_exactly(value, SESSION_BYTES)


def _enrol(fields: Sequence[object]) -> Enrol:
    sign_key, box_key, label, sig = expect_fields(fields, 4)
    if not is_name(expect_text(label)):
        raise MalformedError("label")
    # A grant cannot be made for a key of small order: one such guest would lock all others out.
    if not isinstance(box_key, bytes) or not is_box_key(box_key):
        raise MalformedError("box key")
    return Enrol(
        WriterId(expect_exactly(sign_key, PUBLIC_BYTES)),
        box_key,
        expect_text(label),
        expect_exactly(sig, SIG_BYTES),
    )
