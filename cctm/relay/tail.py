"""One log that is in use: how far it is verified and stored, and its newest records in memory.

    seq   0 ……………… first ……………… stored ……………… size
                    └─ in memory: `records` ─┘
          └──── on the disk ────────┘

**Invariants**

- What is not stored is in memory: first ≤ stored.
- Of what is stored, 2 MiB at most stay in memory. Whoever needs older records reads them from the disk.
- What goes to several readers is encoded once.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cctm.protocol.entry import EntryKind, Sealed, decode_open_body_untrusted
from cctm.protocol.ids import ChannelId, LogId
from cctm.protocol.log import LogVerifier
from cctm.protocol.sync.messages import MAX_RECORDS_BYTES, TABLE, LogRow
from cctm.protocol.sync.records import Records, cut_entries
from cctm.relay.database import LogState
from cctm.relay.framing import framed

TAIL_BYTES: Final = 2 * 1024 * 1024
_SHARED_FRAMES: Final = 8


@dataclass(frozen=True, slots=True)
class News:
    """Records of *tail* that just came: *first* … *end* - 1; *framed*: all of them in one message, if they fit."""

    tail: "Tail"
    first: int
    end: int
    framed: bytes | None


class Tail:
    """One log's."""

    def __init__(self, channel: ChannelId, log: LogId, state: LogState | None = None) -> None:
        self.log = log
        if state is None:
            self._verifier = LogVerifier(channel, log)
        else:
            self._verifier = LogVerifier(channel, log, state.writer, state.size, state.head)
        self.generation = state.generation if state else 0
        self.grant = state.grant if state else 0
        self.keyframe = state.keyframe if state else 0
        self.stored = self.size
        self.first = self.size
        self._records: dict[int, bytes] = {}
        self._bytes = 0
        self._frames_bytes = 0
        self._frames: OrderedDict[tuple[int, int], Sequence[bytes]] = OrderedDict()

    @property
    def size(self) -> int:
        return self._verifier.size

    @property
    def writer(self) -> bytes | None:
        """None: nothing is known of the log yet."""
        return self._verifier.writer

    @property
    def state(self) -> LogState:
        writer = self._verifier.writer
        assert writer is not None  # there is an entry
        return LogState(
            self.log, writer, self.generation, self.size, self._verifier.head, self.grant, self.keyframe
        )

    @property
    def row(self) -> LogRow:
        state = self.state
        return LogRow(
            state.log, state.writer, state.generation, state.size, state.head, state.grant, state.keyframe
        )

    def admit_untrusted(self, sealed: Sequence[Sealed], records: Sequence[bytes]) -> None:
        """Take the log's next entries: all, or none.

        Args:
            records: of which *sealed* was decoded.
        Raises:
            ChainError: they do not continue the log.
        """
        seq = self.size
        self._verifier.admit_sealed_untrusted(sealed)
        for number, (entry, record) in enumerate(zip(sealed, records, strict=True), seq):
            if entry.entry.kind is EntryKind.OPEN:
                self.generation = decode_open_body_untrusted(entry.entry.body).generation
            elif entry.entry.kind is EntryKind.GRANT:
                self.grant = number
            elif entry.entry.kind is EntryKind.KEYFRAME:
                self.keyframe = number
            self._records[number] = record
            self._bytes += len(record)
        self._trim()

    def note_stored(self, size: int) -> None:
        """The first *size* entries are on the disk."""
        self.stored = size
        self._trim()

    @property
    def held_bytes(self) -> int:
        """Of records in memory, and of messages made of them."""
        return self._bytes + self._frames_bytes

    def give_up(self) -> None:
        """Keep nothing in memory that is on the disk."""
        self._frames.clear()
        self._frames_bytes = 0
        self._trim(0)

    def _trim(self, most_bytes: int = TAIL_BYTES) -> None:
        while self._bytes > most_bytes and self.first < self.stored:
            self._bytes -= len(self._records.pop(self.first))
            self.first += 1

    def from_memory(self, first: int, end: int) -> Sequence[bytes]:
        """Records from *first* on, before *end*, as many as fit into one message, or a single one."""
        return list(self._fitting(first, min(end, self.size)))

    def _fitting(self, first: int, end: int) -> Iterator[bytes]:
        size = 0
        for seq in range(first, end):
            record = self._records[seq]
            size += len(record)
            if seq > first and size > MAX_RECORDS_BYTES:
                return
            yield record

    def frames(self, first: int, records: Sequence[bytes]) -> Sequence[bytes]:
        """The messages that bring *records* to a reader. Those who read the same share the same bytes."""
        key = (first, first + len(records))
        frames = self._frames.get(key)
        if frames is None:
            frames = [TABLE.encode(message) for message in cut_entries(Records(self.log, first, records))]
            if len(frames) == 1:  # a record in parts is large, and rarely read by many at once
                self._frames[key] = frames
                self._frames_bytes += len(frames[0])
                if len(self._frames) > _SHARED_FRAMES:
                    self._frames_bytes -= len(self._frames.popitem(last=False)[1][0])
        return frames

    def news(self, first: int) -> News:
        """Of what came from *first* on."""
        records = self.from_memory(first, self.size)
        messages = self.frames(first, records)
        is_one = first + len(records) == self.size and len(messages) == 1
        return News(self, first, self.size, framed(messages[0]) if is_one else None)
