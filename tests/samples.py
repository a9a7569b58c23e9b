"""Fixed keys and small logs, the same in every run: what tests, vectors and fuzzing start from."""

import hashlib
from collections.abc import Sequence

from cctm.protocol.access import Role
from cctm.protocol.entry import Entry, EntryKind, Sealed
from cctm.protocol.events import (
    Closed,
    Control,
    Document,
    Event,
    Gap,
    How,
    Input,
    Joined,
    Keyframe,
    Left,
    LogHead,
    Marked,
    Opened,
    Output,
    Paused,
    Renamed,
    Resized,
    Resumed,
)
from cctm.protocol.grant import Recipient, Table, make_grant
from cctm.protocol.keys import (
    ChannelId,
    DeviceKeys,
    Digest,
    EpochSecret,
    Incarnation,
    LogId,
    StreamId,
    WriterKey,
    channel_id,
)
from cctm.protocol.log_writer import LogWriter


def drawn(label: str, size: int = 32) -> bytes:
    """*size* bytes (at most 64) that look random and depend on *label* alone."""
    return hashlib.blake2b(label.encode(), digest_size=size).digest()


DEVICE = DeviceKeys.from_seed(drawn("device"))
OTHER_DEVICE = DeviceKeys.from_seed(drawn("other device"))
HOST = WriterKey.from_seed(drawn("host"))
MEMBER = WriterKey.from_seed(drawn("member"))
CHANNEL: ChannelId = channel_id(HOST.public)
OTHER_CHANNEL: ChannelId = channel_id(MEMBER.public)
INCARNATION = Incarnation(drawn("incarnation", 16))
EPOCH = EpochSecret(1, drawn("epoch 1"))
NEXT_EPOCH = EpochSecret(2, drawn("epoch 2"))
STREAM = StreamId(drawn("stream", 16))
PREDECESSOR = LogHead(LogId(drawn("older log")), 42, Digest(drawn("older head")))
TABLE = Table({HOST.public: Role.OWNER, MEMBER.public: Role.DRIVER}, (PREDECESSOR,))

OPENED = Opened(
    0,
    (b"bash", b"-l", b"\xff"),
    b"/home/ann",
    80,
    24,
    "build",
    "xterm-256color",
    1_700_000_000_000_000,
    STREAM,
)
OUTPUT = Output(1_200, 0, b"\x1b[32mhello\x1b[0m\r\n")
KEYFRAME = Keyframe(0, STREAM, 14, 80, 24, "build", 1, b"screen", b"modes", (PREDECESSOR,), b"document")
EMPTY_KEYFRAME = Keyframe(0, None, 0, 80, 24, "build", 1, None, None, (), None)
CLOSED = Closed(5, How.SIGNALLED, 9)

# One of each kind that a data entry may hold.
DATA_EVENTS: tuple[Event, ...] = (
    OPENED,
    OUTPUT,
    Input(10, b"", 1, b"x"),
    Input(10, MEMBER.public, 9, None),
    Resized(20, 132, 43, b""),
    Marked(30, "début"),
    Renamed(40, "tests"),
    Control(50, MEMBER.public),
    Joined(60, MEMBER.public, "Ann's phone"),
    Left(70, MEMBER.public),
    Document(80, b"\x01\x02"),
    Paused(90),
    Resumed(100),
    Gap(110, 14, None),
    Gap(120, 14, 100),
)


def nonce(number: int) -> bytes:
    return drawn(f"nonce {number}", 24)


def host_writer(generation: int = 1, predecessor: LogHead | None = None) -> LogWriter:
    return LogWriter(CHANNEL, HOST, EPOCH, INCARNATION, generation, predecessor)


def append_grant(writer: LogWriter, epoch: EpochSecret = EPOCH, table: Table = TABLE) -> Sealed:
    secrets = tuple(secret for secret in (EPOCH, NEXT_EPOCH) if secret.number <= epoch.number)
    recipients = [Recipient(DEVICE.box_public, secrets), Recipient(OTHER_DEVICE.box_public, (epoch,))]
    body = make_grant(writer.place(EntryKind.GRANT), epoch, recipients, table, drawn(f"grant {writer.size}"))
    return writer.append_grant(body)


def begin(writer: LogWriter) -> list[Sealed]:
    """open, grant, keyframe."""
    return [
        writer.append_open(),
        append_grant(writer),
        writer.append(EntryKind.KEYFRAME, [EMPTY_KEYFRAME], nonce(0)),
    ]


def host_log(data: Sequence[Sequence[Event]] = (DATA_EVENTS, (OUTPUT,)), generation: int = 1) -> list[Sealed]:
    """A whole host log: the beginning, *data*, and a close."""
    writer = host_writer(generation)
    chain = begin(writer)
    chain.extend(writer.append(EntryKind.DATA, events, nonce(writer.size)) for events in data)
    chain.append(writer.append(EntryKind.CLOSE, [OUTPUT, CLOSED], nonce(writer.size)))
    return chain


def member_log() -> list[Sealed]:
    writer = LogWriter(CHANNEL, MEMBER, EPOCH, INCARNATION, 1, None)
    return [
        writer.append_open(),
        writer.append(EntryKind.DATA, [Marked(0, "here"), Document(1, b"update")], nonce(1)),
        writer.append(EntryKind.DATA, [Output(0, 0, b"not a member's to write")], nonce(2)),
    ]


def entries(chain: Sequence[Sealed]) -> list[Entry]:
    return [sealed.entry for sealed in chain]
