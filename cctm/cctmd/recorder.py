"""Recorder: one terminal's log. Batches events, seals them, hands them to the storage thread.

    output, event ─► pending ──seal──► LogWriter ─► Storage ─► on disk ─► on_durable(offset)
                        │
                        └─ held (no room, quota): nothing is sealed; the keeper stops reading at its cap, so what
                           waits here is bounded

The log is begun (open, grant, keyframe) by the first event after a start of the daemon: a terminal that does
nothing costs nothing. "Batch, compress, then seal": sealing each key alone would multiply a small log by
five.

Invariants: events are sealed in the order in which they were added; what was sealed is stored or the log is
given up with the process; `on_durable` tells only of what survives a power failure.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cctm.archive.catalogue import KeyframePlace
from cctm.archive.storage import LogRef, Storage, Stored, Sync
from cctm.cctmd.clock import Clock
from cctm.protocol.entry import EntryKind, Place, Sealed, encode_record
from cctm.protocol.events import Closed, Event, How, Input, Keyframe, LogHead, Output
from cctm.protocol.grant import make_grant
from cctm.protocol.keys import (
    INCARNATION_BYTES,
    SEED_BYTES,
    ChannelId,
    DeviceKeys,
    EpochSecret,
    Incarnation,
    StreamId,
    WriterKey,
)
from cctm.protocol.log_writer import LogWriter
from cctm.protocol.members import NOBODY, Members
from cctm.protocol.sizes import NONCE_BYTES

LOG = logging.getLogger(__name__)

BATCH_BYTES: Final = 64 * 1024
BATCH_US: Final = 8_000
WHOLE: Final = b""  # `modes` of a keyframe whose screen is everything (SPEC.md §16.2)
PARTIAL: Final = b"\x01"  # … of one that lacks what the alternate screen hides


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """What the host of a channel needs to write it. *epochs*: all of them, the newest last."""

    channel: ChannelId
    writer: WriterKey
    epochs: tuple[EpochSecret, ...]
    device: DeviceKeys
    members: Members = NOBODY

    @property
    def epoch(self) -> EpochSecret:
        """In which what happens now is sealed."""
        return self.epochs[-1]

    def grant(self, place: Place) -> bytes:
        """The body of the grant at *place*: the epoch's secret for everybody who may have it, and who may do what."""
        recipients = self.members.recipients(self.device, self.epochs)
        table = self.members.table(self.writer.public)
        return make_grant(place, self.epoch, recipients, table, os.urandom(SEED_BYTES))


class Owed(Enum):
    """What comes before anything else is sealed."""

    NOTHING = 0
    GRANT = 1  # members, or the epoch, changed
    LOG = 2  # a log of the next generation


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that were sealed: those of *ref* from number *first* on.

    *waits*: nobody may have them before they are on disk.
    """

    ref: LogRef
    first: int
    records: Sequence[bytes]
    waits: bool


@dataclass(frozen=True, slots=True)
class Durable:
    """An entry is on disk: the log's size and head behind it, and how far the stream is stored."""

    head: LogHead
    generation: int
    offset: int
    place: Stored
    keyframe: KeyframePlace | None = None  # the entry, if it is one from which a reader can start


@dataclass(slots=True)
class Screen:
    """What a keyframe says of the terminal."""

    stream: StreamId
    cols: int
    rows: int
    name: str


class Recorder:
    """The writer of one terminal's logs in this incarnation of the daemon."""

    def __init__(
        self,
        keys: ChannelKeys,
        storage: Storage,
        clock: Clock,
        on_durable: Callable[[Durable], None],
        *,
        screen: Screen,
        offset: int,
        predecessor: LogHead | None,
        generation: int,
    ) -> None:
        """Begin no log yet.

        Args:
            on_durable: called on the storage thread.
            offset: of the stream, up to which everything is stored.
            generation: of the log to come.
        """
        self._keys = keys
        self._storage = storage
        self._clock = clock
        self._on_durable = on_durable
        self.screen = screen
        self._predecessor = predecessor
        self._generation = generation
        self._log: LogWriter | None = None
        self._ref: LogRef | None = None
        self._events: list[Event] = []
        self._chunks: list[bytes] = []
        self._chunks_bytes = 0
        self._chunks_dt_us = 0
        self._offset = offset
        self._from = offset
        self._handed = offset
        self._last_event_us = 0
        self._sealed_at_us = -BATCH_US
        self.held = False
        self.on_sealed: Callable[[Batch], None] | None = None  # who sends the record to others
        self._owed = Owed.NOTHING
        self._failed = False

    @property
    def keys(self) -> ChannelKeys:
        """Writer, epochs and members."""
        return self._keys

    def follow(self, keys: ChannelKeys, owed: Owed) -> None:
        """Seal everything from now on under the newest epoch of *keys*, behind what is *owed* to its members."""
        self._keys = keys
        self._owed = max(self._owed, owed, key=lambda it: it.value) if self._log is not None else Owed.LOG

    def generation_behind(self, owed: Owed) -> int:
        """Of the log in which what is *owed* will be."""
        return self._generation + (self._log is not None and owed is Owed.LOG)

    def go_beyond(self, generation: int) -> None:
        """The next log's generation is above this one."""
        self._generation = max(self._generation, generation + (self._log is None))

    @property
    def log(self) -> LogRef | None:
        """The log that is being written, once it was begun."""
        return self._ref

    @property
    def predecessor(self) -> LogHead | None:
        """The end of the log before the one that is being written."""
        return self._predecessor

    @property
    def offset(self) -> int:
        """Of the stream: everything before was added."""
        return self._offset

    @property
    def pending(self) -> bool:
        """Whether something waits to be sealed."""
        return bool(self._events or self._chunks or self._owed is not Owed.NOTHING)

    @property
    def sealed_size(self) -> int:
        """How many entries of the log were sealed."""
        return 0 if self._log is None else self._log.size

    @property
    def due(self) -> bool:
        """Whether to seal at once: the terminal was quiet, or a batch is full."""
        return self._chunks_bytes >= BATCH_BYTES or self._clock.now_us() - self._sealed_at_us >= BATCH_US

    def output(self, data: bytes) -> None:
        """Add the stream's next bytes."""
        if not self._chunks:
            self._chunks_dt_us = self._tick()
        self._chunks.append(data)
        self._chunks_bytes += len(data)
        self._offset += len(data)
        if self._chunks_bytes >= BATCH_BYTES:
            self._close_chunks()

    def skip_to(self, offset: int) -> None:
        """The stream goes on at *offset*; what lies between was lost, which the caller records as a gap."""
        self._close_chunks()
        self._offset = offset

    def event(self, make: Callable[[int], Event]) -> None:
        """Add the event that *make* makes of its `dt_us`."""
        self._close_chunks()
        self._events.append(make(self._tick()))

    def seal(self, sync: Sync = Sync.GROUPED) -> None:
        """Seal what is pending, unless recording is held."""
        if self.held or self._failed or not self.pending:
            return
        # What an exception in here leaves unsealed must not be covered by a later entry's offset.
        self._failed = True
        self._seal(sync)
        self._failed = False

    def _seal(self, sync: Sync) -> None:
        self._close_chunks()
        events, self._events = self._events, []
        records: list[Sealed] = []
        if self._log is None or self._owed is Owed.LOG:
            self._leave_log()
            records += self._begin()
            sync = Sync.NOW
        log = self._log
        assert log is not None
        if self._owed is Owed.GRANT:
            log.rotate(self._keys.epoch)
            records.append(log.append_grant(self._keys.grant(log.place(EntryKind.GRANT))))
            sync = Sync.NOW
        self._owed = Owed.NOTHING
        batch: list[Event] = []
        size = 0
        for event in events:
            batch.append(event)
            size += 64 + (len(event.data or b"") if isinstance(event, Output | Input) else 0)
            if size >= BATCH_BYTES:
                records.append(self._seal_batch(log, batch))
                batch, size = [], 0
        if batch:
            records.append(self._seal_batch(log, batch))
        self._store(log, records, sync)
        self._sealed_at_us = self._clock.now_us()

    def keyframe(self, screen: bytes, *, hides: bool = False) -> bool:
        """Seal what is pending, then what the terminal shows behind it. False if nothing can be sealed now.

        Args:
            hides: the screen lacks what the alternate one hides.
        """
        self.seal()
        log = self._log
        if log is None or self.pending or self._failed:
            return False
        behind = LogHead(log.log, log.size, log.head)
        sealed = self._seal_keyframe(log, self._offset, screen, behind, PARTIAL if hides else WHOLE)
        # Those who follow get nothing behind it before it is stored.
        self._store(log, [sealed], Sync.GROUPED if self.on_sealed is None else Sync.NOW, log.size - 1)
        return True

    def close(self, how: How, code: int) -> None:
        """The stream ended: the log's last entry."""
        self.event(lambda dt_us: Closed(dt_us, how, code))
        self.seal(Sync.NOW)

    def _tick(self) -> int:
        now_us = self._clock.now_us()
        if self._last_event_us == 0:
            self._last_event_us = now_us
        dt_us = max(0, now_us - self._last_event_us)
        self._last_event_us = max(self._last_event_us, now_us)
        return dt_us

    def _close_chunks(self) -> None:
        if self._chunks:
            data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._events.append(Output(self._chunks_dt_us, self._offset - len(data), data))
            self._chunks = []
            self._chunks_bytes = 0

    def _leave_log(self) -> None:
        """What is sealed from now on goes to a log of the next generation."""
        if self._log is not None:
            self._predecessor = LogHead(self._log.log, self._log.size, self._log.head)
            self._generation += 1
            self._from = self._handed

    def _begin(self) -> list[Sealed]:
        """Open, grant and keyframe of a new log."""
        keys = self._keys
        log = LogWriter(
            keys.channel,
            keys.writer,
            keys.epoch,
            Incarnation(os.urandom(INCARNATION_BYTES)),
            self._generation,
            self._predecessor,
        )
        self._log = log
        self._ref = LogRef(keys.channel, log.log, self._generation)
        opening = log.append_open()
        grant = log.append_grant(keys.grant(log.place(EntryKind.GRANT)))
        # A stream that has not begun shows an empty screen; of any other, the screen need not be known yet.
        blank = b"" if self._from == 0 else None
        return [opening, grant, self._seal_keyframe(log, self._from, blank, self._predecessor)]

    def _seal_keyframe(
        self, log: LogWriter, offset: int, shown: bytes | None, behind: LogHead | None, modes: bytes = WHOLE
    ) -> Sealed:
        screen = self.screen
        keyframe = Keyframe(
            dt_us=self._tick(),
            stream=screen.stream,
            offset=offset,
            cols=screen.cols,
            rows=screen.rows,
            name=screen.name,
            wall_us=self._clock.wall_us(),
            screen=shown,
            modes=None if shown is None else modes,
            vector=() if behind is None else (behind,),
            document=None,
        )
        return log.append(EntryKind.KEYFRAME, [keyframe], os.urandom(NONCE_BYTES))

    def _seal_batch(self, log: LogWriter, events: list[Event]) -> Sealed:
        kind = EntryKind.CLOSE if isinstance(events[-1], Closed) else EntryKind.DATA
        return log.append(kind, events, os.urandom(NONCE_BYTES))

    def _store(self, log: LogWriter, records: list[Sealed], sync: Sync, keyframe: int | None = None) -> None:
        """
        Args:
            keyframe: the seq of the one record, if a reader can start from it.
        """
        assert self._ref is not None
        ref, stream = self._ref, self.screen.stream
        head = LogHead(log.log, log.size, log.head)
        offset = self._offset
        on_durable, generation = self._on_durable, self._generation

        def stored(place: Stored) -> None:
            start = None
            if keyframe is not None:
                start = KeyframePlace(ref, keyframe, place.segment, place.start, stream, offset)
            on_durable(Durable(head, generation, offset, place, start))

        payloads = [encode_record(sealed) for sealed in records]
        if self.on_sealed is not None:
            waits = sync is Sync.NOW or keyframe is not None
            self._pass_on(Batch(ref, log.size - len(records), payloads, waits=waits))
        self._storage.append(
            self._ref,
            payloads,
            stored,
            weight_bytes=offset - self._handed,
            sync=sync,
        )
        self._handed = offset

    def _pass_on(self, batch: Batch) -> None:
        assert self.on_sealed is not None
        try:
            self.on_sealed(batch)
        except Exception:
            # Whoever follows the record has lost its place; the record goes on.
            LOG.exception("what channel %s records is passed on no longer", batch.ref.channel.hex()[:8])
            self.on_sealed = None
