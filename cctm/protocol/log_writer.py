"""Our side of one log: what happened, sealed in order (SPEC.md §5).

    open ── grant ── keyframe ── data ── … ── close          a host's log
    open ── data ── …                                        a member's log

**Invariant**: a seq is sealed once. LogWriter starts at 0 with a fresh incarnation and never goes back.
"""

from collections.abc import Sequence
from typing import Final

from .contents import seal_events_below
from .entry import (
    Entry,
    EntryKind,
    OpenBody,
    Place,
    Sealed,
    digest,
    digest_below,
    entry_hash,
    header,
    signed_statement,
)
from .errors import LocalError
from .events import Event, LogHead
from .keys import (
    NO_KEY,
    ZERO,
    ChannelId,
    Digest,
    EpochSecret,
    Incarnation,
    KeyId,
    LogId,
    WriterKey,
    channel_id,
    entry_key,
    log_id,
)
from .log import may_stand

_BEFORE_A_GRANT: Final = frozenset({EntryKind.OPEN, EntryKind.GRANT})


class LogWriter:
    """Our side of one log: seals what happened, in order.

    Not for two threads at once. Nothing here is stored: the caller stores each `Sealed` with identical bytes,
    or gives up the log.
    """

    def __init__(
        self,
        channel: ChannelId,
        writer: WriterKey,
        epoch: EpochSecret,
        incarnation: Incarnation,
        generation: int,
        predecessor: LogHead | None,
    ) -> None:
        self.channel = channel
        self.log: LogId = log_id(writer.public, channel, incarnation, generation)
        self.size = 0  # entries sealed: the next one's seq
        self.head: Digest = ZERO  # hash of the newest
        self._granted: KeyId | None = None  # of the epoch that this log's newest grant hands out
        self._host = channel_id(writer.public) == channel
        self._writer = writer
        self._opening = OpenBody(writer.public, incarnation, generation, predecessor)
        self._use(epoch)

    def _use(self, epoch: EpochSecret) -> None:
        self._key_id = epoch.key_id
        self._key = entry_key(epoch, self.channel, self.log)

    def rotate(self, epoch: EpochSecret) -> None:
        """Seal under *epoch* from here on. In a host's log the next entry must be the grant that hands it out."""
        self._use(epoch)

    def place(self, kind: EntryKind) -> Place:
        """Where the next entry will stand, if it is of *kind*."""
        key_id = NO_KEY if kind is EntryKind.OPEN else self._key_id
        return Place(self.channel, self.log, self.size, kind, key_id, self.head)

    def append_open(self) -> Sealed:
        return self._append_body(EntryKind.OPEN, self._opening.encode())

    def append_grant(self, body: bytes) -> Sealed:
        """*body*: what `make_grant` made for `place(EntryKind.GRANT)`."""
        sealed = self._append_body(EntryKind.GRANT, body)
        self._granted = self._key_id
        return sealed

    def append(self, kind: EntryKind, events: Sequence[Event], nonce: bytes) -> Sealed:
        """Seal *events* as the log's next entry.

        Args:
            nonce: 24 fresh random bytes.
        Raises:
            LocalError: they do not belong here; the log is as it was.
        """
        place = self._next_place(kind)
        head = header(place)
        body = seal_events_below(kind, head, self._key, events, nonce)
        return self._sign(place, digest_below(head, body), body)

    def _append_body(self, kind: EntryKind, body: bytes) -> Sealed:
        place = self._next_place(kind)
        return self._sign(place, digest(place, body), body)

    def _next_place(self, kind: EntryKind) -> Place:
        if not may_stand(kind, self.size, host=self._host):
            raise LocalError(f"{kind.name} at {self.size}")
        if self._host and kind not in _BEFORE_A_GRANT and self._granted != self._key_id:
            raise LocalError(f"{kind.name} under an epoch that was not granted")
        return self.place(kind)

    def _sign(self, place: Place, entry_digest: bytes, body: bytes) -> Sealed:
        sig = self._writer.sign(signed_statement(self.channel, entry_digest))
        self.size += 1
        self.head = entry_hash(entry_digest, sig)
        return Sealed(Entry(place.seq, place.kind, place.key_id, body, sig), place.prev)
