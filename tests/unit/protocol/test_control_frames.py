"""The table of messages is the whole control protocol: what fits it comes back, all else is refused."""

import pytest

from cctm.protocol.codec import encode
from cctm.protocol.control import replies, requests, values
from cctm.protocol.control.frames import (
    LENGTH_BYTES,
    MAX_FRAME,
    MESSAGES,
    TABLE,
    FrameReader,
    decode_message_untrusted,
    encode_message,
    output_head,
)
from cctm.protocol.errors import LocalError, MalformedError
from control_messages import BAD, ROW, ROWS, SAMPLES, sample

FIELDS = [(message, field) for message in MESSAGES.values() for field in message._fields]


def body(frame):
    return frame[LENGTH_BYTES:]


def kinds_of(message):
    return list(message.__annotations__.values())


def parts(message):
    return [TABLE.types[type(message)], *message]


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_every_message_comes_back_as_it_was(message):
    found = decode_message_untrusted(body(encode_message(message)))
    assert type(found) is type(message)
    assert found == message


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_rows_come_back_as_rows(kind):
    for message in (sample(message) for message in MESSAGES.values() if list[kind] in kinds_of(message)):
        found = decode_message_untrusted(body(encode_message(message)))
        assert [type(row) for row in found.rows] == [kind, kind]


def test_every_message_of_requests_and_replies_is_in_the_table():
    defined = {
        kind
        for module in (requests, replies)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, tuple) and kind.__module__ == module.__name__
    }
    assert defined == {*MESSAGES.values(), *ROWS}


def test_clients_and_daemon_have_numbers_of_their_own():
    assert {kind.__module__.rpartition(".")[2] for number, kind in MESSAGES.items() if number < 64} == {
        "requests"
    }
    assert {kind.__module__.rpartition(".")[2] for number, kind in MESSAGES.items() if number >= 64} == {
        "replies"
    }


@pytest.mark.parametrize(("message", "field"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_a_field_of_another_kind_or_out_of_range_is_refused(message, field):
    for bad in BAD[message.__annotations__[field]]:
        values = parts(sample(message)._replace(**{field: bad}))
        with pytest.raises(MalformedError):
            decode_message_untrusted(encode(values))


ROW_FIELDS = [
    (message, kind, field)
    for kind in ROWS
    for message in MESSAGES.values()
    if list[kind] in kinds_of(message)
    for field in kind._fields
]


@pytest.mark.parametrize(
    ("message", "kind", "field"), ROW_FIELDS, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_row_with_a_field_of_another_kind_or_out_of_range_is_refused(message, kind, field):
    for bad in BAD[kind.__annotations__[field]]:
        said = sample(message)._replace(rows=[ROWS[kind]._replace(**{field: bad})])
        with pytest.raises(MalformedError):
            decode_message_untrusted(encode([TABLE.types[message], *said]))


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_a_field_more_or_less_is_refused(message):
    for fields in ([*parts(message), 0], [*parts(message), None], parts(message)[:-1]):
        with pytest.raises(MalformedError):
            decode_message_untrusted(encode(fields))


@pytest.mark.parametrize(
    "value",
    [
        *([0], [63], [63], [86], [255], [-1], [2**40], [True], ["1"], [b"\1"]),
        *([], [None], [[1]], None, 1, b"", "Hello", [[]]),
    ],
    ids=repr,
)
def test_what_is_no_message_is_refused(value):
    with pytest.raises(MalformedError):
        decode_message_untrusted(encode(value))


@pytest.mark.parametrize("offset", [0, 127, 128, 65_536, 1 << 32, (1 << 63) - 1])
@pytest.mark.parametrize("size", [0, 1, 127, 255, 256, 65_535, 65_536, 100_000])
def test_output_is_framed_without_a_copy_as_it_would_be_with_one(offset, size):
    data = b"x" * size
    assert output_head(offset, size) + data == encode_message(replies.Output(offset, data))


def test_a_message_that_no_frame_can_hold_is_not_made():
    most = MAX_FRAME - len(body(encode_message(replies.Output(0, b"x" * 100_000)))) + 100_000
    assert decode_message_untrusted(body(encode_message(replies.Output(0, b"x" * most)))).data == b"x" * most
    with pytest.raises(LocalError):
        encode_message(replies.Output(0, b"x" * (most + 1)))


def test_text_that_has_no_utf8_is_not_made():
    with pytest.raises(LocalError):
        encode_message(requests.Kill("\udcff", 0))


STREAM = b"".join(map(encode_message, SAMPLES))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1000, len(STREAM)])
def test_frames_that_arrive_in_pieces_give_the_same_messages(size):
    reader = FrameReader()
    found = [
        message
        for start in range(0, len(STREAM), size)
        for message in reader.receive_untrusted(STREAM[start : start + size])
    ]
    assert found == SAMPLES


def test_frames_cut_at_every_place_give_the_same_messages():
    first, second = encode_message(SAMPLES[0]), encode_message(replies.Listing([ROW, ROW], True))
    whole = first + second + first
    for cut in range(len(whole) + 1):
        reader = FrameReader()
        found = [*reader.receive_untrusted(whole[:cut]), *reader.receive_untrusted(whole[cut:])]
        assert [type(message) for message in found] == [type(SAMPLES[0]), replies.Listing, type(SAMPLES[0])]


def test_a_reader_that_stops_half_way_through_what_came_goes_on_where_it_was():
    reader = FrameReader()
    arriving = reader.receive_untrusted(encode_message(requests.Settle()) + encode_message(requests.Detach()))
    assert next(arriving) == requests.Settle()
    arriving.close()
    [rest] = reader.receive_untrusted(b"")
    assert isinstance(rest, requests.Detach)


@pytest.mark.parametrize("size", [MAX_FRAME + 1, 2**31, 2**32 - 1])
def test_a_frame_above_the_limit_is_refused_before_its_bytes_are_waited_for(size):
    reader = FrameReader()
    found = reader.receive_untrusted(encode_message(requests.Settle()) + size.to_bytes(4, "big"))
    assert next(found) == requests.Settle()
    with pytest.raises(MalformedError):
        next(found)


def test_a_frame_of_the_largest_size_is_waited_for():
    reader = FrameReader()
    assert list(reader.receive_untrusted(MAX_FRAME.to_bytes(4, "big") + b"\x91" * 1000)) == []


@pytest.mark.parametrize("frame", [b"\0\0\0\0", b"\0\0\0\1\xc1", b"\0\0\0\2\x91\x01", b"\0\0\0\1\x90"])
def test_a_frame_without_a_message_is_refused(frame):
    with pytest.raises(MalformedError):
        list(FrameReader().receive_untrusted(frame))


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(values).values() if isinstance(kind, type) and kind.__module__ == values.__name__],
)
def test_the_numbers_of_an_enumeration_begin_at_zero_without_a_hole(kind):
    assert [member.value for member in kind] == list(range(len(kind)))
