"""Events, entries, seals and grants: what is written is read, and in one way only."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol import contents
from cctm.protocol import entry as en
from cctm.protocol import grant as gr
from cctm.protocol.codec import encode
from cctm.protocol.entry import EntryKind, Place
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.events import decode_events_untrusted, encode_events
from cctm.protocol.keys import Digest, KeyId, entry_key, log_id
from cctm.protocol.seal import code, decode_code_untrusted, frame, unframe_untrusted, unwrap, wrap
from cctm.protocol.sizes import padded_size
from samples import CHANNEL, DEVICE, EPOCH, HOST, INCARNATION, OTHER_DEVICE
from strategies import (
    epochs,
    event_lists,
    events,
    hash_bytes,
    kinds_with_events,
    nonces,
    open_bodies,
    sealed_entries,
    seeds,
    tables,
    values,
    wire_entries,
)

pytestmark = pytest.mark.untraced

LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)
KEY = entry_key(EPOCH, CHANNEL, LOG)


@given(event_lists)
def test_events_come_back(batch):
    assert decode_events_untrusted(encode_events(batch)) == batch


@given(events, st.data())
def test_changed_events_are_refused_or_encode_to_the_same_bytes(event, data):
    encoded = bytearray(encode_events([event]))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode_events_untrusted(bytes(encoded))
    except MalformedError:
        return
    assert encode_events(decoded) == bytes(encoded)


@given(kinds_with_events, st.integers(0, 2**63 - 1), hash_bytes, nonces)
def test_sealed_events_open_at_their_place(kind_and_events, seq, prev, nonce):
    kind, batch = kind_and_events
    place = Place(CHANNEL, LOG, seq, kind, EPOCH.key_id, Digest(prev))
    body = contents.seal_events(place, KEY, batch, nonce)
    assert contents.open_events(place, KEY, body) == batch
    assert len(body) <= 24 + 16 + padded_size(9 + len(encode_events(batch)))


@given(wire_entries, hash_bytes | st.none())
def test_entries_come_back_from_a_wire(entry, previous):
    for before in (previous, entry.key_id):
        data = en.encode_wire(entry, before)
        assert en.decode_wire_untrusted(data, before) == entry


@given(sealed_entries)
def test_entries_come_back_from_a_record(sealed):
    assert en.decode_record_untrusted(en.encode_record(sealed)) == sealed


@given(sealed_entries, st.data())
def test_changed_records_are_refused_or_encode_to_the_same_bytes(sealed, data):
    payload = bytearray(en.encode_record(sealed))
    payload[data.draw(st.integers(0, min(80, len(payload) - 1)))] = data.draw(st.integers(0, 255))
    try:
        decoded = en.decode_record_untrusted(bytes(payload))
    except MalformedError:
        return
    assert en.encode_record(decoded) == bytes(payload)


@given(open_bodies)
def test_open_bodies_come_back(opening):
    assert en.decode_open_body_untrusted(opening.encode()) == opening


@given(st.binary(max_size=3_000) | st.binary(max_size=40).map(lambda part: part * 100))
def test_what_is_coded_or_framed_comes_back_padded(plain):
    padded, framed = code(plain), frame(plain)
    assert decode_code_untrusted(padded, len(plain)) == plain
    assert unframe_untrusted(framed) == plain
    assert len(padded) == padded_size(len(padded))
    assert len(framed) == padded_size(len(framed))


@given(seeds, st.text(max_size=16), st.lists(values, max_size=3), st.binary(max_size=200), nonces, values)
def test_what_is_wrapped_unwraps_in_its_context_only(key, purpose, context, plain, nonce, other):
    wrapped = wrap(key, purpose, tuple(context), plain, nonce)
    assert unwrap(key, purpose, tuple(context), wrapped) == plain
    with pytest.raises(OpenError):
        unwrap(key, purpose, (*context, other), wrapped)


@given(st.lists(epochs, min_size=1, max_size=4, unique_by=lambda e: e.number), tables, seeds, hash_bytes)
def test_grants_come_back(secrets, table, seed, prev):
    secrets.sort(key=lambda secret: secret.number)
    epoch = secrets[-1]
    place = Place(CHANNEL, LOG, 1, EntryKind.GRANT, epoch.key_id, Digest(prev))
    recipients = [
        gr.Recipient(DEVICE.box_public, tuple(secrets)),
        gr.Recipient(OTHER_DEVICE.box_public, (epoch,)),
    ]
    body = gr.make_grant(place, epoch, recipients, table, seed)
    assert gr.open_grant_untrusted(DEVICE, place, body) == gr.Grant(epoch, tuple(secrets), table)
    assert gr.open_grant_untrusted(OTHER_DEVICE, place, body) == gr.Grant(epoch, (epoch,), table)
    assert encode(gr.decode_grant_body_untrusted(body)) == body
    moved = dataclasses.replace(place, key_id=KeyId(bytes(32)))
    with pytest.raises(OpenError):
        gr.open_grant_untrusted(DEVICE, moved, body)
