"""Archives to try things on: terminals recorded without a daemon, from seeds that are always the same.

A `Recording` seals entries as the daemon does and keeps their payloads; `write` puts them into segment
files, which a test may then maltreat. Nothing here is a mock: formats and keys are the real ones.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cctm.archive.catalogue import Catalogue
from cctm.archive.files import segment_path
from cctm.archive.opening import Opener
from cctm.archive.reader import Archive
from cctm.archive.recover import recover_channel
from cctm.archive.segment import MAGIC, frame
from cctm.archive.storage import LogRef
from cctm.home import Home
from cctm.protocol.entry import EntryKind, Sealed, encode_record
from cctm.protocol.events import Closed, Event, How, Keyframe, LogHead, Opened, Output
from cctm.protocol.grant import Recipient, Table, make_grant
from cctm.protocol.keys import (
    ChannelId,
    DeviceKeys,
    EpochSecret,
    Incarnation,
    StreamId,
    WriterKey,
    channel_id,
)
from cctm.protocol.log_writer import LogWriter

WALL_US = 1_700_000_000_000_000


def drawn(*what: object, size: int = 32) -> bytes:
    """*size* bytes that look random and are the same each time."""
    return hashlib.shake_256(repr(what).encode()).digest(size)


DEVICE = DeviceKeys.from_seed(drawn("device"))


def make_home(path: object) -> Home:
    home = Home.locate({"CCTM_HOME": str(path)})
    home.prepare()
    return home


@dataclass
class Recorded:
    """One log: its entries in order, as they were sealed."""

    ref: LogRef
    sealed: list[Sealed] = field(default_factory=list)

    @property
    def payloads(self) -> list[bytes]:
        return [encode_record(sealed) for sealed in self.sealed]


class Recording:
    """One terminal. `begin` starts a generation, the rest adds entries to it."""

    def __init__(self, number: int = 1, device: DeviceKeys = DEVICE, name: str = "work") -> None:
        self.number = number
        self.device = device
        self.name = name
        self.writer_key = WriterKey.from_seed(drawn("writer", number))
        self.channel = channel_id(self.writer_key.public)
        self.epoch = EpochSecret(1, drawn("epoch", number))
        self.secrets = [self.epoch]
        self.stream = StreamId(drawn("stream", number, size=16))
        self.offset = 0
        self.logs: list[Recorded] = []
        self.writer: LogWriter | None = None
        self._nonces: Iterator[int] = iter(range(1 << 60))

    def begin(
        self,
        generation: int | None = None,
        predecessor: LogHead | None = None,
        *,
        clone: int = 0,
        offset: int | None = None,
        started: bool = True,
    ) -> Recorded:
        """Start a log: open, grant, keyframe."""
        if generation is None:
            generation = self.logs[-1].ref.generation + 1 if self.logs else 1
        if predecessor is None and self.writer is not None and generation > 1:
            predecessor = LogHead(self.writer.log, self.writer.size, self.writer.head)
        incarnation = Incarnation(drawn("incarnation", self.number, generation, clone, size=16))
        self.writer = LogWriter(
            self.channel, self.writer_key, self.epoch, incarnation, generation, predecessor
        )
        self.logs.append(Recorded(LogRef(self.channel, self.writer.log, generation)))
        self._add(self.writer.append_open())
        self.grant()
        if offset is not None:
            self.offset = offset
        self.keyframe(stream=self.stream if started and generation > 1 else None)
        return self.logs[-1]

    def grant(self, recipients: Sequence[DeviceKeys] | None = None) -> None:
        devices = [self.device] if recipients is None else recipients
        body = make_grant(
            self.writer.place(EntryKind.GRANT),
            self.epoch,
            [Recipient(device.box_public, tuple(self.secrets)) for device in devices],
            Table({}, ()),
            self._nonce(32),
        )
        self._add(self.writer.append_grant(body))

    def rotate(self) -> None:
        """A new epoch, and the grant that hands it out."""
        self.epoch = EpochSecret(self.epoch.number + 1, drawn("epoch", self.number, self.epoch.number + 1))
        self.secrets.append(self.epoch)
        self.writer.rotate(self.epoch)
        self.grant()

    def keyframe(self, stream: StreamId | None) -> None:
        at = WALL_US + self.offset
        event = Keyframe(0, stream, self.offset, 80, 24, self.name, at, None, None, (), None)
        self.add(EntryKind.KEYFRAME, event)

    def opened(self, argv: tuple[bytes, ...] = (b"bash",), cwd: bytes = b"/") -> None:
        event = Opened(0, argv, cwd, 80, 24, self.name, "xterm-256color", WALL_US, self.stream)
        self.add(EntryKind.DATA, event)

    def output(self, data: bytes, offset: int | None = None) -> None:
        at = self.offset if offset is None else offset
        self.add(EntryKind.DATA, Output(1, at, data))
        self.offset = at + len(data)

    def closed(self, code: int = 0) -> None:
        self.add(EntryKind.CLOSE, Closed(1, How.EXITED, code))

    def add(self, kind: EntryKind, *events: Event) -> None:
        self._add(self.writer.append(kind, events, self._nonce(24)))

    def _add(self, sealed: Sealed) -> None:
        self.logs[-1].sealed.append(sealed)

    def _nonce(self, size: int) -> bytes:
        return drawn("nonce", self.number, next(self._nonces), size=size)

    def write(self, home: Home, segment_bytes: int = 64 << 20) -> list[str]:
        """Put all logs into segment files. The paths, in the order of reading."""
        return [
            path
            for log in self.logs
            for path in write_log(home.archive, log.ref, log.payloads, segment_bytes)
        ]


def records(payloads: Sequence[bytes]) -> bytes:
    return b"".join(frame(payload) + payload for payload in payloads)


def write_log(
    archive: str, ref: LogRef, payloads: Sequence[bytes], segment_bytes: int = 64 << 20
) -> list[str]:
    """Segment files that hold *payloads*; the paths."""
    os.makedirs(os.path.join(archive, ref.channel.hex()), mode=0o700, exist_ok=True)
    segments = [MAGIC]
    for payload in payloads:
        if len(segments[-1]) > segment_bytes:
            segments.append(MAGIC)
        segments[-1] += records([payload])
    paths = [segment_path(archive, ref, number) for number in range(1, len(segments) + 1)]
    for path, data in zip(paths, segments, strict=True):
        write_file(path, data)
    return paths


def write_file(path: str, data: bytes) -> None:
    # A file that is cut to nothing first is written to the disk at once by some file systems, which takes long.
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.truncate()


def read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def change_file(path: str, change: Callable[[bytearray], object]) -> None:
    data = bytearray(read_file(path))
    change(data)
    write_file(path, bytes(data))


def record_spans(data: bytes) -> list[tuple[int, int]]:
    """Where the records of a whole segment begin and end."""
    spans, position = [], len(MAGIC)
    while position < len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        spans.append((position, end))
        position = end
    return spans


def small_recording(outputs: int = 4, number: int = 1) -> Recording:
    """open, grant, keyframe, opened, *outputs* times output."""
    recording = Recording(number)
    recording.begin()
    recording.opened()
    for index in range(outputs):
        recording.output(b"line %d\r\n" % index)
    return recording


def two_generations() -> Recording:
    """Output in two logs; the second repeats a part."""
    recording = small_recording(0)
    recording.output(b"first ")
    recording.output(b"second ")
    recording.begin(offset=6)
    recording.output(b"second third")
    return recording


def early_checkpoint(home: Home, recording: Recording) -> None:
    """A checkpoint of an early moment, as a daemon that was killed leaves it."""
    opener = Opener(recording.channel, DEVICE)
    known = recover_channel(home.archive, recording.channel, [], opener).checkpoint
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_checkpoint(known)
    catalogue.put_epoch(recording.channel, recording.epoch)
    catalogue.close()


def text_of(archive: Archive, channel: ChannelId) -> bytes:
    """All output, without the holes."""
    return b"".join(piece for piece in archive.fold_output(channel) if isinstance(piece, bytes))
