"""What verified entries say: opened, judged, and told in order (SPEC.md §10, §16.4).

    batch ─► Store ─► grant ─► Learnt
                      keyframe, data, close ─► events ─► what counts ─► what can be shown ─► Shown, Happened

**Invariants**

- `known` never goes back, and says nothing of what was not handed on.
- A grant below the link's epoch, or older than one that was seen, teaches nothing.
- Whatever a host seals, nothing here fails: what cannot be read is void, and the screen waits for the next keyframe.
"""

from collections.abc import Sequence
from dataclasses import replace

from cctm.protocol.access import Authority, check_entry, cut_of
from cctm.protocol.entry import EntryKind, Place, Sealed
from cctm.protocol.errors import MalformedError, OpenError
from cctm.protocol.events import Event, LogHead
from cctm.protocol.ids import ZERO, ChannelId
from cctm.protocol.keys import DeviceKeys
from cctm.protocol.sync.chain import place_of
from cctm.protocol.sync.continuity import Continuity
from cctm.protocol.sync.followed import (
    SENTENCES,
    Doubt,
    Effect,
    Happened,
    Known,
    Learnt,
    LogRef,
    Noticed,
    Shown,
    Store,
)
from cctm.protocol.sync.following import Batch
from cctm.protocol.sync.keyring import Keyring


class Reading:
    """One reader's, of the host logs that it follows one after the other."""

    def __init__(
        self, channel: ChannelId, boxes: Sequence[DeviceKeys], least: tuple[int, int], known: Known
    ) -> None:
        self.known = known
        self.skipped = 0  # entries under a secret that we do not have
        self.doubts: frozenset[Doubt] = frozenset()
        self.keyring = Keyring(channel, boxes)
        self.screen = Continuity()
        self._channel = channel
        self._least = least
        self._read = 0  # entries of this log that were told of since the start
        self._learnt: int | None = None  # the newest grant of this log that was taken since the start
        self._cut: LogHead | None = None  # of this log, by the newest table

    # --- what the user should know

    def doubt(self, doubt: Doubt) -> list[Effect]:
        """Tell the user, unless it was told and still holds."""
        if doubt in self.doubts:
            return []
        self.doubts |= {doubt}
        return [Noticed(doubt, SENTENCES[doubt])]

    def settle(self, *doubts: Doubt) -> None:
        """They do not hold any more."""
        self.doubts -= set(doubts)

    # --- entries

    def enter(self, ref: LogRef) -> None:
        """What comes is of this log."""
        self._read, self._learnt = 0, None
        self._cut = cut_of(ref.log, self.keyring.table.cuts)
        self.doubts &= {Doubt.HOLE, Doubt.NO_KEY}
        if ref.log != self.known.log:
            self.known = Known(ref.generation, ref.log, 0, ZERO, 0)

    def read(self, batch: Batch) -> list[Effect]:
        """What to do because of *batch*, of the log that was entered."""
        effects: list[Effect] = []
        if not batch.comes_again:
            effects += self._keep(batch)
        for sealed in batch.entries:
            entry = sealed.entry
            place = place_of(self._channel, self.known.log, sealed)
            if entry.kind is EntryKind.GRANT:
                effects += self._take_grant(place, entry.body)
            elif entry.kind is not EntryKind.OPEN and entry.seq >= self._read:
                self._take_events(place, sealed, effects)
        if not batch.comes_again:
            self._read = max(self._read, batch.first + len(batch.entries))
        return effects

    def _keep(self, batch: Batch) -> list[Effect]:
        known = self.known
        size = batch.first + len(batch.entries)
        if size <= known.size:
            return []
        self.known = replace(known, size=size, head=batch.head)
        self.settle(Doubt.STALE)
        fresh = max(0, known.size - batch.first)
        ref = LogRef(known.log, known.generation)
        return [Store(ref, batch.first + fresh, batch.records[fresh:], batch.head)]

    def _take_grant(self, place: Place, body: bytes) -> list[Effect]:
        if place.seq < self.known.grant or place.seq == self._learnt:
            return []
        self.known = replace(self.known, grant=place.seq)
        self._learnt = place.seq
        try:
            opened = self.keyring.open_grant_untrusted(place, body)
        except (OpenError, MalformedError):
            return self.doubt(Doubt.VOID)
        if opened is None:
            return self.doubt(Doubt.NO_KEY)
        epoch = (self.known.generation, opened.epoch.number)
        if epoch < self._least:
            return self.doubt(Doubt.STALE)
        try:
            self.keyring.learn(opened)
        except MalformedError:
            return self.doubt(Doubt.VOID)
        self._least = epoch
        self._cut = cut_of(place.log, opened.table.cuts)
        self.settle(Doubt.NO_KEY)
        return [Learnt(opened.secrets, opened.table, place, self.keyring.enrolled)]

    def _take_events(self, place: Place, sealed: Sealed, effects: list[Effect]) -> None:
        try:
            events = self.keyring.open_entry(place, sealed.entry.body)
        except (OpenError, MalformedError):
            effects += self._lose(Doubt.VOID)
            return
        if events is None:
            self.skipped += 1
            effects += self._lose(Doubt.HOLE)
            return
        for event in self._counting(place, events, effects):
            for told in self.screen.follow(event):
                match told:
                    case Shown():
                        self.settle(Doubt.HOLE)
                        effects.append(told)
                    case Doubt():
                        effects += self.doubt(told)
                    case _:
                        _happened(effects).append(told)

    def _lose(self, why: Doubt) -> list[Effect]:
        was_shown = self.screen.is_shown
        self.screen.lose()
        if why is Doubt.HOLE and (not was_shown or Doubt.NO_KEY in self.doubts):
            return []
        return self.doubt(why)

    def _counting(self, place: Place, events: Sequence[Event], effects: list[Effect]) -> Sequence[Event]:
        """Those of *events* that are not void."""
        voids = check_entry(place.seq, place.kind, events, Authority.HOST, self._cut)
        if not voids:
            return events
        effects += self.doubt(Doubt.VOID)
        gone = {void.index for void in voids}
        if None in gone:
            return ()
        return [event for index, event in enumerate(events) if index not in gone]


def _happened(effects: list[Effect]) -> list[Event]:
    """The events at the end of *effects*, to be added to."""
    last = effects[-1] if effects else None
    if isinstance(last, Happened):
        return last.events
    effects.append(begun := Happened([]))
    return begun.events
