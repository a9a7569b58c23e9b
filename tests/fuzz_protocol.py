"""What is fuzzed of cctm.protocol: every function on bytes from anywhere."""

from cctm.protocol import contents
from cctm.protocol import entry as en
from cctm.protocol import grant as gr
from cctm.protocol.codec import decode_untrusted, encode, expect_array, expect_bytes
from cctm.protocol.entry import EntryKind, Place
from cctm.protocol.errors import ChainError, MalformedError, OpenError
from cctm.protocol.events import decode_events_untrusted, encode_events
from cctm.protocol.keys import entry_key, log_id
from cctm.protocol.log import LogVerifier
from cctm.protocol.seal import (
    WRAP_EPOCH,
    code,
    decode_code_untrusted,
    frame,
    seal,
    unframe_untrusted,
    unwrap,
    wrap,
)
from tests.fuzzing import Target
from tests.samples import (
    CHANNEL,
    CLOSED,
    DATA_EVENTS,
    DEVICE,
    EPOCH,
    HOST,
    INCARNATION,
    KEYFRAME,
    MEMBER,
    OUTPUT,
    PREDECESSOR,
    STREAM,
    drawn,
    host_log,
    member_log,
    nonce,
)

MALFORMED = (MalformedError,)
SEALED = (MalformedError, OpenError)
LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)
MEMBER_LOG = log_id(MEMBER.public, CHANNEL, INCARNATION, 1)
KEY = entry_key(EPOCH, CHANNEL, LOG)
CHAIN = host_log()
DATA_PLACE = Place(CHANNEL, LOG, 3, EntryKind.DATA, EPOCH.key_id, CHAIN[3].prev)
GRANT_PLACE = Place(CHANNEL, LOG, 1, EntryKind.GRANT, EPOCH.key_id, CHAIN[1].prev)

VALUES = [
    encode(value)
    for value in (
        [None, True, False, -1, 300, b"bytes", "text", [1, [2, [3]]]],
        [2**64 - 1, -(2**63), b"x" * 300, "y" * 300, list(range(20))],
        [-33, -129, -40_000, 70_000, 2**33],
    )
]
EVENTS = [encode_events([event]) for event in (*DATA_EVENTS, KEYFRAME, CLOSED)]
BATCHES = [*EVENTS, encode_events(DATA_EVENTS)]
CODED = [code(encode_events(events)) for events in ([OUTPUT], DATA_EVENTS, [OUTPUT] * 40)]


def _open_sealed_code(padded: bytes) -> object:
    """What a holder of the key can do to a reader: anything may be inside the seal."""
    return contents.open_events(DATA_PLACE, KEY, seal(KEY, nonce(1), padded, en.header(DATA_PLACE)))


def _admit(batch: bytes) -> None:
    verifier = LogVerifier(CHANNEL, MEMBER_LOG)
    previous, entries = None, []
    for item in expect_array(decode_untrusted(batch, 100_000)):
        entries.append(en.decode_wire_untrusted(expect_bytes(item), previous))
        previous = entries[-1].key_id
    verifier.admit_untrusted(entries)


def _batch() -> bytes:
    previous, wires = None, []
    for sealed in member_log()[:2]:
        wires.append(en.encode_wire(sealed.entry, previous))
        previous = sealed.entry.key_id
    return encode(wires)


def targets() -> list[Target]:
    key_id = EPOCH.key_id
    secrets = [[1, EPOCH.secret]]
    box = encode(["cctm grant box", CHANNEL, 1, DEVICE.box_public, secrets])
    table = encode(["cctm grant", 1, [[bytes(32), 1], [HOST.public, 3]], [list(PREDECESSOR)]])
    wrapped = wrap(DEVICE.wrap_key, WRAP_EPOCH, (CHANNEL, 1), EPOCH.secret, nonce(1))
    return [
        Target("codec", lambda data: decode_untrusted(data, 2**20), VALUES, MALFORMED, encode),
        Target("events", decode_events_untrusted, BATCHES, MALFORMED, encode_events),
        Target(
            "open body",
            en.decode_open_body_untrusted,
            [CHAIN[0].entry.body, en.OpenBody(HOST.public, INCARNATION, 2, PREDECESSOR).encode()],
            MALFORMED,
            en.OpenBody.encode,
        ),
        Target(
            "wire, first",
            lambda data: en.decode_wire_untrusted(data, None),
            [en.encode_wire(sealed.entry, None) for sealed in CHAIN],
            MALFORMED,
            lambda entry: en.encode_wire(entry, None),
        ),
        Target(
            "wire, next",
            lambda data: en.decode_wire_untrusted(data, key_id),
            [en.encode_wire(sealed.entry, key_id) for sealed in CHAIN],
            MALFORMED,
            lambda entry: en.encode_wire(entry, key_id),
        ),
        Target(
            "record",
            en.decode_record_untrusted,
            [en.encode_record(sealed) for sealed in CHAIN],
            MALFORMED,
            en.encode_record,
        ),
        Target("batch of entries", _admit, [_batch()], (MalformedError, ChainError)),
        Target("code", lambda data: decode_code_untrusted(data, 2**16), CODED, MALFORMED),
        Target("frame", unframe_untrusted, [frame(b""), frame(STREAM), frame(drawn("x") * 9)], MALFORMED),
        Target(
            "sealed body",
            lambda data: contents.open_events(DATA_PLACE, KEY, data),
            [CHAIN[3].entry.body],
            SEALED,
        ),
        Target("inside a sealed body", _open_sealed_code, CODED, SEALED),
        Target(
            "grant",
            lambda data: gr.open_grant_untrusted(DEVICE, GRANT_PLACE, data),
            [CHAIN[1].entry.body],
            SEALED,
        ),
        Target(
            "grant box", lambda data: gr.decode_box_untrusted(data, CHANNEL, DEVICE.box_public), [box], SEALED
        ),
        Target("grant table", lambda data: gr.decode_table_untrusted(data, 1), [table], SEALED),
        Target(
            "wrapped secret",
            lambda data: unwrap(DEVICE.wrap_key, WRAP_EPOCH, (CHANNEL, 1), data),
            [wrapped],
            (OpenError,),
        ),
    ]
