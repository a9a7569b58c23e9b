"""Grants: who gets the epoch secrets, and who may do what (SPEC.md §4.3).

    body  = canonical [[box…], table]
    box   = sealed box to one recipient of frame(canonical ["cctm grant box", channel, n, recipient(32),
            [[epoch, secret(32)]…]])
    table = nonce(24) ‖ XChaCha20-Poly1305(grant key, nonce, frame(canonical ["cctm grant", n,
            [[member(32), role]…], [[log, size, head]…]]), aad = header)

**Invariants**

- The boxes say neither for whom they are nor how many count: they are shuffled, equally long, and filled up
  to a power of two with boxes to keys that nobody has.
- A secret is only ever sealed to a person, never under another epoch's secret.
- The epoch secret in a box is the one that the entry's key_id commits to; so every recipient of an entry that
  opens has the same one.
- Lists are in ascending order without repetition: one table, one encoding.

*Not* protected: the box is anonymous; that it comes from the host is what the entry's signature says.
"""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from .access import Role
from .codec import (
    Encodable,
    decode_untrusted,
    encode,
    expect_array,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
)
from .entry import EntryKind, Place, header
from .errors import LocalError, MalformedError, OpenError
from .events import LogHead, expect_log_head
from .keys import HASH_BYTES, PUBLIC_BYTES, ChannelId, DeviceKeys, EpochSecret, WriterId, grant_key, hash32
from .seal import BOX_OVERHEAD_BYTES, box, frame, open_sealed, seal, unbox, unframe_untrusted
from .sizes import NONCE_BYTES, PAD_FLOOR_BYTES, SEALED_OVERHEAD_BYTES, padded_size

MIN_BOXES: Final = 4
MAX_BOXES: Final = 1_024
MAX_GRANT_BYTES: Final = 16 * 2**20
MAX_SECRETS: Final = 4_096
MAX_ROLES: Final = 4_096
MAX_CUTS: Final = 4_096

_HEAD_BYTES: Final = 128  # of a box, table or body, besides what is counted: purpose, ids, lengths; at most
_BIN_HEAD_BYTES: Final = 5
_PAIR_BYTES: Final = 1 + 2 + HASH_BYTES  # an array, and the secret; the epoch's number comes to it
_ROLE_BYTES: Final = 1 + 2 + PUBLIC_BYTES + 1

_BOX_PURPOSE: Final = "cctm grant box"
_TABLE_PURPOSE: Final = "cctm grant"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One device, or one guest, and the secrets that it may have; the new epoch's is among them."""

    box_public: bytes
    secrets: tuple[EpochSecret, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The role table and, for the logs of former members, how much of them counts."""

    roles: Mapping[WriterId, Role]
    cuts: tuple[LogHead, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a recipient learns. *secrets* are in ascending order and include *epoch*."""

    epoch: EpochSecret
    secrets: tuple[EpochSecret, ...]
    table: Table


def make_grant(
    place: Place, epoch: EpochSecret, recipients: Sequence[Recipient], table: Table, seed: bytes
) -> bytes:
    """The body of the grant at *place*.

    Args:
        recipients: the host's own device among them.
        seed: 32 fresh random bytes, from which ephemeral keys, throw-away keys, order and nonce are drawn.
    Raises:
        LocalError: the place is not a grant's under *epoch*, a recipient lacks its secret, or there are
            too many.
    """
    if place.kind is not EntryKind.GRANT or place.key_id != epoch.key_id:
        raise LocalError("not the place of this grant")
    if not 1 <= len(recipients) <= MAX_BOXES:
        raise LocalError("no recipients, or too many")
    plains = _encode_boxes(place.channel, epoch, recipients)
    size = max(len(frame(plain)) for plain in plains)
    boxes = [
        box(recipient.box_public, frame(plain, size), _draw(seed, "ephemeral", index))
        for index, (recipient, plain) in enumerate(zip(recipients, plains, strict=True))
    ]
    boxes.extend(
        box(
            DeviceKeys.from_seed(_draw(seed, "throw away", index)).box_public,
            bytes(size),
            _draw(seed, "ephemeral", index),
        )
        for index in range(len(boxes), _box_count(len(boxes)))
    )
    shuffled = [boxes[index] for index in sorted(range(len(boxes)), key=lambda i: _draw(seed, "order", i))]
    sealed_table = seal(
        grant_key(epoch, place.channel, place.log),
        _draw(seed, "nonce", 0)[:NONCE_BYTES],
        frame(_encode_table(epoch.number, table)),
        header(place),
    )
    body = encode((shuffled, sealed_table))
    if len(body) > MAX_GRANT_BYTES:
        raise LocalError("grant size")
    return body


def secrets_that_fit(recipients: int, roles: int, newest: int) -> int:
    """How many secrets each of so many recipients can get by one grant, whose table has so many roles.

    Args:
        newest: the number of the newest of them.
    """
    boxes = _box_count(recipients)
    table_bytes = SEALED_OVERHEAD_BYTES + padded_size(_HEAD_BYTES + roles * _ROLE_BYTES)
    room = (MAX_GRANT_BYTES - _HEAD_BYTES - table_bytes) // boxes - _BIN_HEAD_BYTES - BOX_OVERHEAD_BYTES
    pair_bytes = _PAIR_BYTES + len(encode(newest))
    # What is padded is at most as large as the largest padded size that there is room for.
    return bisect.bisect_right(
        range(1, MAX_SECRETS + 1), room, key=lambda number: padded_size(_HEAD_BYTES + number * pair_bytes)
    )


def _box_count(wanted: int) -> int:
    return max(MIN_BOXES, 1 << (wanted - 1).bit_length())


def _draw(seed: bytes, use: str, index: int) -> bytes:
    """32 bytes for one use. How a host draws them is its own affair: no reader can tell."""
    return hash32(b"cctm grant seed", encode((use, index)), key=seed)


def _encode_boxes(channel: ChannelId, epoch: EpochSecret, recipients: Sequence[Recipient]) -> list[bytes]:
    """The plain text of each box. Hundreds of guests get the same secrets, which are many: they are encoded once."""
    encoded: dict[int, bytes] = {}  # by identity, as long as *recipients* are there
    plains = []
    for recipient in recipients:
        pairs = encoded.get(id(recipient.secrets))
        if pairs is None:
            pairs = encoded[id(recipient.secrets)] = _encode_secrets(channel, epoch, recipient)
        plains.append(_encode_head(channel, epoch, recipient) + pairs)
    return plains


def _encode_head(channel: ChannelId, epoch: EpochSecret, recipient: Recipient) -> bytes:
    """All of a box before its secrets, which are the last of its fields."""
    return encode((_BOX_PURPOSE, channel, epoch.number, recipient.box_public, ()))[: -len(encode(()))]


def _encode_secrets(channel: ChannelId, epoch: EpochSecret, recipient: Recipient) -> bytes:
    """The secrets of a box, which is read back at once: a host must not make what a recipient refuses."""
    secrets = sorted(recipient.secrets, key=lambda secret: secret.number)
    pairs: list[Encodable] = [(secret.number, secret.secret) for secret in secrets]
    encoded = encode(pairs)
    plain = _encode_head(channel, epoch, recipient) + encoded
    try:
        _, readable = decode_box_untrusted(plain, channel, recipient.box_public)
    except MalformedError as error:
        raise LocalError("a recipient's secrets") from error
    if epoch not in readable:
        raise LocalError("a recipient without the epoch's secret")
    return encoded


def _encode_table(number: int, table: Table) -> bytes:
    """The plain text of the table, read back like the boxes."""
    roles: list[Encodable] = [(member, int(role)) for member, role in sorted(table.roles.items())]
    plain = encode((_TABLE_PURPOSE, number, roles, sorted(table.cuts)))
    try:
        decode_table_untrusted(plain, number)
    except MalformedError as error:
        raise LocalError("role table") from error
    return plain


def decode_grant_body_untrusted(body: bytes) -> tuple[list[bytes], bytes]:
    """The boxes and the sealed table in *body*; needs no key.

    Raises:
        MalformedError: the boxes are not 4, 8, 16 … of one size, or something else is wrong.
    """
    boxes, table = expect_fields(decode_untrusted(body, MAX_GRANT_BYTES), 2)
    listed = [
        expect_bytes(item, BOX_OVERHEAD_BYTES + PAD_FLOOR_BYTES)
        for item in expect_array(boxes, MIN_BOXES, MAX_BOXES)
    ]
    if len(listed) & (len(listed) - 1) or len({len(item) for item in listed}) != 1:
        raise MalformedError("boxes")
    return listed, expect_bytes(table, SEALED_OVERHEAD_BYTES + PAD_FLOOR_BYTES)


def open_grant_untrusted(device: DeviceKeys, place: Place, body: bytes) -> Grant:
    """Open the grant at *place*, which was verified, with a device's keys.

    Raises:
        OpenError: nothing in it is for this device, or it was made for another place or key.
        MalformedError: no honest host makes it.
    """
    boxes, sealed_table = decode_grant_body_untrusted(body)
    plain = unframe_untrusted(_first_that_opens(device, boxes))
    number, secrets = decode_box_untrusted(plain, place.channel, device.box_public)
    epoch = next((secret for secret in secrets if secret.number == number), None)
    if epoch is None or epoch.key_id != place.key_id:
        raise OpenError
    return Grant(epoch, secrets, _open_table(epoch, place, sealed_table))


def open_table_untrusted(epoch: EpochSecret, place: Place, body: bytes) -> Table:
    """The table of the grant at *place*, for one who has the epoch's secret already.

    Raises:
        OpenError: it was made for another place or key.
        MalformedError: no honest host makes it.
    """
    _, sealed_table = decode_grant_body_untrusted(body)
    if epoch.key_id != place.key_id:
        raise OpenError
    return _open_table(epoch, place, sealed_table)


def _first_that_opens(device: DeviceKeys, boxes: Sequence[bytes]) -> bytes:
    for boxed in boxes:
        try:
            return unbox(device.box_public, device.box_secret, boxed)
        except OpenError:
            continue
    raise OpenError


def _open_table(epoch: EpochSecret, place: Place, sealed_table: bytes) -> Table:
    framed = open_sealed(grant_key(epoch, place.channel, place.log), sealed_table, header(place))
    return decode_table_untrusted(unframe_untrusted(framed), epoch.number)


def decode_box_untrusted(
    plain: bytes, channel: ChannelId, recipient: bytes
) -> tuple[int, tuple[EpochSecret, ...]]:
    """The epoch number and the secrets in a box.

    Raises:
        OpenError: it was made for another purpose, channel or recipient.
        MalformedError: no honest host makes it.
    """
    purpose, for_channel, number, for_recipient, pairs = expect_fields(
        decode_untrusted(plain, MAX_GRANT_BYTES), 5
    )
    if (purpose, for_channel, for_recipient) != (_BOX_PURPOSE, channel, recipient):
        raise OpenError
    secrets = []
    for pair in expect_array(pairs, 1, MAX_SECRETS):
        epoch, secret = expect_fields(pair, 2)
        secrets.append(EpochSecret(expect_int(epoch, 1), expect_exactly(secret, HASH_BYTES)))
    if not _ascend([secret.number for secret in secrets]):
        raise MalformedError("order")
    return expect_int(number, 1), tuple(secrets)


def decode_table_untrusted(plain: bytes, number: int) -> Table:
    """The table of epoch *number*.

    Raises:
        OpenError: it was made for another purpose or epoch.
        MalformedError: no honest host makes it.
    """
    purpose, epoch, members, heads = expect_fields(decode_untrusted(plain, MAX_GRANT_BYTES), 4)
    if purpose != _TABLE_PURPOSE or expect_int(epoch, 1) != number:
        raise OpenError
    roles = [_expect_role(item) for item in expect_array(members, 0, MAX_ROLES)]
    cuts = tuple(expect_log_head(item) for item in expect_array(heads, 0, MAX_CUTS))
    if not _ascend([member for member, _ in roles]) or not _ascend([cut.log for cut in cuts]):
        raise MalformedError("order")
    return Table(dict(roles), cuts)


def _expect_role(value: object) -> tuple[WriterId, Role]:
    member, role = expect_fields(value, 2)
    return WriterId(expect_exactly(member, PUBLIC_BYTES)), Role(expect_int(role, Role.VIEWER, Role.OWNER))


Ordered = TypeVar("Ordered", int, bytes)


def _ascend(items: Sequence[Ordered]) -> bool:
    """Whether *items* are in ascending order, none twice."""
    return all(earlier < later for earlier, later in pairwise(items))
