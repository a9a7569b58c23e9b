"""Logs: one writer's chain of entries, verified (SPEC.md §5). Needs no key; `log_writer` writes them.

    open ── grant ── keyframe ── data ── … ── close          a host's log
    open ── data ── …                                        a member's log
      prev = 0   prev = hash of the entry before

**Invariants**

- A refused batch changes nothing: LogVerifier moves only when all of it was accepted.
- What was accepted is vouched for by a signature of the writer to whom the log id commits: an entry's own, or
  that of a later entry of the same chain.
"""

from collections.abc import Sequence
from enum import Enum
from itertools import repeat

from .entry import (
    Entry,
    EntryKind,
    Place,
    Sealed,
    decode_open_body_untrusted,
    digest,
    entry_hash,
    signed_statement,
)
from .errors import ChainError, Flaw, LocalError, MalformedError
from .events import LogHead
from .ids import (
    NO_KEY,
    ZERO,
    ChannelId,
    Digest,
    LogId,
    WriterId,
    channel_id,
    log_id,
    verify,
)


def may_stand(kind: EntryKind, seq: int, *, host: bool) -> bool:
    """Whether an entry of *kind* may have number *seq* in a log of the channel's owner (or of another)."""
    if seq == 0 or kind is EntryKind.OPEN:
        return seq == 0 and kind is EntryKind.OPEN
    if not host:
        return kind is EntryKind.DATA
    if seq <= 2:
        return kind is (EntryKind.GRANT if seq == 1 else EntryKind.KEYFRAME)
    return True


class LogVerifier:
    """How far somebody's log is known to be genuine. Needs no key."""

    def __init__(
        self,
        channel: ChannelId,
        log: LogId,
        writer: WriterId | None = None,
        size: int = 0,
        head: Digest = ZERO,
    ) -> None:
        """Go on after *size* entries that were verified before, the newest of which hashes to *head*.

        Args:
            writer: None only at the start: then `open` names it.
        """
        if size and writer is None:
            raise LocalError("a log to go on with, and nobody who wrote it")
        self.channel = channel
        self.log = log
        self.writer = writer
        self.size = size
        self.head = head

    @property
    def known(self) -> LogHead:
        return LogHead(self.log, self.size, self.head)

    def admit_sealed_untrusted(self, batch: Sequence[Sealed]) -> None:
        """`admit_untrusted`, for entries that also say which predecessor they were sealed for."""
        self.admit_untrusted([sealed.entry for sealed in batch], [sealed.prev for sealed in batch])

    def admit_untrusted(self, entries: Sequence[Entry], prevs: Sequence[Digest] | None = None) -> None:
        """Accept *entries* as the log's next ones, all or none.

        Only the newest signature is checked: it vouches for all before it. If it fails, each is checked on
        its own.

        Args:
            prevs: what the entries themselves say of their predecessors, where they do.
        Raises:
            ChainError: names the first entry that does not continue the log, and why.
        """
        if prevs is not None and len(prevs) != len(entries):
            raise LocalError("entries and predecessors that are not as many")
        if not entries:
            return
        writer, flaw_at_start = self._writer_of(entries[0])
        digests, hashes, flaw = self._follow(entries, prevs, writer)
        if flaw_at_start is not None:
            raise ChainError(self.size, flaw_at_start)
        assert writer is not None  # it is known from the start, or open named it
        self._check_signatures(entries, digests, writer)
        if flaw is not None:
            raise ChainError(self.size + len(digests), flaw)
        self.writer = writer
        self.size += len(entries)
        self.head = hashes[-1]

    def _writer_of(self, first: Entry) -> tuple[WriterId | None, Flaw | None]:
        """Who writes this log, by what is known or by *first*; or why *first* cannot say."""
        if self.size:
            return self.writer, None
        if first.seq != 0:
            return None, Flaw.SEQ
        if first.kind is not EntryKind.OPEN:
            return None, Flaw.KIND
        try:
            opening = decode_open_body_untrusted(first.body)
        except MalformedError:
            return None, Flaw.OPEN_BODY
        promised = log_id(opening.writer, self.channel, opening.incarnation, opening.generation)
        if promised != self.log or self.writer not in {None, opening.writer}:
            return None, Flaw.WRITER
        return opening.writer, None

    def _follow(
        self, entries: Sequence[Entry], prevs: Sequence[Digest] | None, writer: WriterId | None
    ) -> tuple[list[bytes], list[Digest], Flaw | None]:
        """Digest and hash of each entry up to the first that cannot stand there, and why not."""
        host = writer is not None and channel_id(writer) == self.channel
        digests: list[bytes] = []
        hashes: list[Digest] = []
        head = self.head
        for seq, (entry, prev) in enumerate(zip(entries, prevs or repeat(None), strict=False), self.size):
            if entry.seq != seq:
                return digests, hashes, Flaw.SEQ
            if not may_stand(entry.kind, seq, host=host):
                return digests, hashes, Flaw.KIND
            if (entry.key_id == NO_KEY) is not (entry.kind is EntryKind.OPEN):
                return digests, hashes, Flaw.KEY
            if prev not in (None, head):
                return digests, hashes, Flaw.PREV
            place = Place(self.channel, self.log, seq, entry.kind, entry.key_id, head)
            entry_digest = digest(place, entry.body)
            head = entry_hash(entry_digest, entry.sig)
            digests.append(entry_digest)
            hashes.append(head)
        return digests, hashes, None

    def _check_signatures(self, entries: Sequence[Entry], digests: Sequence[bytes], writer: WriterId) -> None:
        """The newest signature; if it fails, one by one, to name the first that does."""
        if not digests or self._is_signed(entries[len(digests) - 1], digests[-1], writer):
            return
        seq = next(
            seq
            for seq, (entry, entry_digest) in enumerate(zip(entries, digests, strict=False), self.size)
            if not self._is_signed(entry, entry_digest, writer)
        )
        raise ChainError(seq, Flaw.SIGNATURE)

    def _is_signed(self, entry: Entry, entry_digest: bytes, writer: WriterId) -> bool:
        return verify(writer, signed_statement(self.channel, entry_digest), entry.sig)


class Verdict(Enum):
    """What somebody's head of a log says beside ours (SPEC.md §5.4)."""

    SAME = "same"
    AHEAD = "ahead"  # theirs claims to extend ours: verify what they send
    ROLLBACK = "rollback"  # theirs is older than what is known
    RECOVERED = "recovered"  # older, and a newer generation says honestly that it went on from there
    FORK = "fork"  # two hashes for one place


def compare(
    ours: LogHead,
    theirs: LogHead,
    at_shorter: Digest | None = None,
    successor: LogHead | None = None,
) -> Verdict:
    """Compare two heads of one log, each backed by a verified chain.

    Args:
        at_shorter: the longer chain's hash at the shorter one's size, where it is known.
        successor: what the next generation names as its predecessor, where there is one.
    """
    if ours.log != theirs.log:
        raise LocalError("heads of two logs")
    if ours.size == theirs.size:
        return Verdict.SAME if ours.head == theirs.head else Verdict.FORK
    shorter = min(ours, theirs, key=lambda known: known.size)
    if at_shorter is not None and at_shorter != shorter.head:
        return Verdict.FORK
    if shorter is ours:
        return Verdict.AHEAD
    return Verdict.RECOVERED if successor == theirs else Verdict.ROLLBACK
