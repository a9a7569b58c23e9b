"""The keeper's wire: one encoding per message, any cut of the stream; rubbish is a WireError."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.keeper import wire
from cctm.keeper.wire import FrameReader, WireError, decode_untrusted, encode

OFFSETS = st.integers(0, 2**63 - 1)
IDS = st.binary(min_size=16, max_size=16)
PIDS = st.integers(1, 2**31 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
PATHS = st.binary(max_size=50).map(lambda it: it.replace(b"\0", b""))
NAMES = PATHS.map(lambda it: b"N" + it.replace(b"=", b""))
ARGV = st.lists(PATHS, min_size=1, max_size=5).map(tuple)
EXITS = st.builds(wire.Exit, st.sampled_from(wire.How), st.integers(0, 255))
MESSAGES = st.one_of(
    st.builds(wire.Hello, OFFSETS, PIDS),
    st.builds(wire.Open, OFFSETS, TEXTS, st.integers(1, 65535), st.integers(1, 65535)),
    st.builds(
        wire.Start, IDS, ARGV, st.dictionaries(NAMES, PATHS), PATHS, st.integers(0, 0o777), st.booleans()
    ),
    st.builds(wire.Resume, IDS, OFFSETS),
    st.builds(wire.Ack, IDS, OFFSETS),
    st.builds(wire.Kill, IDS, st.integers(1, 64)),
    st.builds(wire.Forget, IDS),
    st.builds(wire.Adopt, IDS, TEXTS, PIDS, OFFSETS),
    st.builds(wire.Stop),
    st.builds(wire.Quit),
    st.builds(wire.Upgrade, ARGV | st.just(())),
    st.builds(wire.StartDaemon),
    st.builds(wire.Ready, OFFSETS, PIDS),
    st.builds(wire.Here, IDS, TEXTS, PIDS, OFFSETS, OFFSETS, OFFSETS, st.none() | EXITS),
    st.builds(wire.Opened, OFFSETS, IDS),
    st.builds(wire.Started, IDS, PIDS),
    st.builds(wire.Failed, IDS, st.none(), st.integers(0, 4095), st.sampled_from(wire.Where)),
    st.builds(wire.Failed, st.none(), OFFSETS, st.integers(0, 4095), st.sampled_from(wire.Where)),
    st.builds(wire.Output, IDS, OFFSETS, st.binary(min_size=1, max_size=500)),
    st.builds(wire.Ended, IDS, st.sampled_from(wire.How), st.integers(0, 255), OFFSETS),
    st.builds(wire.Refused, TEXTS, st.none() | IDS),
)
ID = bytes(range(16))
START = {"id": ID.hex(), "argv": ["a"], "env": {}, "cwd": "/", "umask": 0, "login": False}
HERE = {"id": ID.hex(), "tag": "", "pid": 1, "started": 0, "base": 0, "end": 0, "exit": None}
FAILED = {"id": ID.hex(), "ref": None, "errno": 2, "where": "exec"}


def parts(frame):
    """Type and payload."""
    return frame[4], frame[5:]


@given(MESSAGES)
def test_every_message_decodes_to_itself(message):
    decoded = decode_untrusted(*parts(encode(message)))
    assert (type(decoded), decoded) == (type(message), message)


@given(st.lists(MESSAGES, max_size=5), st.lists(st.integers(1, 60), min_size=1))
def test_a_stream_means_the_same_however_it_is_cut(messages, sizes):
    stream = b"".join(map(encode, messages))
    reader = FrameReader()
    received = []
    while stream:
        for size in sizes:
            received += reader.feed_untrusted(stream[:size])
            stream = stream[size:]
    assert received == messages


@given(st.integers(0, 255), st.binary(max_size=100))
def test_rubbish_in_a_frame_raises_wire_error_or_is_a_message(kind, payload):
    try:
        decode_untrusted(kind, payload)
    except WireError:
        return
    assert kind in set(wire.Type)


@given(st.binary(max_size=300))
def test_a_reader_of_rubbish_raises_wire_error_or_waits(data):
    reader = FrameReader()
    try:
        for message in reader.feed_untrusted(data):
            assert isinstance(message, tuple)
    except WireError:
        return


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from([ID.hex(), "pty"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(wire.Type), st.data())
def test_any_json_in_the_fields_raises_wire_error_or_makes_a_message_that_can_be_sent(kind, data):
    fields = {name: data.draw(JSON) for name in wire.CLASSES[kind]._fields}
    try:
        message = decode_untrusted(kind, json.dumps(fields).encode())
    except WireError:
        return
    assert decode_untrusted(*parts(encode(message))) == message


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        pytest.param(wire.Type.START, START | {"argv": []}, id="no argv"),
        pytest.param(wire.Type.START, START | {"argv": "a"}, id="argv is text"),
        pytest.param(wire.Type.START, START | {"argv": ["a\0b"]}, id="a NUL"),
        pytest.param(wire.Type.START, START | {"argv": ["\ud800"]}, id="a surrogate that no byte has"),
        pytest.param(wire.Type.START, START | {"env": {"": "x"}}, id="a variable without a name"),
        pytest.param(wire.Type.START, START | {"env": {"a=b": "x"}}, id="a name with ="),
        pytest.param(wire.Type.START, START | {"env": []}, id="env is a list"),
        pytest.param(wire.Type.START, START | {"umask": 0o1000}, id="umask"),
        pytest.param(wire.Type.START, START | {"umask": True}, id="a boolean for a number"),
        pytest.param(wire.Type.START, START | {"login": 1}, id="a number for a boolean"),
        pytest.param(wire.Type.START, START | {"id": ID.hex()[:-1]}, id="a short id"),
        pytest.param(wire.Type.START, START | {"id": "0 " * 16}, id="an id with spaces"),
        pytest.param(wire.Type.START, START | {"id": "xy" * 16}, id="an id that is not hex"),
        pytest.param(wire.Type.START, START | {"more": 1}, id="one field more"),
        pytest.param(wire.Type.START, {}, id="no fields"),
        pytest.param(wire.Type.STOP, [], id="not an object"),
        pytest.param(wire.Type.HERE, HERE | {"exit": [0]}, id="exit without code"),
        pytest.param(wire.Type.HERE, HERE | {"exit": [3, 0]}, id="an unknown how"),
        pytest.param(wire.Type.HERE, HERE | {"tag": "x" * 1025}, id="a long tag"),
        pytest.param(wire.Type.HERE, HERE | {"pid": 0}, id="pid 0"),
        pytest.param(wire.Type.FAILED, FAILED | {"ref": 1}, id="id and ref"),
        pytest.param(wire.Type.FAILED, FAILED | {"id": None}, id="neither id nor ref"),
        pytest.param(wire.Type.REFUSED, {"text": "no"}, id="REFUSED without id"),
        pytest.param(wire.Type.REFUSED, {"text": "no", "id": ""}, id="REFUSED with half an id"),
        pytest.param(wire.Type.RESUME, {"id": None, "offset": 0}, id="RESUME of nothing"),
        pytest.param(wire.Type.FAILED, FAILED | {"where": "nowhere"}, id="an unknown step"),
    ],
)
def test_fields_out_of_range_are_refused(kind, payload):
    with pytest.raises(WireError):
        decode_untrusted(kind, json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        pytest.param(0, b"{}", id="no such type"),
        pytest.param(wire.Type.STOP, b"{", id="broken JSON"),
        pytest.param(wire.Type.STOP, b'{"\xff":1}', id="not UTF-8"),
        pytest.param(wire.Type.HELLO, b"[" * 100_000, id="deep"),
        pytest.param(wire.Type.HELLO, b'{"version":' + b"9" * 5000 + b',"pid":1}', id="a huge number"),
        pytest.param(wire.Type.ACK, bytes(23), id="a short ACK"),
        pytest.param(wire.Type.ACK, bytes(25), id="a long ACK"),
        pytest.param(wire.Type.ACK, bytes(16) + b"\xff" * 8, id="an offset of 2^64-1"),
        pytest.param(wire.Type.OUTPUT, bytes(24), id="OUTPUT of nothing"),
        pytest.param(wire.Type.OUTPUT, bytes(24 + 65537), id="OUTPUT of more than a turn"),
    ],
)
def test_payloads_that_no_honest_peer_sends_are_refused(kind, payload):
    with pytest.raises(WireError):
        decode_untrusted(kind, payload)


@pytest.mark.parametrize("length", [0, wire.MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_a_frame_of_impossible_length_is_refused_before_it_has_arrived(length):
    with pytest.raises(WireError):
        list(FrameReader().feed_untrusted(struct.pack(">I", length)))


def test_the_messages_before_a_bad_frame_are_yielded():
    messages = FrameReader().feed_untrusted(encode(wire.Stop()) + encode(wire.Quit()) + b"\0\0\0\1\0")
    assert [next(messages), next(messages)] == [wire.Stop(), wire.Quit()]
    with pytest.raises(WireError):
        next(messages)


def test_the_output_header_is_what_encode_puts_before_the_bytes():
    header = wire.output_header(ID, 77, 5)
    assert header + b"12345" == encode(wire.Output(ID, 77, b"12345"))


def test_an_environment_of_two_mebibytes_of_escaped_bytes_fits_into_a_frame():
    start = wire.Start(ID, (b"a",), {b"N%d" % i: b"\xff" * 131_000 for i in range(16)}, b"/", 0, login=False)
    assert list(FrameReader().feed_untrusted(encode(start))) == [start]
