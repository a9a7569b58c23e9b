"""What is fuzzed of the daemon's edges: clients, the keeper's wire, and what a program prints."""

from cctm.keeper import wire
from cctm.protocol.control.frames import (
    LENGTH_BYTES,
    FrameReader,
    decode_message_untrusted,
    encode_message,
)
from cctm.protocol.errors import MalformedError
from cctm.screen.client_answers import AnswerScanner
from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.modes import Modes
from cctm.screen.painter import Painter
from cctm.screen.queries import QueryScanner, without_queries
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
    b"\x1b[?6h\x1b[2;3r\x1b7\x1b[4h\x1b(0\x0eqq\x1b[65535b\x1b8\x1b[3J\x1b[2;2H\x1b[1P\x1b[99@\x1b[5L\x1bH\x1b[?1047h\x1b#8",
    "e\u0301\u200d\U0001f469 \u754c\u0308\x9b31mred\x85\x9d0;t\x9c\U0010e000".encode(),
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


def _fold(data: bytes) -> None:
    """Any bytes, in pieces, with new sizes between them; what comes of them can be dumped, restored and painted."""
    fold = Fold(10, 4)
    half = len(data) // 2
    fold.feed(data[:half])
    if data[:1] > b"\x7f":
        fold.resize(1 + data[0] % 30, data[-1] % 9)
    fold.feed(data[half:])
    restored = Fold.from_dump(fold.cols, fold.rows, dump(fold))
    assert restored.picture().lines == fold.picture().lines
    painted = Painter(8, 3).paint(fold.picture())
    assert not any(0x80 <= ord(char) <= 0x9F for char in painted.decode())


def _queries(data: bytes) -> None:
    scanner = QueryScanner()
    half = len(data) // 2
    parts = [*scanner.feed(data[:half]), *scanner.feed(data[half:]), *scanner.flush()]
    assert b"".join(part for part in parts if isinstance(part, bytes)) == without_queries(data)


def _client_answers(data: bytes) -> None:
    scanner = AnswerScanner()
    half = len(data) // 2
    parts = [*scanner.feed(data[:half]), *scanner.feed(data[half:]), *scanner.flush()]
    assert b"".join(part if isinstance(part, bytes) else part.raw for part in parts) == data


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
        Target("queries in pieces", _queries, PRINTED, ()),
        Target("clients' answers", _client_answers, PRINTED, ()),
        Target("fold", _fold, PRINTED, ()),
    ]
