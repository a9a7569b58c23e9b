"""Pulse: what a host says of itself to one reader (SPEC.md §16.5).

    pulse = canonical [hail(16) or empty, n, [[log, size, head]…], box key(32), session(16) or empty, life, ran,
            lease, holder(32) or empty, [[who(32), label, role, since_us, idle_us or nil]…]]

**Invariants**

- Only a pulse with the nonce of a hail is fresh. One without tells of its session, which has a name, and of nothing
  else.
- The heads are on the host's disk.
- A pulse fits a live message: who does not fit in is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cctm.protocol.access import Role
from cctm.protocol.codec import (
    Encodable,
    decode_untrusted,
    encode,
    expect_array,
    expect_exactly,
    expect_fields,
    expect_int,
    expect_text,
)
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.events import LogHead, expect_log_head, is_name
from cctm.protocol.ids import PUBLIC_BYTES, WriterId
from cctm.protocol.live.box_keys import is_box_key

NONCE_BYTES: Final = 16
SESSION_BYTES: Final = 16
MAX_HEADS: Final = 16
MAX_PEOPLE: Final = 256
MAX_PULSE_BYTES: Final = 24 * 1024  # so that it fits a live message, padded and signed
MAX_PEOPLE_BYTES: Final = 20 * 1024


class Life(IntEnum):
    """What became of a session."""

    ENDED = 0  # or there never was one
    LIVES = 1
    BEGUN = 2  # by the hail that is answered; it lives


@dataclass(frozen=True, slots=True)
class Present:
    """One who is here: since when, and for how long without typing (None: never typed)."""

    who: WriterId
    label: str
    role: Role
    since_us: int
    idle_us: int | None


@dataclass(frozen=True, slots=True)
class Pulse:
    """*session*: the reader's newest, of which *ran* frames ran; *holder* empty: everybody may type."""

    hail: bytes
    epoch: int
    heads: tuple[LogHead, ...]
    box_key: bytes
    session: bytes
    life: Life
    ran: int
    lease: int
    holder: bytes
    people: tuple[Present, ...]


def _row(person: Present) -> Encodable:
    return (person.who, person.label, int(person.role), person.since_us, person.idle_us)


def those_that_fit(people: Iterable[Present]) -> tuple[Present, ...]:
    """As many of *people*, from the first on, as a pulse has room for."""
    fitting: list[Present] = []
    room = MAX_PEOPLE_BYTES
    for person in people:
        room -= len(encode(_row(person)))
        if room < 0 or len(fitting) == MAX_PEOPLE:
            break
        fitting.append(person)
    return tuple(fitting)


def encode_pulse(pulse: Pulse) -> bytes:
    """
    Raises:
        LocalError: no reader would accept it.
    """
    plain = encode(
        (
            pulse.hail,
            pulse.epoch,
            pulse.heads,
            pulse.box_key,
            pulse.session,
            int(pulse.life),
            pulse.ran,
            pulse.lease,
            pulse.holder,
            [_row(person) for person in pulse.people],
        )
    )
    if len(plain) > MAX_PULSE_BYTES:
        raise LocalError("pulse above the limit")
    return plain


def decode_pulse_untrusted(plain: bytes) -> Pulse:
    """
    Raises:
        MalformedError: no honest host makes it.
    """
    hail, epoch, heads, box_key, session, life, ran, lease, holder, people = expect_fields(
        decode_untrusted(plain, MAX_PULSE_BYTES), 10
    )
    if not isinstance(box_key, bytes) or not is_box_key(box_key):
        raise MalformedError("box key")
    return Pulse(
        _or_empty(hail, NONCE_BYTES),
        expect_int(epoch, 1),
        tuple(expect_log_head(head) for head in expect_array(heads, 0, MAX_HEADS)),
        box_key,
        _or_empty(session, SESSION_BYTES),
        Life(expect_int(life, Life.ENDED, Life.BEGUN)),
        expect_int(ran),
        expect_int(lease),
        _or_empty(holder, PUBLIC_BYTES),
        tuple(_expect_present(person) for person in expect_array(people, 0, MAX_PEOPLE)),
    )


def _or_empty(value: object, size: int) -> bytes:
    return b"" if value == b"" else expect_exactly(value, size)


def _expect_present(value: object) -> Present:
    who, label, role, since, idle = expect_fields(value, 5)
    if not is_name(expect_text(label)):
        raise MalformedError("label")
    return Present(
        WriterId(expect_exactly(who, PUBLIC_BYTES)),
        expect_text(label),
        Role(expect_int(role, Role.VIEWER, Role.OWNER)),
        expect_int(since),
        None if idle is None else expect_int(idle),
    )
