"""Shown: what one terminal shows, level with the output that its clients have been given.

    ASLEEP   after a start of the daemon: nobody needs the screen, and nothing of it is known
      └─ wake (a client, a question, a keyframe) ─► WAKING: built from the record; what comes waits in order
    BEHIND   what waits is folded, a turn's worth at a time; what is known may be drawn
      └─► LIVE   what comes waits until somebody looks, or it is much: then it is folded at once
            └─ more than a turn's worth ─► BEHIND
    a new terminal begins LIVE; begin_with, of a mirror, ends any state
    more waits than FULL_BYTES ─► hold: nothing is acknowledged, or read of a connection ─LIVE─► release

A turn's worth is STEP_NS by the count of screen/steps.py, or one step. All the terminals that are behind share one: in
each turn of the event loop one of them folds.

Invariants: while LIVE, `fold` is the fold of all output and sizes so far, in their order; or, since something in
folding failed, of those since then. Nothing that goes wrong here is raised.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import trio

from cctm.cctmd.backlog import SLICE_BYTES, Backlog, Piece, Size
from cctm.screen.answers import reads_screen
from cctm.screen.fold import Fold
from cctm.screen.queries import Query
from cctm.screen.steps import STEP_NS, read_ns, resized_ns

LOG = logging.getLogger(__name__)

FULL_BYTES: Final = 4 * 1024 * 1024
ANSWER_NS: Final = 50_000  # that needs nothing of the screen
# First come, first served.
_TURN: Final = trio.Lock()


@dataclass(frozen=True, slots=True)
class Owner:
    """The terminal whose screen it is.

    level: the offset up to which output was taken.
    size: columns and rows now.
    asked: what to do about a question.
    lost: called when what was shown is lost, and the screen has begun anew.
    drawn: called when something that waited was folded.
    hold: have no more come than is on its way.
    release: whatever waited is folded.
    """

    level: Callable[[], int]
    size: Callable[[], Size]
    asked: Callable[[Query, Fold], None]
    lost: Callable[[], None]
    drawn: Callable[[], None]
    hold: Callable[[], object]
    release: Callable[[], None]


class _State(Enum):
    ASLEEP = "asleep"
    WAKING = "waking"
    BEHIND = "behind"
    LIVE = "live"


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
        self._waiting = Backlog()
        self._steps: Iterator[int] = iter(())  # of what was taken from those that wait, and is not folded yet
        self._next_ns: int | None = None  # what the next of them costs; None: there is none
        self._has_failed = False
        self._is_held = False
        self._known = trio.Event()
        self._live = trio.Event()
        self._state = _State.ASLEEP
        if fold is not None:
            self._state = _State.LIVE
            self._known.set()
            self._live.set()

    # --- for whoever looks

    @property
    def fold(self) -> Fold | None:
        """The screen, while it is LIVE. It can be read: what it shows was."""
        if self._state is _State.LIVE:
            self._catch_up()
        return self._read() if self._state is _State.LIVE else None

    @property
    def known(self) -> Fold | None:
        """The screen as far as it is known; it may be behind. It can be read: what it shows was."""
        if self._state is _State.LIVE:
            self._catch_up()
        return self._read()

    def _read(self) -> Fold | None:
        if self._fold is not None:
            self._contain(lambda: self._fold and self._fold.picture())
        return self._fold

    @property
    def is_behind(self) -> bool:
        """Whether some of the output is not folded yet, and takes longer than one may wait for it."""
        if self._state is _State.LIVE:
            self._catch_up()
        return self._state in {_State.WAKING, _State.BEHIND}

    def wake(self) -> None:
        """Find out what is shown, if that is not known."""
        if self._state is _State.ASLEEP:
            self._state = _State.WAKING
            self._nursery.start_soon(self._wake, self._waiting, self._owner.level())

    async def live(self) -> Fold:
        """The screen, once it is LIVE."""
        while True:
            self.wake()
            await self._live.wait()
            fold = self.fold
            if fold is not None:
                return fold

    async def found(self) -> Fold:
        """The screen, once something of it is known."""
        self.wake()
        await self._known.wait()
        fold = self.known
        assert fold is not None
        return fold

    # --- for the owner

    def take(self, piece: Piece) -> None:
        """The next output, question or size."""
        if self._state is _State.ASLEEP:
            if not isinstance(piece, Query):
                return
            self.wake()
        self._waiting.append(piece)
        # Many small pieces take an emulator longer than one large, and most of a flood is never looked at.
        is_due = isinstance(piece, Query) or self._waiting.kept_bytes >= SLICE_BYTES
        if self._state is _State.LIVE and is_due:
            self._catch_up()
        if self._waiting.kept_bytes > FULL_BYTES:
            self._is_held = True
            self._owner.hold()

    def begin_anew(self) -> None:
        """Show nothing of what was printed so far."""
        if self._fold is not None:
            self._drop()
            self._lose()
            self._become_live()

    def begin_with(self, size: Size, dump: bytes) -> None:
        """Show what *dump* was made of, whatever was shown or waits to be."""
        self._fold = Fold(*size)
        self._drop()
        self._waiting.append(dump)
        self._known.set()
        self._become_live()
        self._catch_up()
        self._owner.lost()

    # --- folding

    def _drop(self) -> None:
        """Forget what waits; whoever folds it finds another in its place."""
        self._waiting = Backlog()
        self._steps, self._next_ns = iter(()), None

    def _lose(self) -> None:
        self._fold = Fold(*self._owner.size())
        self._steps, self._next_ns = iter(()), None
        self._nursery.start_soon(self._say_lost)  # whoever draws now may be the one who has met it

    async def _say_lost(self) -> None:
        self._owner.lost()

    def _contain(self, act: Callable[[], object]) -> None:
        """Do *act* with the screen; one that fails costs what is shown, and nothing else."""
        assert self._fold is not None
        try:
            act()
            failure = self._fold.failure
        except Exception as error:  # noqa: BLE001 - logged below
            failure = error
        if failure is not None:
            if not self._has_failed:  # a program that knows how could fill the log
                self._has_failed = True
                LOG.error("what terminal %s shows is lost", self._name, exc_info=failure)
            self._lose()

    def _catch_up(self) -> None:
        """Fold what waits, if that is no more than a turn's worth; or else begin with it."""
        if not self._fold_some():
            self._state = _State.BEHIND
            self._live = trio.Event()
            self._nursery.start_soon(self._follow, self._waiting)

    def _fold_some(self) -> bool:
        """Fold a turn's worth of what waits. Whether nothing is left."""
        spent_ns = 0
        while self._next_ns is not None or self._waiting:
            if self._next_ns is None:
                self._steps = self._steps_of(self._waiting.popleft())
            elif spent_ns and spent_ns + self._next_ns > STEP_NS:
                return False
            else:
                spent_ns += self._next_ns
            self._next_ns = None
            self._contain(self._step)
        return True

    def _step(self) -> None:
        self._next_ns = next(self._steps, None)

    def _steps_of(self, piece: Piece) -> Iterator[int]:
        """Fold *piece*, each step told before by what it costs."""
        fold = self._fold
        assert fold is not None
        if isinstance(piece, bytes):
            yield from fold.steps(piece)
        elif isinstance(piece, Query):
            yield read_ns(fold.cols, fold.rows) if reads_screen(piece, fold) else ANSWER_NS
            self._owner.asked(piece, fold)
        else:
            yield resized_ns((fold.cols, fold.rows), piece)
            fold.resize(*piece)

    async def _wake(self, waiting: Backlog, level: int) -> None:
        try:
            fold = await self._build(level)
        except Exception:
            # What it prints from now on is shown; the program may be asked to repaint.
            LOG.exception("what terminal %s shows cannot be found in its record", self._name)
            fold = Fold(*self._owner.size())
        if self._waiting is waiting:
            self._fold = fold
            self._state = _State.BEHIND
            self._known.set()
            await self._follow(waiting)

    async def _follow(self, waiting: Backlog) -> None:
        """Fold what waits, a turn's worth in a turn."""
        is_level = False
        while not is_level:
            async with _TURN:
                if self._waiting is not waiting:  # it has begun anew meanwhile
                    return
                is_level = self._fold_some()
            if not is_level:
                self._owner.drawn()
        if self._waiting is waiting:
            self._waiting.append(self._owner.size())  # should the record not say it
            self._fold_some()
            self._become_live()
            self._owner.drawn()

    def _become_live(self) -> None:
        self._state = _State.LIVE
        self._live.set()
        if self._is_held:
            self._is_held = False
            self._owner.release()
