"""Follower: what a reader does about a channel's logs. No I/O (SPEC.md §16.4).

    APART ──connected──► LISTING ──the last Logs──► OPEN ──┐ Logs Entries EntryPart Lagged
      ▲                     └── anything else: malformed ──┤
      └──────────────────────── an error, or connected ◄───┘

    of the logs:   offered ──the highest──► candidate ──its keyframe is there──► followed ──fork──► frozen

**Invariants**

- `known` never goes back: (generation, log), and in one log size and grant, only grow.
- Nothing is opened that was not verified; nothing is shown of a log that is older than what is known, or of an epoch
  that is older than the link names.
- An error leaves what is known as it was: the link is dropped, and the next one goes on from there.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, TypeAlias

from cctm.protocol.codec import U63_MAX
from cctm.protocol.errors import LocalError, MalformedError, RemoteError
from cctm.protocol.events import LogHead
from cctm.protocol.ids import ChannelId, LogId, WriterId, channel_id
from cctm.protocol.keys import DeviceKeys
from cctm.protocol.log import Verdict, compare
from cctm.protocol.sync.followed import (
    NOTHING_KNOWN,
    Ask,
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
from cctm.protocol.sync.following import Following, check_row_untrusted
from cctm.protocol.sync.messages import Entries, EntryPart, Lagged, LogRow, Logs, Tail
from cctm.protocol.sync.reading import Reading
from cctm.protocol.sync.records import Joiner

__all__ = [
    "NOTHING_KNOWN",
    "Ask",
    "Doubt",
    "Effect",
    "Follower",
    "Happened",
    "Known",
    "Learnt",
    "LogRef",
    "Noticed",
    "Shown",
    "State",
    "Store",
]

MOST_LOGS: Final = 16_384  # of a channel: as many may be asked for on one connection

Rank: TypeAlias = tuple[int, bytes]
ForReader: TypeAlias = Logs | Entries | EntryPart | Lagged


class State(Enum):
    APART = "apart"  # no connection
    LISTING = "listing"  # the relay tells what logs there are
    OPEN = "open"


class Follower:
    """One reader of one channel."""

    def __init__(
        self,
        channel: ChannelId,
        boxes: Sequence[DeviceKeys],
        least: tuple[int, int],
        known: Known = NOTHING_KNOWN,
    ) -> None:
        """
        Args:
            boxes: whose receiving keys may open a grant, in the order in which they are tried.
            least: (generation, epoch) of the link.
            known: what this device has seen. What it stands for was stored before it was.
        """
        self.channel = channel
        self.state = State.APART
        self._least_generation, _ = least
        self._reading = Reading(channel, boxes, least, known)
        self._followed: Following | None = None
        self._candidate: Following | None = None
        self._frozen: Rank | None = None  # logs up to this one are not followed any more
        self._joiner = Joiner()
        self._asked: set[LogId] = set()
        self._best: LogRow | None = None  # while the rows come
        self._ours: LogRow | None = None  # that of the followed log

    @property
    def known(self) -> Known:
        """The watermark, behind all that was told."""
        return self._reading.known

    @property
    def is_shown(self) -> bool:
        """Whether there is a screen, and nothing is lacking on it of what came."""
        return self._reading.screen.is_shown

    @property
    def doubts(self) -> frozenset[Doubt]:
        """What was noticed, and holds still."""
        return self._reading.doubts

    @property
    def skipped(self) -> int:
        """How many entries came under a secret that we do not have."""
        return self._reading.skipped

    def connected(self) -> None:
        """There is a new connection, and it is open."""
        self.state = State.LISTING
        self._joiner = Joiner()
        self._asked = set()
        self._best = self._ours = None
        self._candidate = None
        if self._followed is not None and not self._followed.is_ready:
            # What was held back went with the connection.
            self._followed = self._begin(self._followed.ref, self._followed.chain.owner)

    def take_untrusted(self, message: ForReader) -> list[Effect]:
        """What to do because of *message*.

        Raises:
            MalformedError, ChainError: the other side lies, or fails. Drop the link, and dial again.
        """
        try:
            return self._take(message)
        except RemoteError:
            self.state = State.APART
            raise

    def _take(self, message: ForReader) -> list[Effect]:
        match self.state, message:
            case State.APART, _:
                raise LocalError("a message, and no connection")
            case _, Logs():
                return self._take_rows(message)
            case State.OPEN, Entries() | EntryPart():
                return self._take_entries(message)
            case State.OPEN, Lagged():
                return self._take_lagged(message)
            case _:
                raise MalformedError(f"{type(message).__name__} now")

    # --- what is offered

    def _take_rows(self, logs: Logs) -> list[Effect]:
        if logs.more and self.state is State.OPEN:
            raise MalformedError("logs without an end")
        for row in logs.rows:
            check_row_untrusted(row)
            if channel_id(WriterId(row.writer)) == self.channel:
                self._note_row(row)
        if logs.more:
            return []
        is_first, self.state = self.state is State.LISTING, State.OPEN
        best, ours, self._best, self._ours = self._best, self._ours, None, None
        return self._choose(best, ours, is_first=is_first)

    def _note_row(self, row: LogRow) -> None:
        if self._best is None or _rank_of(row) > _rank_of(self._best):
            self._best = row
        if self._followed is not None and row.log == self._followed.ref.log:
            self._ours = row

    def _choose(self, best: LogRow | None, ours: LogRow | None, *, is_first: bool) -> list[Effect]:
        """Ask for a newer log, if *best* is one; for the followed one, unless the newer one can be read at once."""
        effects: list[Effect] = []
        has_keyframe = False
        if best is not None and self._is_newer(best):
            has_keyframe = best.keyframe > 0
            self._candidate = self._begin(LogRef(LogId(best.log), best.generation), WriterId(best.writer))
            effects += self._ask(self._candidate, best)
        if (
            ours is not None
            and not has_keyframe
            and self._followed is not None
            and self._followed.fork is None
        ):
            effects += self._ask(self._followed, ours)
        if is_first and self._is_stale(best):
            effects += self._reading.doubt(Doubt.STALE)
        return effects

    def _is_newer(self, row: LogRow) -> bool:
        """Whether *row* is to be followed, in place of what is."""
        offered = _rank_of(row)
        if row.generation < self._least_generation or offered < _rank_of(self.known):
            return False
        if self._frozen is not None and offered <= self._frozen:
            return False
        return all(
            offered > _rank_of(other.ref) for other in (self._followed, self._candidate) if other is not None
        )

    def _is_stale(self, best: LogRow | None) -> bool:
        """Whether *best*, the newest log that is offered, is older than what is known."""
        known = self.known
        if best is None:
            return known != NOTHING_KNOWN
        if best.generation < self._least_generation or _rank_of(best) < _rank_of(known):
            return True
        return best.log == known.log and (best.size < known.size or best.grant < known.grant)

    def _begin(self, ref: LogRef, owner: WriterId) -> Following:
        known = self.known
        if ref.log != known.log:
            return Following(self.channel, owner, ref)
        return Following(self.channel, owner, ref, LogHead(known.log, known.size, known.head), known.grant)

    def _ask(self, following: Following, row: LogRow) -> Iterable[Effect]:
        if following.ref.log in self._asked:
            return []
        if len(self._asked) >= MOST_LOGS:
            raise MalformedError("logs without an end")
        self._asked.add(following.ref.log)
        return [Ask(message) for message in following.ask(row)]

    # --- what comes of it

    def _take_lagged(self, lagged: Lagged) -> list[Effect]:
        if lagged.log not in self._asked:
            raise MalformedError("a log that was not asked for")
        following = self._following(LogId(lagged.log))
        if following is not None:
            following.lag_untrusted(lagged)
        return []

    def _take_entries(self, message: Entries | EntryPart) -> list[Effect]:
        if message.log not in self._asked:
            raise MalformedError("a log that was not asked for")
        run = self._joiner.take_untrusted(message)
        if run is None:
            return []
        following = self._following(run.log)
        if following is None:  # it was left for a newer one
            return []
        batches = following.take_untrusted(run)
        effects: list[Effect] = []
        if batches and following is self._candidate:
            effects += self._switch(following)
        for batch in batches:
            effects += self._reading.read(batch)
        if following.fork is not None:
            effects += self._freeze(following)
        return effects

    def _following(self, log: LogId) -> Following | None:
        """The log, if it is of interest still."""
        return next(
            (
                one
                for one in (self._followed, self._candidate)
                if one is not None and one.ref.log == log and one.fork is None
            ),
            None,
        )

    def _freeze(self, following: Following) -> list[Effect]:
        self._frozen = max(_rank_of(following.ref), self._frozen or _rank_of(following.ref))
        if following is self._candidate:
            self._candidate = None
        return self._reading.doubt(Doubt.FORK)

    def _switch(self, following: Following) -> list[Effect]:
        """Follow a log from now on: its keyframe is there."""
        verdict = self._compare_with_predecessor(following)
        effects: list[Effect] = []
        if self._followed is not None and self._followed.ref.log in self._asked:
            effects.append(Ask(Tail(self._followed.ref.log, U63_MAX)))  # no more of that one
        self._followed, self._candidate = following, None
        self._reading.enter(following.ref)
        if verdict is Verdict.FORK:
            effects += self._reading.doubt(Doubt.FORK)
        elif verdict is Verdict.RECOVERED:
            effects += self._reading.doubt(Doubt.RECOVERED)
        return effects

    def _compare_with_predecessor(self, following: Following) -> Verdict | None:
        """What a newer log names as its predecessor, beside what is known of that."""
        assert following.opening is not None  # it is ready
        named, known = following.opening.predecessor, self.known
        if named is None or named.log != known.log:
            return None
        at_shorter = None
        if self._followed is not None and named.size <= known.size:
            at_shorter = self._followed.chain.head_at(named.size)
        return compare(LogHead(known.log, known.size, known.head), named, at_shorter, successor=named)


def _rank_of(log: LogRow | LogRef | Known) -> Rank:
    """Which log of a channel is the newest: that of the highest generation; of two (a clone), the lower id."""
    return log.generation, bytes(255 - byte for byte in log.log)
