"""Sealed things: each byte counts, and each binding."""

import dataclasses

import pytest

from cctm.protocol.codec import encode
from cctm.protocol.contents import open_events, seal_events
from cctm.protocol.entry import EntryKind, Place, decode_record_untrusted, digest, encode_record, entry_hash
from cctm.protocol.errors import ChainError, Flaw, MalformedError, OpenError
from cctm.protocol.grant import open_grant_untrusted, open_table_untrusted
from cctm.protocol.keys import Digest, EntryKey, KeyId, LogId, entry_key, log_id
from cctm.protocol.log import LogVerifier
from cctm.protocol.seal import unwrap, wrap
from samples import (
    CHANNEL,
    DATA_EVENTS,
    DEVICE,
    EPOCH,
    HOST,
    INCARNATION,
    MEMBER,
    NEXT_EPOCH,
    OTHER_CHANNEL,
    OUTPUT,
    drawn,
    entries,
    host_log,
    nonce,
)

LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)
KEY = entry_key(EPOCH, CHANNEL, LOG)
CHAIN = host_log()
GRANT_PLACE = Place(CHANNEL, LOG, 1, EntryKind.GRANT, EPOCH.key_id, CHAIN[1].prev)
DATA_PLACE = Place(CHANNEL, LOG, 3, EntryKind.DATA, EPOCH.key_id, CHAIN[3].prev)

WRONG_PLACES = [
    {"channel": OTHER_CHANNEL},
    {"log": LogId(drawn("another log"))},
    {"seq": 4},
    {"key_id": NEXT_EPOCH.key_id},
    {"key_id": KeyId(bytes(32))},
    {"prev": Digest(drawn("another prev"))},
]


def each_byte_flipped(data):
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x40
        yield bytes(changed)


def test_the_samples_open():
    assert open_events(DATA_PLACE, KEY, CHAIN[3].entry.body) == list(DATA_EVENTS)
    assert open_grant_untrusted(DEVICE, GRANT_PLACE, CHAIN[1].entry.body).epoch == EPOCH


def test_an_entry_with_any_byte_of_its_body_changed_does_not_open():
    for body in each_byte_flipped(CHAIN[3].entry.body):
        with pytest.raises(OpenError):
            open_events(DATA_PLACE, KEY, body)


@pytest.mark.parametrize("sealed", CHAIN, ids=lambda sealed: sealed.entry.kind.name)
def test_a_record_with_any_byte_changed_is_refused(sealed):
    before = CHAIN[: sealed.entry.seq]
    for payload in each_byte_flipped(encode_record(sealed)):
        verifier = LogVerifier(CHANNEL, LOG)
        verifier.admit_sealed_untrusted(before)
        try:
            changed = decode_record_untrusted(payload)
        except MalformedError:
            continue
        with pytest.raises(ChainError) as caught:
            verifier.admit_sealed_untrusted([changed])
        assert caught.value.seq == sealed.entry.seq


def test_a_record_cut_short_anywhere_is_refused():
    payload = encode_record(CHAIN[3])
    for size in range(len(payload)):
        with pytest.raises(MalformedError):
            decode_record_untrusted(payload[:size])


@pytest.mark.parametrize("changed", [*WRONG_PLACES, {"kind": EntryKind.CLOSE}, {"kind": EntryKind.KEYFRAME}])
def test_an_entry_does_not_open_at_another_place(changed):
    with pytest.raises(OpenError):
        open_events(dataclasses.replace(DATA_PLACE, **changed), KEY, CHAIN[3].entry.body)


@pytest.mark.parametrize(
    "key",
    [
        entry_key(NEXT_EPOCH, CHANNEL, LOG),
        entry_key(EPOCH, OTHER_CHANNEL, LOG),
        entry_key(EPOCH, CHANNEL, log_id(HOST.public, CHANNEL, INCARNATION, 2)),
        EntryKey(EPOCH.secret),
        EntryKey(bytes(32)),
    ],
)
def test_an_entry_does_not_open_with_another_key(key):
    with pytest.raises(OpenError):
        open_events(DATA_PLACE, key, CHAIN[3].entry.body)


def test_a_grant_with_any_byte_changed_gives_its_reader_nothing_or_what_it_held():
    """A byte in somebody else's box is not this reader's to notice: the signature covers it."""
    whole = open_grant_untrusted(DEVICE, GRANT_PLACE, CHAIN[1].entry.body)
    refused = 0
    for body in each_byte_flipped(CHAIN[1].entry.body):
        try:
            grant = open_grant_untrusted(DEVICE, GRANT_PLACE, body)
        except (OpenError, MalformedError):
            refused += 1
        else:
            assert grant == whole
    assert refused >= 300


def test_a_grants_table_with_any_byte_changed_does_not_open():
    body = CHAIN[1].entry.body
    for changed in [bytes(body[:-size]) + bytes(each) for size, each in last_bytes_flipped(body, 150)]:
        with pytest.raises(OpenError):
            open_table_untrusted(EPOCH, GRANT_PLACE, changed)


def last_bytes_flipped(data, count):
    for size in range(1, count + 1):
        yield size, bytes([data[-size] ^ 1]) + data[len(data) - size + 1 :]


@pytest.mark.parametrize("changed", [*WRONG_PLACES, {"kind": EntryKind.DATA}])
def test_a_grant_does_not_open_at_another_place(changed):
    place = dataclasses.replace(GRANT_PLACE, **changed)
    with pytest.raises(OpenError):
        open_grant_untrusted(DEVICE, place, CHAIN[1].entry.body)
    with pytest.raises(OpenError):
        open_table_untrusted(EPOCH, place, CHAIN[1].entry.body)


def test_each_byte_of_a_wrapped_secret_counts():
    wrapped = wrap(DEVICE.wrap_key, "cctm wrap writer", (CHANNEL,), HOST.seed, nonce(1))
    assert unwrap(DEVICE.wrap_key, "cctm wrap writer", (CHANNEL,), wrapped) == HOST.seed
    for changed in each_byte_flipped(wrapped):
        with pytest.raises(OpenError):
            unwrap(DEVICE.wrap_key, "cctm wrap writer", (CHANNEL,), changed)


def resigned(chain, index, statement_of):
    """*chain* with entry *index* signed by the host, over something else than it should be."""
    sealed = chain[index]
    place = Place(CHANNEL, LOG, index, sealed.entry.kind, sealed.entry.key_id, sealed.prev)
    return dataclasses.replace(sealed.entry, sig=HOST.sign(statement_of(place, sealed.entry.body)))


@pytest.mark.parametrize(
    ("statement_of", "good"),
    [
        (lambda place, body: encode(["cctm sign entry", CHANNEL, digest(place, body)]), True),
        (lambda place, body: encode(["cctm sign other", CHANNEL, digest(place, body)]), False),
        (lambda place, body: encode(["cctm sign entry", OTHER_CHANNEL, digest(place, body)]), False),
        (lambda place, body: encode([CHANNEL, digest(place, body)]), False),
        (lambda place, body: digest(place, body), False),
        (lambda place, body: body, False),
    ],
)
def test_a_signature_for_another_purpose_or_channel_does_not_count(statement_of, good):
    verifier = LogVerifier(CHANNEL, LOG)
    verifier.admit_untrusted(entries(CHAIN[:3]))
    entry = resigned(CHAIN, 3, statement_of)
    if good:
        verifier.admit_untrusted([entry])
        return
    with pytest.raises(ChainError) as caught:
        verifier.admit_untrusted([entry])
    assert (caught.value.seq, caught.value.flaw) == (3, Flaw.SIGNATURE)


def test_somebody_elses_signature_does_not_count():
    verifier = LogVerifier(CHANNEL, LOG)
    verifier.admit_untrusted(entries(CHAIN[:3]))
    sealed = CHAIN[3]
    message = encode(["cctm sign entry", CHANNEL, digest(DATA_PLACE, sealed.entry.body)])
    with pytest.raises(ChainError):
        verifier.admit_untrusted([dataclasses.replace(sealed.entry, sig=MEMBER.sign(message))])


def test_the_newest_signature_vouches_for_all_before_it():
    """The chain covers signatures; so a writer who signs on top of a bad one has said that it is right."""
    chain = entries(CHAIN[:3])
    unsigned = dataclasses.replace(CHAIN[3].entry, sig=bytes(64))
    prev = entry_hash(digest(DATA_PLACE, unsigned.body), unsigned.sig)
    place = dataclasses.replace(DATA_PLACE, seq=4, prev=prev)
    body = seal_events(place, KEY, [OUTPUT], nonce(4))
    sig = HOST.sign(encode(["cctm sign entry", CHANNEL, digest(place, body)]))
    signed = dataclasses.replace(unsigned, seq=4, body=body, sig=sig)

    together = LogVerifier(CHANNEL, LOG)
    together.admit_untrusted([*chain, unsigned, signed])
    assert together.size == 5

    alone = LogVerifier(CHANNEL, LOG)
    alone.admit_untrusted(chain)
    with pytest.raises(ChainError) as caught:
        alone.admit_untrusted([unsigned])
    assert (caught.value.seq, caught.value.flaw) == (3, Flaw.SIGNATURE)
