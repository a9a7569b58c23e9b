"""Cursors: how far one reader is in the logs that it asked for. No I/O.

    Fetch(first, number)  ─► those records, or an empty Entries where the log ends
    Tail(first)           ─► everything from first on, and what comes

A reader that asked for the past gets it, at its own pace: `goal` is where the log ended when it asked. What comes
after that it must keep up with: if it falls out of what is in memory, and a newer keyframe is there, it *lags*: it is
told so, gets the newest grant if that is news, and goes on at the keyframe. So its backlog lies in the shared log, and
costs nobody anything.
"""

from dataclasses import dataclass
from typing import Final

from cctm.protocol.ids import LogId
from cctm.protocol.sync.messages import Lagged
from cctm.relay.tail import Tail

MOST_FETCHES: Final = 64
MOST_TAILS: Final = 4_096


@dataclass(slots=True, eq=False)
class Cursor:
    """A place in one log."""

    tail: Tail
    next: int
    end: int | None  # behind the last record that is wanted; None: all that comes
    goal: int
    asked_end: int = 0  # of a Fetch: behind the last record that was asked for

    @classmethod
    def fetching(cls, tail: Tail, first: int, number: int) -> "Cursor":
        asked_end = first + number
        return cls(tail, first, min(asked_end, tail.size), tail.size, asked_end)

    @classmethod
    def tailing(cls, tail: Tail, first: int) -> "Cursor":
        return cls(tail, first, None, tail.size)

    @property
    def until(self) -> int:
        """Behind the last record that is there and wanted."""
        return self.tail.size if self.end is None else self.end

    @property
    def has_more(self) -> bool:
        return self.next < self.until

    @property
    def is_over(self) -> bool:
        return self.end is not None and self.next >= self.end

    @property
    def lags(self) -> bool:
        """Whether it had better go on at the newest keyframe."""
        return self.end is None and self.goal <= self.next < min(self.tail.first, self.tail.keyframe)

    def skip(self) -> tuple[Lagged, "Cursor | None"]:
        """Go on at the newest keyframe: what to say, and the cursor that fetches the grant, if that is news."""
        tail = self.tail
        told = Lagged(tail.log, tail.size, tail.grant, tail.keyframe)
        grant = (
            Cursor(tail, tail.grant, tail.grant + 1, tail.size, tail.grant + 1)
            if tail.grant >= self.next
            else None
        )
        self.next = tail.keyframe
        self.goal = tail.size
        return told, grant


class Cursors:
    """One reader's."""

    def __init__(self) -> None:
        self._fetches: list[Cursor] = []
        self._tails: dict[LogId, Cursor] = {}
        self._tail_is_due = False

    def fetch(self, cursor: Cursor) -> bool:
        """False: there are too many."""
        self._fetches.append(cursor)
        return len(self._fetches) <= MOST_FETCHES

    def follow(self, cursor: Cursor) -> bool:
        """Follow one log, from now on here. False: there are too many."""
        self._tails.pop(cursor.tail.log, None)
        self._tails[cursor.tail.log] = cursor
        return len(self._tails) <= MOST_TAILS

    def of(self, log: LogId) -> Cursor | None:
        """Where this reader follows *log*; None: it does not."""
        return self._tails.get(log)

    def first(self, cursor: Cursor) -> None:
        """Read at *cursor* before all others."""
        self._fetches.insert(0, cursor)
        self._tail_is_due = False

    def finish(self, cursor: Cursor) -> None:
        """A fetch is done."""
        self._fetches.remove(cursor)

    def next(self) -> Cursor | None:
        """Where to read now: fetches in the order of asking and tails in turn, by turns."""
        tail = self._next_tail() if self._tail_is_due or not self._fetches else None
        self._tail_is_due = tail is None
        if tail is not None:
            return tail
        return self._fetches[0] if self._fetches else None

    def _next_tail(self) -> Cursor | None:
        for log, cursor in self._tails.items():
            if cursor.has_more:
                self._tails[log] = self._tails.pop(log)
                return cursor
        return None
