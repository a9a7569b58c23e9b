"""Storage: the one thread that writes (SPEC.md §6.4).

    any thread                         the storage thread
    append(ref, payloads, on_stored) ─► write ─► … ─► sync ─► on_stored(place), in the order of appending
    run(work)                        ─► when all before it is synced ─► future
    remove(channel, forget)          ─► at once, even while stalled  ─► future

**Invariants**

- What is appended is written in the order of appending, per log without a hole, each payload in one record.
- `on_stored` is called after `fdatasync` of the file and `fsync` of the directories in which a name is new:
  what it was called for survives a power failure.
- When a call fails, nothing is dropped, repeated or reordered. The partial record is cut away and the same
  bytes are tried again every second, until it works, the channel is removed, or the storage is closed.
- What fails for a reason that concerns everybody (the disk is full, descriptors ran out) stalls all. Any other
  reason *parks* the channel that met it: what is appended to it waits, in order, while the others go on.
- Nobody waits for what is parked: `run` and `barrier` are done when all else is stored.

When is there a sync? At once, if the last one is 100 ms ago or somebody waits; otherwise when it is, or
when 1 MiB waits (of what the appender counts: the keeper holds plain bytes, of which a record may be a
tenth).

It is one thread's loop over the same few lists: syncing, stalling, parking and removing each change what the others may
do next, and are only seen to be right side by side. What could be told apart is in `inbox` (what comes when), `writing`
(files) and `disk` (calls).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from cctm.protocol.keys import ChannelId

from .disk import Disk
from .inbox import Append, Aside, Inbox, OnStored, Sync, Work
from .segment import SEGMENT_BYTES, LogRef
from .writing import Joint, SegmentWriter, Stored, concerns_everybody

__all__ = ["Joint", "LogRef", "Storage", "Stored", "Sync"]

SYNC_INTERVAL_S: Final = 0.1
SYNC_BYTES: Final = 1 << 20
RETRY_S: Final = 1.0
OPEN_FILES: Final = 128

T = TypeVar("T")


@dataclass(slots=True)
class _Parked:
    """A channel that cannot be written. *waiting*: written or not, it may not survive a power failure."""

    reason: OSError
    items: deque[Append]
    waiting: list[tuple[OnStored, Stored]]


class Storage:
    """The archive's writer. One per home; `start` it, and `close` it from the same thread."""

    def __init__(
        self,
        archive: str,
        *,
        on_stalled: Callable[[OSError], None],
        on_resumed: Callable[[], None],
        on_parked: Callable[[ChannelId, OSError], None] = lambda _channel, _error: None,
        on_unparked: Callable[[ChannelId], None] = lambda _channel: None,
        disk: Disk | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        sync_interval_s: float = SYNC_INTERVAL_S,
        retry_s: float = RETRY_S,
        open_files: int = OPEN_FILES,
    ) -> None:
        """
        Args:
            archive: the directory of the channels' directories; it exists.
            on_stalled: called on the storage thread when a call failed for a reason that concerns everybody,
            again when another error follows.
            on_resumed: called on the storage thread once it works again.
            on_parked: called on the storage thread when a channel cannot be written for a reason of its own,
            again when another error follows.
            on_unparked: called on the storage thread once all that waited for that channel is stored. Not of a
            channel that is removed.
            open_files: how many descriptors may be kept.
        """
        self._on_stalled = on_stalled
        self._on_resumed = on_resumed
        self._on_parked = on_parked
        self._on_unparked = on_unparked
        self._sync_interval_s = sync_interval_s
        self._retry_s = retry_s

        self._inbox = Inbox()
        self._thread = threading.Thread(target=self._main, name="cctm-storage", daemon=True)

        # From here on the storage thread's alone.
        self._segments = SegmentWriter(archive, disk or Disk(), segment_bytes, open_files)
        self._failure: BaseException | None = None
        self._stalled_by: int | None = None
        self._waiting: list[tuple[OnStored, Stored]] = []
        self._unsynced_bytes = 0
        self._sync_wanted = False
        self._last_sync_s = float("-inf")
        self._removed: set[ChannelId] = set()
        self._parked: dict[ChannelId, _Parked] = {}
        self._retry_parked_at_s = float("inf")

    # -- any thread

    def start(self) -> None:
        self._thread.start()

    def append(
        self,
        ref: LogRef,
        payloads: Sequence[bytes],
        on_stored: OnStored | None = None,
        *,
        weight_bytes: int = 0,
        sync: Sync = Sync.GROUPED,
        joint: Joint = Joint.FOLLOWS,
    ) -> None:
        """Store *payloads* (SPEC.md §6.1) as the next records of the log *ref*, in one segment.

        Args:
            on_stored: called on the storage thread when they survive a power failure. It must not raise.
            weight_bytes: what waits for this to be stored, if that is more than the payloads.
            joint: what lies behind a hole goes into segments of its own.
        Raises:
            LocalError: the storage is closed.
        """
        self._inbox.put(Append(ref, payloads, on_stored, weight_bytes, sync, joint))

    def fill(self, segments: Sequence[tuple[LogRef, int, Sequence[bytes]]]) -> "Future[int]":
        """Store whole *segments*, by log and number, in this order. How many bytes they have; the future raises if one
        could not be stored.
        """
        return self.run(lambda: sum(self._segments.fill(*segment) for segment in segments))

    def run(self, work: Callable[[], T]) -> "Future[T]":
        """Call *work* on the storage thread once everything appended before is stored, but for what is parked."""
        item = Work(work, Future())
        self._inbox.put(item)
        return item.future

    def run_aside(self, work: Callable[[], T]) -> "Future[T]":
        """Call *work* on the storage thread before what waits there, and also while it is stalled."""
        item = Aside(work, Future())
        self._inbox.put(item)
        return item.future

    def barrier(self) -> "Future[None]":
        """Done when everything appended before is stored, but for what is parked."""
        return self.run(lambda: None)

    def remove(self, channel: ChannelId, forget: Callable[[], None] = lambda: None) -> "Future[None]":
        """Remove a channel's files, also while stalled, since this is what makes room.

        What waits to be appended to it is dropped, as is what comes later; nobody is told that it is stored.
        The future raises if the files could not be put out of the way, or *forget* raised: then all is as it was.

        Args:
            forget: called on the storage thread when the files are out of the way, before they are unlinked:
            it removes the catalogue's row.
        """
        return self.run_aside(lambda: self._remove(channel, forget))

    def readmit(self, channel: ChannelId) -> None:
        """Store again what is appended to *channel*, which was removed."""
        self.run_aside(lambda: self._removed.discard(channel))

    def close(self) -> None:
        """Store what was appended, then end the thread.

        Raises:
            OSError: it, or what is parked, could not be stored. What was not reported as stored is not.
            BaseException: what a callback raised, which ended the thread.
        """
        self._inbox.close()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    # -- the storage thread

    def _main(self) -> None:
        inbox = self._inbox
        try:
            while inbox.pending or not inbox.is_closing:
                inbox.take(self._patience_s())
                while inbox.pending:
                    self._perform(inbox.pending.popleft())
                    inbox.take(0)
                    self._see_to_what_is_due()
                self._see_to_what_is_due()
            self._until_it_works(self._sync)
            self._retry_parked()
            for parked in self._parked.values():
                raise _GivenUp(parked.reason)  # noqa: TRY301  the one place that ends this thread
        except _GivenUp as error:
            self._failure = error.reason
        except BaseException as error:
            self._failure = error
            raise
        finally:
            inbox.close()
            self._segments.close()
            inbox.abandon(self._failure)

    def _patience_s(self) -> float | None:
        """How long the inbox may be waited for; None: for ever."""
        sync_at_s = self._last_sync_s + self._sync_interval_s if self._is_owing else float("inf")
        due_at_s = min(sync_at_s, self._retry_parked_at_s)
        return None if due_at_s == float("inf") else max(0.0, due_at_s - time.monotonic())

    def _see_to_what_is_due(self) -> None:
        if self._sync_is_due():
            self._until_it_works(self._sync)
        if time.monotonic() >= self._retry_parked_at_s:
            self._retry_parked()

    def _perform(self, item: Append | Work) -> None:
        if isinstance(item, Append):
            self._until_it_works(lambda: self._write(item))
        else:
            self._until_it_works(self._sync)
            item.call()

    @property
    def _is_owing(self) -> bool:
        """Whether a sync, or a report of one, is outstanding."""
        return bool(self._waiting) or self._segments.is_dirty(self._parked)

    def _sync_is_due(self) -> bool:
        return self._is_owing and (
            self._sync_wanted
            or self._unsynced_bytes >= SYNC_BYTES
            or time.monotonic() >= self._last_sync_s + self._sync_interval_s
        )

    def _until_it_works(self, step: Callable[[], None]) -> None:
        while True:
            try:
                step()
            except OSError as error:
                self._stall(error)
            else:
                break
        if self._stalled_by is not None:
            self._stalled_by = None
            self._on_resumed()

    def _stall(self, error: OSError) -> None:
        """Say that nothing works, and wait before the next attempt. What asks to run aside runs meanwhile."""
        if error.errno != self._stalled_by:
            self._stalled_by = error.errno
            self._on_stalled(error)
        self._segments.close_idle(0)  # it may have been the descriptors that ran out
        retry_at_s = time.monotonic() + self._retry_s
        while (left_s := retry_at_s - time.monotonic()) > 0:
            if self._inbox.is_closing:
                raise _GivenUp(error)
            self._inbox.take(left_s)

    # -- writing

    def _write(self, item: Append) -> None:
        channel = item.ref.channel
        if channel in self._removed:
            return
        if channel in self._parked:
            self._parked[channel].items.append(item)
            return
        try:
            waiting = self._written(item)
        except OSError as error:
            if concerns_everybody(error):
                raise
            self._park(channel, error)
            self._parked[channel].items.append(item)
        else:
            self._waiting += waiting
            self._sync_wanted |= item.sync is Sync.NOW

    def _written(self, item: Append) -> list[tuple[OnStored, Stored]]:
        """Write *item*; who is to be told once it is stored."""
        stored = self._segments.append(item.ref, item.payloads, item.joint)
        self._unsynced_bytes += max(stored.end - stored.start, item.weight_bytes)
        return [] if item.on_stored is None else [(item.on_stored, stored)]

    def _sync(self) -> None:
        if not self._is_owing:
            return
        for channel, error in self._segments.sync(self._parked).items():
            self._park(channel, error)
        self._unsynced_bytes = 0
        self._sync_wanted = False
        self._last_sync_s = time.monotonic()
        stored, self._waiting = self._waiting, []
        _report(stored)

    # -- what is parked

    def _park(self, channel: ChannelId, error: OSError) -> None:
        """Have *channel* wait, as it cannot be written because of *error*."""
        self._segments.let_go(channel)
        parked = self._parked.get(channel)
        is_news = parked is None or parked.reason.errno != error.errno
        if parked is None:
            waiting = [waits for waits in self._waiting if waits[1].ref.channel == channel]
            self._waiting = [waits for waits in self._waiting if waits[1].ref.channel != channel]
            self._parked[channel] = _Parked(error, deque(), waiting)
            self._retry_parked_at_s = min(self._retry_parked_at_s, time.monotonic() + self._retry_s)
        else:
            parked.reason = error
        if is_news:
            self._on_parked(channel, error)

    def _retry_parked(self) -> None:
        for channel in list(self._parked):
            self._until_it_works(lambda: self._retry(channel))  # noqa: B023  called before the next turn
        self._retry_parked_at_s = time.monotonic() + self._retry_s if self._parked else float("inf")

    def _retry(self, channel: ChannelId) -> None:
        parked = self._parked.get(channel)
        if parked is None:  # removed, while all was stalled
            return
        try:
            self._segments.sync_channel(channel)
            while parked.items:
                parked.waiting += self._written(parked.items[0])
                parked.items.popleft()
            self._segments.sync_channel(channel)
        except OSError as error:
            if concerns_everybody(error):
                raise
            self._park(channel, error)
            return
        del self._parked[channel]
        _report(parked.waiting)
        self._on_unparked(channel)

    # -- the end of a channel

    def _remove(self, channel: ChannelId, forget: Callable[[], None]) -> None:
        self._segments.remove(channel, forget)
        self._removed.add(channel)
        self._parked.pop(channel, None)
        self._waiting = [waits for waits in self._waiting if waits[1].ref.channel != channel]


class _GivenUp(Exception):  # noqa: N818  never leaves this module
    """The storage was closed while *reason* kept it from storing."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason)
        self.reason = reason


def _report(stored: Sequence[tuple[OnStored, Stored]]) -> None:
    for on_stored, place in stored:
        on_stored(place)
