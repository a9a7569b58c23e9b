"""A reader's part of one log: verified from some entry on, and compared with what comes again. Needs no key.

    seq   0 ………… base ─────────────────── size
                  └─ verified, shown ─┘ ▲ └─ what continues it
                        what comes again is compared with the newest HEADS hashes

**Invariants**

- Nothing is taken that is not vouched for by a signature of the writer, its own or a later one of its chain.
- What was taken is never taken back. A second version of a known entry, or of what follows it, counts as a fork
  only if the writer signed it; otherwise whoever passed it on is at fault.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from cctm.protocol.entry import EntryKind, Place, Sealed, digest, entry_hash, signed_statement
from cctm.protocol.errors import ChainError, Flaw
from cctm.protocol.ids import NO_KEY, ZERO, ChannelId, Digest, LogId, WriterId, verify
from cctm.protocol.log import LogVerifier, may_stand

HEADS: Final = 2_048  # more than there are entries in one message


def place_of(channel: ChannelId, log: LogId, sealed: Sealed) -> Place:
    """Where *sealed* says that it stands."""
    entry = sealed.entry
    return Place(channel, log, entry.seq, entry.kind, entry.key_id, sealed.prev)


def verify_alone_untrusted(channel: ChannelId, log: LogId, writer: WriterId, sealed: Sealed) -> Digest:
    """The hash of an entry of a host's log that its own signature vouches for.

    Raises:
        ChainError: it does not.
    """
    entry = sealed.entry
    if not may_stand(entry.kind, entry.seq, host=True):
        raise ChainError(entry.seq, Flaw.KIND)
    if (entry.key_id == NO_KEY) is not (entry.kind is EntryKind.OPEN):
        raise ChainError(entry.seq, Flaw.KEY)
    entry_digest = digest(place_of(channel, log, sealed), entry.body)
    if not verify(writer, signed_statement(channel, entry_digest), entry.sig):
        raise ChainError(entry.seq, Flaw.SIGNATURE)
    return entry_hash(entry_digest, entry.sig)


class Chain:
    """Of a log of the channel's owner."""

    def __init__(self, channel: ChannelId, log: LogId, owner: WriterId) -> None:
        self.channel = channel
        self.log = log
        self.owner = owner
        self.base = 0
        self._verifier: LogVerifier | None = None
        self._heads: deque[Digest] = deque(maxlen=HEADS)  # the last one is that of `size`

    @property
    def has_begun(self) -> bool:
        return self._verifier is not None

    @property
    def size(self) -> int:
        return 0 if self._verifier is None else self._verifier.size

    @property
    def head(self) -> Digest:
        return ZERO if self._verifier is None else self._verifier.head

    def head_at(self, size: int) -> Digest | None:
        """The hash of the entry before *size*, if it is remembered."""
        at = len(self._heads) - 1 - (self.size - size)
        return self._heads[at] if 0 <= at < len(self._heads) else None

    def begin(self, first: Sealed) -> None:
        """Go on with *first*, whatever is before it; it is not taken yet."""
        self.base = first.entry.seq
        head = ZERO if self.base == 0 else first.prev
        self._verifier = LogVerifier(self.channel, self.log, self.owner, self.base, head)
        self._heads.clear()
        self._heads.append(head)

    def take_untrusted(self, run: Sequence[Sealed]) -> tuple[Sequence[Sealed], int | None]:
        """Take *run*, entries that follow each other, the first not before `base` and not behind the end.

        Returns:
            What of it is new, and the seq at which the writer signed something else than is known, if it did.
        Raises:
            ChainError: something in it is not the writer's; nothing of it was taken.
        """
        known = run[: self.size - run[0].entry.seq]
        fork = self._compare(known)
        if fork is not None:
            return (), fork
        return self._continue(run[len(known) :])

    def _compare(self, known: Sequence[Sealed]) -> int | None:
        for sealed in known:
            seq = sealed.entry.seq
            here = self.head_at(seq + 1)
            if here is None:  # too long ago: it is not taken, so it does no harm
                continue
            entry_digest = digest(place_of(self.channel, self.log, sealed), sealed.entry.body)
            if entry_hash(entry_digest, sealed.entry.sig) != here:
                verify_alone_untrusted(self.channel, self.log, self.owner, sealed)
                return seq
        return None

    def _continue(self, fresh: Sequence[Sealed]) -> tuple[Sequence[Sealed], int | None]:
        assert self._verifier is not None  # it was begun
        fork = None
        try:
            self._verifier.admit_sealed_untrusted(fresh)
        except ChainError as error:
            if error.flaw is not Flaw.PREV:
                raise
            # Its writer may have signed that it follows something else.
            other = fresh[error.seq - self.size]
            verify_alone_untrusted(self.channel, self.log, self.owner, other)
            fresh, fork = fresh[: error.seq - self.size], error.seq
            self._verifier.admit_sealed_untrusted(fresh)
        self._heads.extend(sealed.prev for sealed in fresh[1:])
        if fresh:
            self._heads.append(self._verifier.head)
        return fresh, fork
