"""What is in an entry: events, sealed under an epoch (SPEC.md §4.1, §4.2).

    body = nonce(24) ‖ XChaCha20-Poly1305(entry key, nonce, pad(code(events)), aad = header)

**Invariants**

- The kind says what events may be inside (SPEC.md §4): who cannot decrypt sees no more than the kind.
- `open_events` is called only after the entry's signature, or that of a later entry of its chain, was
  verified.

Apart from `entry`, so that who has no key, a relay above all, can do without this module and what it imports.
"""

from collections.abc import Sequence

from .entry import EntryKind, Place, header
from .errors import LocalError, MalformedError
from .events import (
    MAX_DATA_BYTES,
    MAX_KEYFRAME_BYTES,
    Closed,
    Event,
    Keyframe,
    decode_events_untrusted,
    encode_events,
)
from .keys import EntryKey
from .seal import code, decode_code_untrusted, open_sealed, seal


def fits(kind: EntryKind, events: Sequence[Event]) -> bool:
    """Whether an entry of *kind* may hold *events*."""
    kinds = [type(event) for event in events]
    if kind is EntryKind.KEYFRAME:
        return kinds == [Keyframe]
    if kind is EntryKind.CLOSE:
        return kinds[-1:] == [Closed] and _is_data(kinds[:-1])
    return kind is EntryKind.DATA and bool(kinds) and _is_data(kinds)


def _is_data(kinds: Sequence[type[Event]]) -> bool:
    return Keyframe not in kinds and Closed not in kinds


def max_plain_bytes(kind: EntryKind) -> int:
    return MAX_KEYFRAME_BYTES if kind is EntryKind.KEYFRAME else MAX_DATA_BYTES


def seal_events(place: Place, key: EntryKey, events: Sequence[Event], nonce: bytes) -> bytes:
    """The body of the entry at *place*.

    Args:
        nonce: 24 fresh random bytes.
    Raises:
        LocalError: *events* do not fit the kind, or are too large.
    """
    return seal_events_below(place.kind, header(place), key, events, nonce)


def seal_events_below(
    kind: EntryKind, head: bytes, key: EntryKey, events: Sequence[Event], nonce: bytes
) -> bytes:
    """`seal_events`, for one who has the header already."""
    if not fits(kind, events):
        raise LocalError(f"events that do not fit {kind.name}")
    plain = encode_events(events)
    if len(plain) > max_plain_bytes(kind):
        raise LocalError("plain size")
    return seal(key, nonce, code(plain), head)


def open_events(place: Place, key: EntryKey, body: bytes) -> list[Event]:
    """Open *body*, of the verified entry at *place*.

    Args:
        place: bound as associated data.
        key: of the place's log and of the epoch that its key_id names.
    Raises:
        OpenError: any failure to decrypt. Why is not said, on purpose.
        MalformedError: the writer sealed what no honest writer seals; the entry is void.
    """
    most = max_plain_bytes(place.kind)
    events = decode_events_untrusted(
        decode_code_untrusted(open_sealed(key, body, header(place)), most),
        most,
    )
    if not fits(place.kind, events):
        raise MalformedError("events that do not fit their entry")
    return events
