"""cctm.protocol.events: what happened."""

import dataclasses
from typing import get_args

import pytest

from cctm.protocol import events as ev
from cctm.protocol.codec import encode
from cctm.protocol.errors import LocalError, MalformedError
from samples import CLOSED, DATA_EVENTS, EMPTY_KEYFRAME, KEYFRAME, OPENED, OUTPUT, PREDECESSOR, STREAM

EVERY_EVENT = (*DATA_EVENTS, KEYFRAME, EMPTY_KEYFRAME, CLOSED)


def test_there_is_an_example_of_every_event_and_a_shape_for_it():
    assert {type(event) for event in EVERY_EVENT} == set(get_args(ev.Event))
    assert {shape.event for shape in ev.SHAPES.values()} == set(get_args(ev.Event))
    assert list(ev.SHAPES) == list(range(1, 16))


@pytest.mark.parametrize("shape", ev.SHAPES.values(), ids=lambda shape: shape.event.__name__)
def test_a_shape_names_the_fields_of_its_class_in_order(shape):
    assert [field.name for field in dataclasses.fields(shape.event)] == ["dt_us", *shape.fields]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_each_event_comes_back(event):
    assert ev.decode_events_untrusted(ev.encode_events([event])) == [event]


def test_an_event_is_an_array_of_kind_time_and_fields():
    assert ev.encode_events([OUTPUT]) == encode([[2, 1_200, 0, OUTPUT.data]])
    assert ev.encode_events([CLOSED]) == encode([[15, 5, 1, 9]])
    assert ev.encode_events([KEYFRAME]) == encode(
        [[11, 0, STREAM, 14, 80, 24, "build", 1, b"screen", b"modes", [list(PREDECESSOR)], b"document"]]
    )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "array"),
        ([], "array"),
        ([[12, 0]] * (ev.MAX_EVENTS + 1), "array"),
        ([[]], "array"),
        ([1], "array"),
        ([[0, 0]], "kind of event"),
        ([[16, 0]], "kind of event"),
        ([["output", 0]], "number"),
        ([[12]], "fields of an event"),
        ([[12, 0, 0]], "fields of an event"),
        ([[12, -1]], "number"),
        ([[12, True]], "number"),
        ([[2, 0, 0, b""]], "bytes"),
        ([[2, 0, 0, "text"]], "bytes"),
        ([[2, 0, 2**63, b"x"]], "number"),
        ([[4, 0, 0, 24, b""]], "number"),
        ([[4, 0, 80, 65_536, b""]], "number"),
        ([[5, 0, "x" * 1_025]], "text"),
        ([[6, 0, ""]], "name"),
        ([[14, 0, 0, -1]], "number"),
        ([[15, 0, 3, 0]], "number"),
        ([[1, 0, [], b"/", 80, 24, "n", "t", 0, STREAM]], "array"),
        ([[1, 0, [b"a"] * 16_385, b"/", 80, 24, "n", "t", 0, STREAM]], "array"),
        ([[1, 0, [b"a" * 65_536] * 3, b"/", 80, 24, "n", "t", 0, STREAM]], "argv"),
        ([[1, 0, ["a"], b"/", 80, 24, "n", "t", 0, STREAM]], "bytes"),
        ([[1, 0, [b"a"], b"/", 80, 24, "n", "t", 0, STREAM[:15]]], "bytes of a fixed size"),
        ([[11, 0, None, 0, 80, 24, "n", 0, None, None, [[b"x", 1, b"y"]], None]], "bytes of a fixed size"),
        ([[11, 0, None, 0, 80, 24, "n", 0, None, None, [[STREAM * 2, 1]], None]], "array"),
    ],
)
def test_events_that_no_encoder_makes_are_refused(value, why):
    with pytest.raises(MalformedError) as caught:
        ev.decode_events_untrusted(encode(value))
    assert caught.value.what == why


def test_events_beyond_the_size_asked_for_are_refused():
    data = ev.encode_events([OUTPUT])
    assert ev.decode_events_untrusted(data, len(data)) == [OUTPUT]
    with pytest.raises(MalformedError, match="size"):
        ev.decode_events_untrusted(data, len(data) - 1)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [ev.Paused(0)] * (ev.MAX_EVENTS + 1),
        [ev.Output(0, 0, b"")],
        [ev.Output(-1, 0, b"x")],
        [ev.Output(0, 0, "text")],
        [ev.Output(0, 0, bytearray(b"x"))],
        [ev.Resized(0, 0, 24, b"")],
        [ev.Renamed(0, "-x")],
        [ev.Marked(0, "x" * 1_025)],
        [dataclasses.replace(OPENED, argv=())],
        [dataclasses.replace(OPENED, argv=(b"a" * 200_000,))],
        [dataclasses.replace(KEYFRAME, vector=((b"short", 1, b"short"),))],
        [ev.Closed(0, 7, 0)],
        [ev.Marked(0, "\ud800")],
    ],
)
def test_what_could_not_be_read_is_not_written(events):
    with pytest.raises(LocalError):
        ev.encode_events(events)


@pytest.mark.parametrize("name", ["a", "build", "a b", "é" * 64, "日本", "a-", "_", "🙂"])
def test_good_names(name):
    assert ev.is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a" * 65,
        "a\n",
        "\x1b[31m",
        "a\x00",
        "a\x7f",
        "a\x9b",
        "a\u2028",
        "a\u202eb",
        "\u2066a",
        "a\x85",
    ],
)
def test_names_that_are_refused(name):
    assert not ev.is_name(name)


def test_events_are_values():
    with pytest.raises(dataclasses.FrozenInstanceError):
        OUTPUT.offset = 1
    assert not hasattr(OUTPUT, "__dict__")
    assert ev.Output(1_200, 0, OUTPUT.data) == OUTPUT


@pytest.mark.parametrize(
    "event", [ev.Output(0, 2**63 - 2, b"xy"), ev.Gap(0, 2**63 - 2, 2)], ids=lambda event: type(event).__name__
)
def test_a_stream_ends_at_a_number_that_can_be_kept(event):
    with pytest.raises(LocalError):
        ev.encode_events([event])
    kind = 2 if isinstance(event, ev.Output) else 14
    data = encode([[kind, *dataclasses.astuple(event)]])
    with pytest.raises(MalformedError):
        ev.decode_events_untrusted(data)
    assert ev.encode_events([dataclasses.replace(event, offset=2**63 - 3)])
