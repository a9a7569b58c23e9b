"""cctm.protocol.entry: sealed, chained, signed."""

import dataclasses

import pytest

from cctm.protocol import contents
from cctm.protocol import entry as en
from cctm.protocol.codec import encode
from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.events import MAX_DATA_BYTES, MAX_KEYFRAME_BYTES, Output, encode_events
from cctm.protocol.keys import NO_KEY, ZERO, Digest, entry_key, hash32, log_id, verify
from cctm.protocol.seal import code, seal
from samples import (
    CHANNEL,
    CLOSED,
    DATA_EVENTS,
    EMPTY_KEYFRAME,
    EPOCH,
    HOST,
    INCARNATION,
    KEYFRAME,
    NEXT_EPOCH,
    OUTPUT,
    PREDECESSOR,
    drawn,
    host_log,
    nonce,
)

LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)
KEY = entry_key(EPOCH, CHANNEL, LOG)
CHAIN = host_log()
ENTRY = CHAIN[3].entry


def place(kind, seq=7):
    return en.Place(CHANNEL, LOG, seq, kind, EPOCH.key_id, Digest(drawn("prev")))


def test_the_header_is_what_the_specification_says():
    assert en.header(place(EntryKind.DATA)) == encode(
        ["cctm entry", 0, CHANNEL, LOG, 7, 4, EPOCH.key_id, drawn("prev")]
    )


def test_digest_signature_and_hash_cover_header_body_and_each_other():
    sealed = CHAIN[3]
    here = en.Place(CHANNEL, LOG, 3, EntryKind.DATA, EPOCH.key_id, sealed.prev)
    digest = en.digest(here, sealed.entry.body)
    assert digest == hash32(b"cctm digest", en.header(here) + sealed.entry.body)
    assert verify(HOST.public, encode(["cctm sign entry", CHANNEL, digest]), sealed.entry.sig)
    assert CHAIN[4].prev == hash32(b"cctm hash", digest + sealed.entry.sig)


@pytest.mark.parametrize(
    ("kind", "events"),
    [
        (EntryKind.DATA, list(DATA_EVENTS)),
        (EntryKind.KEYFRAME, [KEYFRAME]),
        (EntryKind.CLOSE, [CLOSED]),
        (EntryKind.CLOSE, [OUTPUT, CLOSED]),
        (EntryKind.DATA, [Output(0, 0, bytes(1_000_000))]),
    ],
)
def test_sealed_events_open(kind, events):
    body = contents.seal_events(place(kind), KEY, events, nonce(1))
    assert contents.open_events(place(kind), KEY, body) == events


UNFIT = [
    (EntryKind.DATA, []),
    (EntryKind.DATA, [KEYFRAME]),
    (EntryKind.DATA, [OUTPUT, CLOSED]),
    (EntryKind.KEYFRAME, []),
    (EntryKind.KEYFRAME, [OUTPUT]),
    (EntryKind.KEYFRAME, [KEYFRAME, OUTPUT]),
    (EntryKind.KEYFRAME, [KEYFRAME, KEYFRAME]),
    (EntryKind.CLOSE, []),
    (EntryKind.CLOSE, [OUTPUT]),
    (EntryKind.CLOSE, [CLOSED, OUTPUT]),
    (EntryKind.CLOSE, [CLOSED, CLOSED]),
    (EntryKind.CLOSE, [KEYFRAME, CLOSED]),
    (EntryKind.OPEN, [OUTPUT]),
    (EntryKind.GRANT, [OUTPUT]),
]


@pytest.mark.parametrize(("kind", "events"), UNFIT)
def test_events_that_do_not_fit_their_kind_are_not_sealed(kind, events):
    with pytest.raises(LocalError):
        contents.seal_events(place(kind), KEY, events, nonce(1))


@pytest.mark.parametrize(("kind", "events"), [case for case in UNFIT if case[1]])
def test_events_that_do_not_fit_their_kind_are_not_read(kind, events):
    plain = encode_events(events)
    body = seal(KEY, nonce(1), code(plain), en.header(place(kind)))
    with pytest.raises(MalformedError):
        contents.open_events(place(kind), KEY, body)


def test_the_plain_size_is_limited_by_kind():
    too_much = [Output(0, 0, bytes(MAX_DATA_BYTES))]
    with pytest.raises(LocalError, match="plain size"):
        contents.seal_events(place(EntryKind.DATA), KEY, too_much, nonce(1))
    body = seal(KEY, nonce(1), code(encode_events(too_much)), en.header(place(EntryKind.DATA)))
    with pytest.raises(MalformedError, match="plain size"):
        contents.open_events(place(EntryKind.DATA), KEY, body)


def test_a_keyframe_may_be_larger_than_data_and_fits_a_wire_even_if_it_does_not_compress():
    overhead = len(encode_events([dataclasses.replace(EMPTY_KEYFRAME, screen=bytes(70_000))])) - 70_000
    screen = (
        b"".join(drawn(str(number), 64) for number in range(2**10)) * 2**9
    )  # compresses; code() is told not to
    largest = dataclasses.replace(EMPTY_KEYFRAME, screen=screen[: MAX_KEYFRAME_BYTES - overhead])
    plain = encode_events([largest])
    assert len(plain) == MAX_KEYFRAME_BYTES
    assert en.SEALED_OVERHEAD_BYTES + en.padded_size(9 + len(plain)) == en.MAX_BODY_BYTES
    body = contents.seal_events(place(EntryKind.KEYFRAME), KEY, [largest], nonce(1))
    assert contents.open_events(place(EntryKind.KEYFRAME), KEY, body) == [largest]
    with pytest.raises(LocalError, match="plain size"):
        contents.seal_events(
            place(EntryKind.KEYFRAME),
            KEY,
            [dataclasses.replace(largest, name="longer than it was")],
            nonce(1),
        )


def test_an_open_body_comes_back():
    for predecessor in (None, PREDECESSOR):
        opening = en.OpenBody(HOST.public, INCARNATION, 3, predecessor)
        assert en.decode_open_body_untrusted(opening.encode()) == opening


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [HOST.public, INCARNATION, 1],
        [HOST.public, INCARNATION, 0, None],
        [HOST.public[:31], INCARNATION, 1, None],
        [HOST.public, INCARNATION + b"x", 1, None],
        [HOST.public, INCARNATION, 1, [b"x", 1, b"y"]],
        [HOST.public, INCARNATION, 1, False],
        [HOST.public, INCARNATION, 1, None, None],
    ],
)
def test_an_open_body_that_no_encoder_makes_is_refused(fields):
    with pytest.raises(MalformedError):
        en.decode_open_body_untrusted(encode(fields))


def test_an_entry_comes_back_from_a_wire_with_and_without_its_key_id():
    same, new = en.encode_wire(ENTRY, EPOCH.key_id), en.encode_wire(ENTRY, None)
    assert len(new) == len(same) + 33
    assert en.decode_wire_untrusted(same, EPOCH.key_id) == ENTRY
    assert en.decode_wire_untrusted(new, None) == ENTRY
    assert en.decode_wire_untrusted(new, NEXT_EPOCH.key_id) == ENTRY


def test_a_key_id_on_the_wire_is_there_if_and_only_if_it_changed():
    with pytest.raises(MalformedError, match="fixed size"):
        en.decode_wire_untrusted(en.encode_wire(ENTRY, EPOCH.key_id), None)
    with pytest.raises(MalformedError, match="did not change"):
        en.decode_wire_untrusted(en.encode_wire(ENTRY, None), EPOCH.key_id)


@pytest.mark.parametrize("sealed", CHAIN, ids=lambda sealed: sealed.entry.kind.name)
def test_an_entry_comes_back_from_a_record(sealed):
    payload = en.encode_record(sealed)
    assert en.decode_record_untrusted(payload) == sealed
    assert en.decode_record_untrusted(memoryview(payload)) == sealed


@pytest.mark.parametrize(
    "changed",
    [
        {0: -1},
        {0: None},
        {1: 0},
        {1: 6},
        {2: b"short"},
        {2: None},
        {3: b"short"},
        {4: b""},
        {4: "text"},
        {5: b"short"},
    ],
)
def test_records_that_no_encoder_makes_are_refused(changed):
    fields = [ENTRY.seq, 4, ENTRY.key_id, CHAIN[3].prev, ENTRY.body, ENTRY.sig]
    assert en.decode_record_untrusted(encode(fields)) == CHAIN[3]
    for index, value in changed.items():
        fields[index] = value
    with pytest.raises(MalformedError):
        en.decode_record_untrusted(encode(fields))


def test_a_record_beyond_the_largest_is_refused():
    with pytest.raises(MalformedError, match="size"):
        en.decode_record_untrusted(bytes(en.MAX_WIRE_BYTES + 1))


def test_open_names_no_key_and_the_first_entry_no_predecessor():
    assert CHAIN[0].entry.key_id == NO_KEY == bytes(32)
    assert CHAIN[0].prev == ZERO == bytes(32)
