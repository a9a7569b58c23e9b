"""Keeping: what a mirror stores of somebody else's logs, so that it can be read without them.

    verified records ─► those that are not there yet ─► storage ─► note: checkpoints, watermark
                        └─ no room: left out, until a keyframe or grant comes for which there is room

Invariants: a log's records stand in its file in order, each once; what is left out lies before a grant or keyframe,
like whatever was not fetched. What waits to be stored is bounded: a mirror would rather forget than hold anybody up.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from cctm.archive.catalogue import Checkpoint, Ended, Joined, KeyframePlace
from cctm.archive.storage import Joint, LogRef, Stored, Sync
from cctm.cctmd.services import Services
from cctm.protocol.entry import EntryKind, decode_record_untrusted
from cctm.protocol.keys import ChannelId, Digest, LogId, StreamId

WAITING_BYTES: Final = 8 * 1024 * 1024
NOTE_BYTES: Final = 4 * 1024 * 1024
_BEGINNINGS: Final = frozenset({EntryKind.OPEN, EntryKind.GRANT, EntryKind.KEYFRAME})


@dataclass(frozen=True, slots=True)
class Reached:
    """Where the stream is behind some records."""

    stream: StreamId
    offset: int
    ended: Ended | None


class Keeping:
    """The files of one channel that was joined."""

    def __init__(
        self, services: Services, channel: ChannelId, checkpoints: Iterable[Checkpoint], file_bytes: int
    ) -> None:
        """
        Args:
            checkpoints: of its logs, as they are on disk.
        """
        self.file_bytes = file_bytes
        self._services = services
        self._channel = channel
        self._sizes: dict[LogId, int] = {known.ref.log: known.size for known in checkpoints}
        self._handed_bytes = 0
        self._unnoted_bytes = 0
        self._owes_note = False
        # From here on the storage thread's.
        self._stored_bytes = 0
        self._newest: dict[LogId, Checkpoint] = {}
        self._keyframes: list[KeyframePlace] = []

    def found(self, known: Checkpoint) -> None:
        """A log was looked at: so far it is there."""
        self._sizes[known.ref.log] = known.size

    def take(
        self, ref: LogRef, first: int, records: Sequence[bytes], head: Digest, reached: Reached, stalled: str
    ) -> None:
        """Store *records* of *ref*, from *first* on, which were verified.

        Args:
            head: the hash of the last of them.
            reached: where the stream is behind them.
            stalled: why nothing can be stored now; empty: it can.
        """
        size = self._sizes.get(ref.log, 0)
        fresh = records[max(0, size - first) :]
        first += len(records) - len(fresh)
        if not fresh or stalled or not self._has_room(fresh):
            return
        kinds = [decode_record_untrusted(record).entry.kind for record in fresh]
        if first > size:
            start = next((at for at, kind in enumerate(kinds) if kind in _BEGINNINGS), len(fresh))
            first, fresh, kinds = first + start, fresh[start:], kinds[start:]
        if not fresh:
            return
        joint = Joint.BEHIND_A_HOLE if first > size else Joint.FOLLOWS
        self._sizes[ref.log] = first + len(fresh)
        behind = Checkpoint(
            ref, first + len(fresh), head, reached.stream, reached.offset, 0, 0, reached.ended
        )
        # A keyframe is appended by itself, for its place to be known.
        cuts = {at for at, kind in enumerate(kinds) if kind is EntryKind.KEYFRAME}
        for start, stop in pairwise(sorted({0, len(fresh), *cuts, *(at + 1 for at in cuts)})):
            seq = first + start if start in cuts else None
            self._append(fresh[start:stop], seq, behind, joint, is_last=stop == len(fresh))
            joint = Joint.FOLLOWS

    def _has_room(self, records: Sequence[bytes]) -> bool:
        waiting = self._handed_bytes - self._stored_bytes + sum(map(len, records))
        return waiting <= WAITING_BYTES and not self._services.limits.is_over_quota(self.file_bytes)

    def _append(
        self,
        records: Sequence[bytes],
        keyframe: int | None,
        behind: Checkpoint,
        joint: Joint,
        *,
        is_last: bool,
    ) -> None:
        """
        Args:
            keyframe: the seq of the one record, if a reader can start from it.
            behind: how far the log goes, if these are the last records of some.
        """
        n_bytes = sum(map(len, records))
        self._handed_bytes += n_bytes
        self._unnoted_bytes += n_bytes
        self.file_bytes += n_bytes
        self._owes_note |= keyframe is not None

        def stored(place: Stored) -> None:
            self._stored_bytes += n_bytes
            if keyframe is not None:
                where = (
                    behind.ref,
                    keyframe,
                    place.segment,
                    place.start,
                    behind.stream,
                    behind.stream_offset,
                )
                self._keyframes.append(KeyframePlace(*where))
            if is_last:
                self._newest[behind.ref.log] = replace(behind, segment=place.segment, position=place.end)

        self._services.storage.append(behind.ref, records, stored, sync=Sync.GROUPED, joint=joint)

    @property
    def is_noted(self) -> bool:
        """Whether the catalogue knows of nearly all that was stored."""
        return self._unnoted_bytes < NOTE_BYTES and not self._owes_note

    def note(self, joined: Joined) -> "Future[None]":
        """Have the catalogue know how far the logs are stored, and what *joined* says was seen of them."""
        self._unnoted_bytes = 0
        self._owes_note = False
        catalogue = self._services.catalogue

        def write() -> None:
            with catalogue.transaction():
                if not catalogue.is_joined(self._channel):  # it was removed
                    return
                for known in self._newest.values():
                    catalogue.put_checkpoint(known)
                for place in self._keyframes:
                    catalogue.put_keyframe(place)
                catalogue.put_joined(self._channel, joined)
            self._newest.clear()
            self._keyframes.clear()

        return self._services.storage.run(write)
