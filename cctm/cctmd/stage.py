"""Stage: what the viewers of one terminal see, wherever its output comes from.

    Terminal   output from the keeper, input to the PTY          ┐      ┌► Recent ─► raw clients
    Mirror     output from a log that somebody else writes       ┴─► show
                                                                        └► Shown (fold) ─► painted clients

What is a question of the program is cut out. Whoever owns the stage says what becomes of it, of input, and of a window.

Invariants: output is shown in stream order, each byte once; what is shown may lie behind what was taken by a sequence
that is not whole yet. A bug that showing runs into costs what is shown, and nothing else.
"""

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import Final

import trio

from cctm.cctmd.questions import MAX_OPEN
from cctm.cctmd.recent import ALONE_LIMIT, ATTACHED_LIMIT, Recent
from cctm.cctmd.recorder import Screen
from cctm.cctmd.shown import Owner, Shown
from cctm.cctmd.viewers import Viewer, Viewers
from cctm.protocol.control import replies
from cctm.protocol.control.values import FloorAction
from cctm.protocol.events import How
from cctm.protocol.keys import ChannelId, StreamId
from cctm.screen.fold import Fold
from cctm.screen.queries import Query, QueryScanner, up_to_nth_query

LOG = logging.getLogger(__name__)

LAST_S: Final = 2.0  # in which the last output of a terminal that ended is folded


@dataclass(frozen=True, slots=True)
class Ending:
    """How a terminal ended."""

    how: How
    code: int


class Stage(ABC):
    """What the viewers of one terminal see, and what they may do."""

    serves_raw: bool  # whether the program's own bytes may reach a client's terminal

    def __init__(
        self,
        channel: ChannelId,
        screen: Screen,
        offset: int,
        *,
        build: Callable[[int], Awaitable[Fold]] | None,
        nursery: trio.Nursery,
    ) -> None:
        """
        Args:
            screen: the stream, its size and name; shared with whoever else has to know them.
            offset: up to which output was taken before.
            build: finds out what is shown, from the record; None: nothing was printed yet.
        """
        self.channel = channel
        self.screen = screen
        self.taken = offset  # of the stream: what lies before was shown, or is held back
        self.recent = Recent(offset)
        self.viewers = Viewers(self.log_name)
        self.banner = ""  # lies over the last row as long as it is not empty
        self.ending: Ending | None = None
        self._nursery = nursery
        self._numbers = count()
        self._scanner = QueryScanner()
        self._held_since = 0  # the offset at which the scanner began to hold something
        self.shown = Shown(
            self.log_name,
            Fold(*self.size) if build is None else None,
            build or _nothing_to_build,
            Owner(
                level=lambda: self.recent.end,
                size=lambda: self.size,
                asked=self._asked,
                lost=lambda: self.viewers.each(lambda viewer: viewer.draw_anew()),
                drawn=lambda: self.viewers.each(lambda viewer: viewer.changed()),
                hold=self._wait_for_screen,
                release=self._screen_is_known,
            ),
            nursery,
        )

    @property
    def name(self) -> str:
        return self.screen.name

    @property
    def stream(self) -> StreamId:
        return self.screen.stream

    @property
    def log_name(self) -> str:
        """What log lines call it."""
        return self.channel.hex()[:8]

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.screen.cols, self.screen.rows

    # --- what it comes to, for whom owns it

    @property
    @abstractmethod
    def held(self) -> str:
        """Why recording waits, for a listing; empty if it does not."""

    @property
    def greeting(self) -> str:
        """What whoever attaches is told; empty: nothing."""
        return ""

    @abstractmethod
    def _asked(self, query: Query, fold: Fold) -> None:
        """The program asked *query*, with the screen being *fold*."""

    @abstractmethod
    def _copied(self, copied: Query) -> None:
        """The program put something into the clipboard."""

    @abstractmethod
    def _wait_for_screen(self) -> None:
        """Have no more output come than is on its way, until what waits is shown."""

    @abstractmethod
    def _screen_is_known(self) -> None:
        """What waited for the screen is shown."""

    @abstractmethod
    def typed(self, viewer: Viewer, data: bytes, now_us: int) -> None:
        """*viewer*, who drives, typed *data*."""

    @property
    @abstractmethod
    def has_room(self) -> bool:
        """Whether more may be typed."""

    @abstractmethod
    async def room(self) -> None:
        """Wait until more may be typed."""

    @abstractmethod
    def claim(self, viewer: Viewer, window: tuple[int, int], now_us: int) -> None:
        """The window of *viewer*, who drives, has this size now."""

    @abstractmethod
    def answered(self, viewer: Viewer, number: int, data: bytes) -> None:
        """What the terminal of *viewer* answered to a question."""

    @abstractmethod
    def floor(self, action: FloorAction, who: bytes) -> None:
        """A client asks for the keyboard, gives it to *who*, or gives it back.

        Raises:
            RefusedError: that is not how it is here.
        """

    @abstractmethod
    def _left(self, viewer: Viewer) -> None:
        """*viewer* is gone."""

    # --- output

    def show(self, data: bytes) -> None:
        """Show the next bytes of the stream."""
        self.taken += len(data)
        with self._showing():
            pieces = self._scanner.feed(data)
            answered = up_to_nth_query(pieces, MAX_OPEN)
            for piece in pieces[:answered]:
                self._show(piece)
            if answered < len(pieces):
                self._show_unanswered(pieces[answered:])

    @contextlib.contextmanager
    def _showing(self) -> Iterator[None]:
        """A bug that showing runs into costs what is shown; whatever else becomes of the output goes on."""
        try:
            yield
        except Exception:
            LOG.exception("what terminal %s prints cannot be shown", self.log_name)
            self._scanner = QueryScanner()
            self.recent.restart(self.taken)
            self.shown.begin_anew()

    def _show(self, piece: bytes | Query) -> None:
        if isinstance(piece, Query):
            self.recent.hide(piece.raw)
            if piece.copies:
                self._copied(piece)
            else:
                self.shown.take(piece)
            return
        self.recent.append(piece)
        self.viewers.each(lambda viewer: viewer.output(piece))
        self.shown.take(piece)
        self.viewers.each(lambda viewer: viewer.changed())

    def _show_unanswered(self, pieces: Sequence[bytes | Query]) -> None:
        """Show *pieces* at once; their questions are too many to be answered, and cost little more than text so."""
        for is_text, group in groupby(pieces, lambda piece: isinstance(piece, bytes)):
            raw = b"".join(piece if isinstance(piece, bytes) else piece.raw for piece in group)
            if is_text:
                self.recent.append(raw)
            else:
                self.recent.hide(raw)
        for piece in pieces:
            if isinstance(piece, Query) and piece.copies:
                self._copied(piece)
        data = b"".join(piece for piece in pieces if isinstance(piece, bytes))
        self.shown.take(data)  # first: a client may find its place forgotten, and draw what is shown
        self.viewers.each(lambda viewer: viewer.output(data))
        self.viewers.each(lambda viewer: viewer.changed())

    def show_held(self) -> None:
        """What began like a question is output: nothing that would finish it comes."""
        with self._showing():
            for piece in self._scanner.flush():
                self._show(piece)

    def turn_over(self) -> None:
        """Some milliseconds passed: what began like a question and was not finished since is output."""
        if self._scanner.holds:
            if self._held_since == self.taken:
                self.show_held()
            self._held_since = self.taken

    @property
    def waits_for_more(self) -> bool:
        """Whether the end of the output is held back, in case that it becomes a question."""
        return self._scanner.holds

    def skip_to(self, offset: int) -> None:
        """The stream goes on at *offset*; what lies between will not come."""
        self.taken = offset
        self.show_held()
        self.recent.restart(offset)

    def begin_at(self, stream: StreamId, offset: int, size: tuple[int, int], dump: bytes) -> None:
        """Show the *dump* of what *stream* shows at *offset*, whatever was shown before."""
        self.screen.stream = stream
        self.screen.cols, self.screen.rows = size
        self.taken = offset
        self._scanner = QueryScanner()
        self.recent.restart(offset)
        self.shown.begin_with(size, dump)

    def change_size(self, cols: int, rows: int, who: bytes, *, but: Viewer | None = None) -> None:
        """The terminal has another size from here on; *but* knows."""
        self.screen.cols, self.screen.rows = cols, rows
        self.shown.take((cols, rows))
        self.tell(replies.Resized(cols, rows, who), but=but)
        self.viewers.each(lambda viewer: viewer.fit())

    def change_name(self, name: str) -> None:
        """It is called *name* from now on."""
        self.screen.name = name
        self.tell(replies.NameChanged(name))

    def finish(self, ending: Ending) -> None:
        """Nothing more will come; who looks is told once what came is shown, if that is soon."""
        self.ending = ending
        if self.viewers and self.shown.is_behind:
            self._nursery.start_soon(self._tell_end, ending)
        else:
            self._over(ending)

    async def _tell_end(self, ending: Ending) -> None:
        with trio.move_on_after(LAST_S):
            await self.shown.live()
        self._over(ending)

    def _over(self, ending: Ending) -> None:
        self.viewers.each(lambda viewer: viewer.terminal_ended(ending))
        self.viewers.clear()

    # --- clients

    def join(self, viewer: Viewer) -> None:
        """Send output to *viewer* from now on."""
        self.recent.limit = ATTACHED_LIMIT
        viewer.number = next(self._numbers)
        self.viewers.append(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Send *viewer* nothing more."""
        if viewer not in self.viewers:
            return
        self.viewers.remove(viewer)
        self._left(viewer)
        if not self.viewers:
            self.recent.limit = ALONE_LIMIT
            self.recent.trim()

    def tell(self, message: tuple[object, ...], *, but: Viewer | None = None) -> None:
        """Send *message* to all clients, except *but*."""
        self.viewers.each(lambda viewer: None if viewer is but else viewer.tell(message))

    def say(self, text: str) -> None:
        """Show *text* to all clients for a moment."""
        self.viewers.each(lambda viewer: viewer.say(text))

    def put_banner(self, text: str) -> None:
        """Have *text* lie over the last row until it is another one, or empty."""
        if text != self.banner:
            self.banner = text
            self.viewers.each(lambda viewer: viewer.fit())


async def _nothing_to_build(_until: int) -> Fold:
    raise AssertionError("a terminal that was opened here is live from its first byte")
