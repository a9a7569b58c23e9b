"""Events and findings are sentences, not the insides of a program."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.archive.finding import Fault, Finding, Spot
from cctm.archive.segment import LogRef
from cctm.cli import sentences
from cctm.protocol import events
from cctm.protocol.events import SHAPES, How
from cctm.protocol.keys import ChannelId, LogId, StreamId

WHO = bytes.fromhex("a1b2c3d4") + bytes(28)
STREAM = StreamId(bytes(16))


SAID = [
    (
        events.Opened(0, (b"sh", b"-c", b"a b"), b"/tmp", 80, 24, "work", "xterm", 0, STREAM),
        "work: sh -c 'a b'  (in /tmp, 80x24)",
    ),
    (events.Output(0, 5, b"hi\r\n"), r'at byte 5, 4 bytes: "hi\r\n"'),
    (events.Input(0, b"", 1, None), "1 byte"),
    (events.Input(0, WHO, 2, b"ls"), '2 bytes by a1b2c3d4: "ls"'),
    (events.Resized(0, 120, 40, b""), "120x40"),
    (events.Marked(0, "here"), "here"),
    (events.Renamed(0, "better"), "better"),
    (events.Control(0, b""), "held by nobody"),
    (events.Control(0, WHO), "held by a1b2c3d4"),
    (events.Joined(0, WHO, "Ann"), "Ann by a1b2c3d4"),
    (events.Left(0, WHO), "by a1b2c3d4"),
    (events.Document(0, b"xyz"), "3 bytes"),
    (
        events.Keyframe(0, STREAM, 7, 80, 24, "work", 0, None, None, (), None),
        "work: at byte 7, 80x24",
    ),
    (events.Paused(0), ""),
    (events.Resumed(0), ""),
    (events.Gap(0, 9, None), "at byte 9: an unknown number of bytes of output lost"),
    (events.Gap(0, 9, 1), "at byte 9: 1 byte of output lost"),
    (events.Closed(0, How.EXITED, 3), "exit 3"),
    (events.Closed(0, How.SIGNALLED, 9), "SIGKILL"),
    (events.Closed(0, How.LOST, 0), "lost"),
]


@pytest.mark.parametrize(
    ("event", "said"),
    SAID,
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_event_is_said_in_words(event, said):
    assert sentences.event(event) == said


def test_there_are_words_for_every_kind_of_event():
    assert {type(event) for event, _ in SAID} == {shape.event for shape in SHAPES.values()}


def test_of_a_long_command_line_the_beginning_is_said_and_that_there_is_more():
    line = sentences.command([b"echo", *[b"word"] * 1000])
    assert line.startswith("echo word word")
    assert (len(line), line[-1]) == (sentences.SHOWN_COMMAND_CHARS, "…")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"plain", '"plain"'),
        (b'a"b\\c', r'"a\"b\\c"'),
        (b"\x1b[1mx\x07\t\0", r'"\e[1mx\x07\t\x00"'),
        ("täxt 界".encode(), '"täxt 界"'),
        (b"\xff\xc3(", r'"\xff\xc3("'),
        ("\u202e".encode(), r'"\u202e"'),
        (b"x" * 40, f'"{"x" * 40}"'),
        (b"x" * 41, f'"{"x" * 40}"…'),
        ("界".encode() * 50, f'"{"界" * 40}"…'),
    ],
)
def test_what_was_printed_is_quoted_with_escapes(data, said):
    assert sentences.quoted(data) == said


@given(st.binary(max_size=300))
def test_nothing_that_was_printed_steers_the_readers_terminal(data):
    assert sentences.quoted(data).isprintable()


def test_a_flaw_is_said_first_and_its_place_below():
    ref = LogRef(ChannelId(b"c" * 32), LogId(b"l" * 32), 1)
    finding = Finding(Fault.MISSING, Spot(ref, 1, 1178, 1400), 3, "2")
    what, where = sentences.flaw(finding, "/home/archive")
    assert what == "entry 3 of log 6c6c6c6c: entries are missing before this one (2)"
    assert where == f"byte 1178 of /home/archive/{finding.spot.file}"
    what, where = sentences.flaw(Finding(Fault.STRANGER, file="63/x"), "/home/archive")
    assert (what, where) == ("the file is none of ours", "/home/archive/63/x")
    bytes_only = dataclasses.replace(finding, fault=Fault.DAMAGED, seq=None, detail="")
    assert sentences.flaw(bytes_only, "/a")[0] == "these bytes are no whole record"
