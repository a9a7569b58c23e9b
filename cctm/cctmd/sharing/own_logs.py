"""The logs of a shared terminal, and which of them its relay gets.

    of earlier starts          ─► from the generation on that the members may read ─┐
    begun while it is shared   ─► from the first entry on ──────────────────────────┴─► Outgoing
    begun before, and going on ─► none of it, unless it was begun for the members

Invariant: an entry of a log that was begun for nobody goes to nobody.
"""

from collections.abc import Iterable, Sequence

from cctm.archive.segment import LogRef
from cctm.cctmd.links.outgoing import Outgoing
from cctm.cctmd.links.stored import Position
from cctm.cctmd.recorder import Batch, Durable
from cctm.protocol.events import LogHead
from cctm.protocol.keys import LogId


class OwnLogs:
    """All of one channel that this home ever began."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.ids: set[LogId] = set()
        self.head: LogHead | None = None  # of the newest that is shown, on disk
        self._outgoing = outgoing
        self._shown: set[LogId] = set()  # those that were begun while this runs

    def own(self, logs: Iterable[LogRef]) -> None:
        """These are ours, whether they are shared or not: that a relay has one is no sign of a copy."""
        self.ids |= {ref.log for ref in logs}

    def known(self, stored: Sequence[tuple[LogRef, int]], first_generation: int) -> None:
        """Logs of earlier starts, and how many entries of each are on disk: what is shared goes to the relay."""
        self.own(ref for ref, _ in stored)
        for ref, size in stored:
            if size and ref.generation >= first_generation and ref.log not in self._shown:
                self._outgoing.known(ref, size)

    def go_on(self, ref: LogRef, size: int) -> None:
        """Pass on the log that is being written, too, from its beginning: it was begun for the members."""
        self.own([ref])
        self._shown.add(ref.log)
        self._outgoing.growing(ref, size)

    def sealed(self, batch: Batch) -> None:
        """Entries were sealed."""
        self.own([batch.ref])
        if batch.first == 0:  # a log that was begun before goes to nobody
            self._shown.add(batch.ref.log)
        if batch.ref.log in self._shown:
            self._outgoing.sealed(batch.ref, batch.first, batch.records, needs_disk=batch.waits)

    def durable(self, durable: Durable) -> None:
        """Entries survive a power failure."""
        if durable.head.log in self._shown:
            self.head = durable.head
            behind = Position(durable.head.size, durable.place.segment, durable.place.end)
            self._outgoing.durable(durable.head.log, durable.head.size, behind)
