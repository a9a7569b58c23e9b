"""Shown: what one terminal shows, level with the output that its clients have been given.

    asleep   after a start of the daemon: nobody needs the screen, and nothing of it is known
      └─ wake (a client, a question, a keyframe) ─► built from the record; what comes meanwhile waits in order
                                                      └─► catching up: what waits is folded, in slices
                                                            └─► live: each piece is folded as it comes
    more waits than FULL_BYTES ─► hold: nothing is acknowledged, the keeper reads no more ─live─► release
    a new terminal begins live; begin_with, of a mirror, makes it live from any state

Invariants: while live, `fold` is the fold of all output and sizes so far, in their order; or, since something in
folding failed, of those since then. Nothing that goes wrong here is raised.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import trio

from cctm.cctmd.backlog import Backlog, Piece, Size
from cctm.screen.fold import Fold
from cctm.screen.queries import Query

LOG = logging.getLogger(__name__)

UNFOLDED_BYTES: Final = 128 * 1024
FULL_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Owner:
    """The terminal whose screen it is.

    level: the offset up to which output was taken.
    size: columns and rows now.
    asked: what to do about a question.
    lost: called when what was shown is lost, and the screen has begun anew.
    hold: have no more come than is on its way.
    release: whatever waited is folded.
    """

    level: Callable[[], int]
    size: Callable[[], Size]
    asked: Callable[[Query, Fold], None]
    lost: Callable[[], None]
    hold: Callable[[], object]
    release: Callable[[], None]


class Shown:
    """The screen of one terminal."""

    def __init__(
        self,
        name: str,
        fold: Fold | None,
        build: Callable[[int], Awaitable[Fold]],
        owner: Owner,
        nursery: trio.Nursery,
    ) -> None:
        """
        Args:
            name: the terminal, in log lines.
            fold: of a new terminal; None: of one of which the record has to say what it shows.
            build: reads what was shown at an offset; it may raise.
        """
        self._name = name
        self._fold = fold
        self._build = build
        self._owner = owner
        self._nursery = nursery
        self._waiting: Backlog | None = None
        self._unfolded: list[bytes] = []  # of a live screen that nobody has looked at since
        self._unfolded_bytes = 0
        self._has_failed = False
        self._live = trio.Event()
        if fold is not None:
            self._live.set()

    @property
    def fold(self) -> Fold | None:
        """The screen, while it is known. It can be read: what it shows was."""
        if self._fold is None or self._waiting is not None:
            return None
        self._catch_up()
        self._contain(lambda fold: fold.picture())
        return self._fold

    def begin_anew(self) -> None:
        """Show nothing of what was printed so far."""
        if self._fold is not None:
            self._fold = Fold(*self._owner.size())
            self._unfolded.clear()
            self._unfolded_bytes = 0
            self._nursery.start_soon(self._say_lost)  # whoever draws now may be the one who has met it

    def begin_with(self, fold: Fold) -> None:
        """Show *fold*, whatever was shown or waits to be."""
        self._fold, self._waiting = fold, None
        self._unfolded.clear()
        self._unfolded_bytes = 0
        self._live.set()
        self._owner.lost()

    async def _say_lost(self) -> None:
        self._owner.lost()

    def _contain(self, act: Callable[[Fold], object]) -> None:
        """Do *act* with the screen; one that fails costs what is shown, and nothing else."""
        assert self._fold is not None
        try:
            act(self._fold)
            failure = self._fold.failure
        except Exception as error:  # noqa: BLE001 - logged below
            failure = error
        if failure is not None:
            if not self._has_failed:  # a program that knows how could fill the log
                self._has_failed = True
                LOG.error("what terminal %s shows is lost", self._name, exc_info=failure)
            self.begin_anew()

    def _catch_up(self) -> None:
        if self._unfolded:
            data = b"".join(self._unfolded)
            self._unfolded.clear()
            self._unfolded_bytes = 0
            self._contain(lambda fold: fold.feed(data))

    def take(self, piece: Piece) -> None:
        """The next output, question or size."""
        if self._waiting is not None:
            self._waiting.append(piece)
            if self._waiting.kept_bytes > FULL_BYTES:
                self._owner.hold()
        elif self._fold is None:
            if isinstance(piece, Query):
                self.wake()
                self.take(piece)
        elif isinstance(piece, bytes):
            # Many small pieces take an emulator longer than one large, and most of a flood is never looked at.
            self._unfolded.append(piece)
            self._unfolded_bytes += len(piece)
            if self._unfolded_bytes >= UNFOLDED_BYTES:
                self._catch_up()
        else:
            self._catch_up()
            self._apply(piece)

    def wake(self) -> None:
        """Find out what is shown, if that is not known."""
        if self._fold is None and self._waiting is None:
            self._waiting = Backlog()
            self._nursery.start_soon(self._wake, self._waiting, self._owner.level())

    async def live(self) -> Fold:
        """The screen, once it is known."""
        self.wake()
        await self._live.wait()
        fold = self.fold
        assert fold is not None
        return fold

    async def _wake(self, waiting: Backlog, level: int) -> None:
        try:
            fold = await self._build(level)
        except Exception:
            # What it prints from now on is shown; the program may be asked to repaint.
            LOG.exception("what terminal %s shows cannot be found in its record", self._name)
            fold = Fold(*self._owner.size())
        if self._waiting is waiting:
            self._fold = fold
        while waiting and self._waiting is waiting:
            self._apply(waiting.popleft())
            await trio.lowlevel.checkpoint()
        if self._waiting is not waiting:  # it has begun anew meanwhile
            return
        self._waiting = None
        self._apply(self._owner.size())  # should the record not say it
        self._live.set()
        self._owner.release()

    def _apply(self, piece: Piece) -> None:
        if isinstance(piece, bytes):
            self._contain(lambda fold: fold.feed(piece))
        elif isinstance(piece, Query):
            self._contain(lambda fold: self._owner.asked(piece, fold))
        else:
            self._contain(lambda fold: fold.resize(*piece))
