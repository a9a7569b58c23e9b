"""What is fuzzed of the daemon's edges: clients, the keeper's wire, and what a program prints."""

from cctm.keeper import wire
from cctm.protocol.control.frames import (
    LENGTH_BYTES,
    FrameReader,
    decode_message_untrusted,
    encode_message,
)
from cctm.protocol.errors import MalformedError
from cctm.screen.modes import Modes
from cctm.screen.queries import without_queries
from cctm.screen.text import TextLines
from tests.control_messages import SAMPLES
from tests.fuzzing import Target

MALFORMED = (MalformedError,)
CONTROL = [encode_message(message)[LENGTH_BYTES:] for message in SAMPLES]
STREAM = [encode_message(message) for message in SAMPLES]

ID = wire.StreamId(bytes(range(16)))
KEEPER = [
    wire.encode(message)
    for message in (
        wire.Hello(0, 1),
        wire.Open(1, "tag", 80, 24),
        wire.Start(ID, (b"sh", b"-c", b"\xff"), {b"PATH": b"/bin", b"X": b"\xff"}, b"/", 0o22, login=True),
        wire.Resume(ID, 5),
        wire.Ack(ID, 2**40),
        wire.Kill(ID, 9),
        wire.Adopt(ID, "tag", 77, 5),
        wire.Upgrade((b"python",)),
        wire.Here(ID, "tag", 77, 1, 2, 3, wire.Exit(wire.How.EXITED, 1)),
        wire.Failed(None, 3, 2, wire.Where.EXEC),
        wire.Output(ID, 7, b"output"),
        wire.Ended(ID, wire.How.LOST, 0, 9),
        wire.Refused("no"),
        wire.Refused("no", ID),
    )
]

PRINTED = [
    b"\x1b[?1049h\x1b[2;5r\x1b[>1u\x1b[<1u\x1b[>4;2m\x1b=\x1b[4 q\x1b[!p\x1bc",
    b"plain\r\n\x1b[1mbold\x1b[0m\ttab\b\x1b[K\x1b[2C\x1b[3D\x1b[7G\x1b[2P\xe2\x82\xac\x85",
    b"\x1b]0;title\x07\x1b]52;c;QQ==\x1b\\\x1bP$qm\x1b\\\x1b[6n\x1b[c\x05\x1bZ\x1b(B\x1b[?2026$p",
]


def _wire_message(data: bytes) -> wire.Message:
    """One frame's type and payload, as `FrameReader` hands them on."""
    return wire.decode_untrusted(data[0] if data else 0, data[1:])


def _keeper_frames(data: bytes) -> list[wire.Message]:
    return list(wire.FrameReader().feed_untrusted(data))


def _frames(data: bytes) -> list[tuple[object, ...]]:
    return list(FrameReader().receive_untrusted(data))


def _modes(data: bytes) -> None:
    modes = Modes()
    modes.feed(data)
    modes.feed(modes.undo())
    assert modes.restore() == b""


def _lines(data: bytes) -> None:
    text = TextLines()
    for line in [*text.feed(data), *text.finish()]:
        assert "\x1b" not in line


def targets() -> list[Target]:
    return [
        Target(
            "control message",
            decode_message_untrusted,
            CONTROL,
            MALFORMED,
            lambda message: encode_message(message)[LENGTH_BYTES:],
        ),
        Target("control frames", _frames, STREAM, MALFORMED),
        Target("keeper message", _wire_message, [frame[4:] for frame in KEEPER], (wire.WireError,)),
        Target("keeper frames", _keeper_frames, KEEPER, (wire.WireError,)),
        Target("modes", _modes, PRINTED, ()),
        Target("text", _lines, PRINTED, ()),
        Target("queries", without_queries, PRINTED, ()),
    ]
