"""One log on its way to a reader: what to ask for, and what of the answers is to be read, in order. Needs no key.

    Fetch(0) ─► open ───────────┐
    Fetch(grant) ─► grant ──────┤ held until all are there
    Tail(keyframe) ─► keyframe …┴─────────► batches ─► batches …
                                   Lagged: the same again, from a later keyframe

All is asked for at once: what a newcomer sees first costs one round trip.

**Invariants**

- What is handed on is verified, in ascending order, each entry once (but for a grant that is wanted ahead of the
  entries before it, and says so).
- Nothing is handed on before the log's `open` says that the log is of the generation that was claimed.
- At most 48 MiB are held.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cctm.protocol.codec import expect_exactly
from cctm.protocol.entry import (
    MAX_WIRE_BYTES,
    EntryKind,
    OpenBody,
    Sealed,
    decode_open_body_untrusted,
    decode_record_untrusted,
)
from cctm.protocol.errors import ChainError, Flaw, MalformedError
from cctm.protocol.events import LogHead
from cctm.protocol.ids import HASH_BYTES, PUBLIC_BYTES, ChannelId, Digest, WriterId
from cctm.protocol.log import LogVerifier
from cctm.protocol.sync.chain import Chain, verify_alone_untrusted
from cctm.protocol.sync.followed import LogRef
from cctm.protocol.sync.messages import Fetch, Lagged, LogRow, Tail
from cctm.protocol.sync.records import Records

MAX_HELD_BYTES: Final = MAX_WIRE_BYTES + 15 * 2**20
LEAP_ENTRIES: Final = 256  # so far behind, a keyframe is the shorter way
_BEGINNING: Final = 3  # open, grant, keyframe


def check_row_untrusted(row: LogRow) -> None:
    """
    Raises:
        MalformedError: no log is like that.
    """
    expect_exactly(row.log, HASH_BYTES)
    expect_exactly(row.writer, PUBLIC_BYTES)
    expect_exactly(row.head, HASH_BYTES)
    if row.size < 1 or row.grant >= row.size or row.keyframe >= row.size or (row.keyframe and not row.grant):
        raise MalformedError("row of a log")


@dataclass(frozen=True, slots=True)
class Batch:
    """Verified entries from `first` on, and the records of which they were decoded.

    *comes_again*: a grant that is wanted now, and stands further on.
    """

    first: int
    entries: Sequence[Sealed]
    records: Sequence[bytes]
    head: Digest
    comes_again: bool = False


@dataclass(frozen=True, slots=True)
class _Lag:
    """A Lagged that was believed: the grant that it named, and what was waited for before."""

    grant: int
    starts: frozenset[int]
    alone: frozenset[int]
    lacked: int | None


class Following:
    """One log of the channel's owner."""

    def __init__(
        self, channel: ChannelId, owner: WriterId, ref: LogRef, seen: LogHead | None = None, grant: int = 0
    ) -> None:
        """
        Args:
            owner: whose key hashes to *channel*.
            ref: as it is claimed; `open` has to say so too.
            seen: how far this device saw the log before, and *grant* the newest grant in that.
        """
        self.ref = ref
        self.chain = Chain(channel, ref.log, owner)
        self.opening: OpenBody | None = None
        self.fork: int | None = None  # the seq at which the writer signed two entries
        self._seen = seen
        self._seen_grant = grant
        self._alone: set[int] = set()  # entries that are asked for by themselves
        self._answered: set[int] = set()  # of them
        self._starts: set[int] = set()  # where the chain may begin, or go on behind a hole
        self._lacks: int | None = None  # the grant without which nothing more is read
        self._lag: _Lag | None = None  # what the relay said last of where it goes on
        self._least_size = 0  # below which nothing is read
        self._ahead: list[Batch] = []  # open and grant
        self._held: list[Batch] = []
        self._held_bytes = 0

    @property
    def is_ready(self) -> bool:
        """Whether what comes can be read."""
        chain = self.chain
        return (
            self.opening is not None
            and self._lacks is None
            and chain.size >= max(self._least_size, _BEGINNING)
        )

    def ask(self, row: LogRow) -> list[Fetch | Tail]:
        """What to ask of a relay that offers *row*, which was checked."""
        log, size = row.log, self.chain.size
        self._alone, self._answered, self._starts, self._lag = set(), set(), set(), None
        if not self.chain.has_begun:
            if self._seen is not None and row.size < self._seen.size:
                self._least_size = self._seen.size
            return self._ask_from_keyframe(row)
        if row.keyframe > size + LEAP_ENTRIES:
            return self._ask_from_keyframe(row)
        asked: list[Fetch | Tail] = [Tail(log, size)]
        if row.size == size and row.head != self.chain.head:
            asked.insert(0, Fetch(log, size - 1, 1))  # let it show that it has another one there
        return asked

    def _ask_from_keyframe(self, row: LogRow) -> list[Fetch | Tail]:
        start = row.keyframe if row.keyframe >= _BEGINNING else 0
        self._starts.add(start)
        asked: list[Fetch | Tail] = []
        if start and self.opening is None:
            self._alone = {0}
            asked.append(Fetch(row.log, 0, 1))
        if row.grant >= max(self._seen_grant, self.chain.size, _BEGINNING - 1 - start):
            self._want(row.grant)
            asked.append(Fetch(row.log, row.grant, 1))
        elif row.grant < self._seen_grant and not self.chain.has_begun:
            self._lacks = self._seen_grant  # what is offered is older
        return [*asked, Tail(row.log, start)]

    def _want(self, grant: int) -> None:
        # Another one that was wanted is older; where it stands, it is a repetition.
        self._alone = {0, grant} if self.opening is None else {grant}
        self._lacks = grant

    def lag_untrusted(self, lagged: Lagged) -> None:
        """The relay goes on at a later keyframe.

        Raises:
            MalformedError: no log is like that.
        """
        if lagged.keyframe >= lagged.size or lagged.grant >= lagged.size or not lagged.grant:
            raise MalformedError("place to go on")
        if lagged.keyframe <= self.chain.size:  # it is behind what came another way
            return
        if self._lag is None:
            self._lag = _Lag(lagged.grant, frozenset(self._starts), frozenset(self._alone), self._lacks)
        self._lag = replace(self._lag, grant=lagged.grant)
        self._starts = {lagged.keyframe}
        if lagged.grant >= self.chain.size:
            self._want(lagged.grant)

    def take_untrusted(self, run: Records) -> list[Batch]:
        """What is to be read because of *run*.

        Raises:
            MalformedError, ChainError: it is not what the log's writer wrote there.
        """
        entries = [decode_record_untrusted(record) for record in run.records]
        if not entries:
            raise MalformedError("entries that were offered, and are not there")
        for seq, sealed in enumerate(entries, run.first):
            if sealed.entry.seq != seq:
                raise ChainError(seq, Flaw.SEQ)
        chain = self.chain
        if run.first in self._starts and (run.first > chain.size or not chain.has_begun):
            self._start(entries, run)
        elif chain.has_begun and chain.base <= run.first <= chain.size:
            self._go_on(entries, run)
        elif run.first in self._alone and len(entries) == 1:
            self._take_alone(entries[0], run.records[0])
        elif not chain.has_begun or run.first > chain.size:
            raise ChainError(run.first, Flaw.SEQ)
        return self._release()

    def _start(self, entries: Sequence[Sealed], run: Records) -> None:
        if run.first and entries[0].entry.kind is not EntryKind.KEYFRAME:
            raise ChainError(run.first, Flaw.KIND)
        before, self.chain = self.chain, Chain(self.chain.channel, self.chain.log, self.chain.owner)
        self.chain.begin(entries[0])
        lag, self._lag = self._lag, None  # it is as was said
        try:
            self._go_on(entries, run)
        except (ChainError, MalformedError):
            self.chain, self._lag = before, lag
            raise

    def _go_on(self, entries: Sequence[Sealed], run: Records) -> None:
        fresh, self.fork = self.chain.take_untrusted(entries)
        if not fresh or self._differs_from_seen():
            return
        first = fresh[0].entry.seq
        if first == 0:
            self._open(fresh[0])
        at = first - run.first
        records = run.records[at : at + len(fresh)]
        self._held.append(Batch(first, fresh, records, self.chain.head))
        self._held_bytes += sum(map(len, records))
        if self._lacks is not None and first <= self._lacks < self.chain.size:
            # It opens what is held before it, too.
            at = self._lacks - first
            self._ahead.append(Batch(self._lacks, fresh[at : at + 1], (), self.chain.head, comes_again=True))
            self._lacks = None
        if self._lag is not None and (first != self._lag.grant or len(fresh) > 1):
            self._unlag(self._lag)

    def _unlag(self, lag: "_Lag") -> None:
        """What comes goes on without a hole: the relay did not go on at a later keyframe, or is there."""
        self._lag = None
        self._starts, self._alone = set(lag.starts), set(lag.alone)
        has_come = lag.lacked in self._answered or self.chain.base <= (lag.lacked or 0) < self.chain.size
        self._lacks = None if lag.lacked is None or has_come else lag.lacked

    def _differs_from_seen(self) -> bool:
        """Whether the log is another one than that which this device saw before."""
        seen, chain = self._seen, self.chain
        if seen is None or not chain.base <= seen.size <= chain.size:
            return False
        self._seen = None
        if chain.head_at(seen.size) in {None, seen.head}:
            return False
        self.fork = seen.size - 1
        return True

    def _take_alone(self, sealed: Sealed, record: bytes) -> None:
        seq = sealed.entry.seq
        head = self._verify_alone(sealed)
        if seq in self._answered:
            return
        if seq == 0:
            self._open(sealed)
        elif sealed.entry.kind is not EntryKind.GRANT:
            raise ChainError(seq, Flaw.KIND)
        self._answered.add(seq)
        if self._lacks == seq:
            self._lacks = None
        # The chain brings it again if it begins before, or goes on there.
        start = max(self._starts, default=0)
        self._ahead.append(Batch(seq, (sealed,), (record,), head, comes_again=seq >= start))

    def _verify_alone(self, sealed: Sealed) -> Digest:
        chain = self.chain
        if sealed.entry.seq:
            return verify_alone_untrusted(chain.channel, chain.log, chain.owner, sealed)
        verifier = LogVerifier(
            chain.channel, chain.log, chain.owner
        )  # whose id has to commit to what it says
        verifier.admit_sealed_untrusted([sealed])
        return verifier.head

    def _open(self, sealed: Sealed) -> None:
        """Learn what `open` says, which was verified."""
        self.opening = decode_open_body_untrusted(sealed.entry.body)
        if self.opening.generation != self.ref.generation:
            raise MalformedError("generation of a log")

    def _release(self) -> list[Batch]:
        if not self.is_ready:
            if self._held_bytes > MAX_HELD_BYTES:
                raise MalformedError("entries without those that they need")
            return []
        released = sorted(self._ahead, key=lambda batch: batch.first) + self._held
        self._ahead, self._held, self._held_bytes = [], [], 0
        return released
