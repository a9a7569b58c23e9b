"""View: how one client sees one terminal (SPEC.md §9.4).

    RAW      the program's own bytes: while the window has the terminal's size, nothing lies over it, and it keeps up
    PAINTED  the painter's: otherwise; changed rows, at most 60 times a second if they are many, and only once the
             client has taken the last ones
    held     the client shows something of its own

    RAW ──another size, a notice, too far behind──► PAINTED ──all as it should be──► RAW
    either way: Repaint, then everything is drawn

Invariants: nothing is drawn for a client that has not taken what was sent before; so one that is slow or stopped
costs a fixed amount, and is right as soon as it goes on.
"""

from collections.abc import Callable
from typing import Final

import trio

from cctm.cctmd.feed import Feed
from cctm.cctmd.frames import FRAME_S, Frames, pause_after
from cctm.cctmd.stage import Ending, Stage
from cctm.protocol.codec import Value
from cctm.protocol.control import replies
from cctm.protocol.control.values import Mode, Rights
from cctm.screen.dump import dump
from cctm.screen.frame import Overlay, moved
from cctm.screen.painter import Painter
from cctm.screen.picture import Picture, Row, Run

LAG_BYTES: Final = 256 * 1024
CALM_S: Final = 0.1  # without output: who fell behind is served RAW again
NOTICE_S: Final = 3.0
RESTS: Final = 3  # times as long as it took to paint: a screen with a pen in each cell takes long
PART_BYTES: Final = 64 * 1024
# Not `H J` nor `2J`: some terminals keep what these clear as scrollback.
HOME_AND_CLEAR: Final = b"\x1b[2H\x1b[J\x1b[H\x1b[2K"
REVERSE: Final = "7"


class View:
    """One client attached to one terminal."""

    def __init__(
        self,
        feed: Feed,
        stage: Stage,
        frames: Frames,
        nursery: trio.Nursery,
        *,
        window: tuple[int, int],
        wanted: Mode,
        rights: Rights,
        term: str,
        on_over: Callable[[], None],
    ) -> None:
        self.feed = feed
        self.number = 0
        self.window = window
        self.rights = rights
        self.term = term
        self.mode: Mode | None = None  # until the first drawing
        self.stage = stage
        self._frames = frames
        self._nursery = nursery
        self._wanted = wanted
        self._painter = Painter(*window)
        self._next_at = 0.0  # when it may be painted again
        self._output_at = 0.0
        self._on_over = on_over
        self._is_dirty = False
        self._is_stale = False  # what it shows is void: drawn again once it has taken what was sent
        self._is_held = False
        self._lags = False
        self._notice = ""
        self._lies_above = False  # what lies over the screen, on its first row
        feed.on_drained = self.drained
        feed.on_lost = self.draw_anew

    @property
    def drives(self) -> bool:
        """Whether its keys reach the program."""
        return self.rights is Rights.DRIVE

    @property
    def can_be_asked(self) -> bool:
        """Whether its terminal has taken everything so far."""
        return self.feed.takes_messages

    # --- what happens to the terminal

    def output(self, data: bytes) -> None:
        """*data* was printed; it is not folded yet."""
        if self.mode is not Mode.RAW or self._is_held or self._is_stale:
            return
        self.feed.push(data)
        if self.feed.behind_bytes > LAG_BYTES:
            self._lags = True
            self.draw_anew()

    def changed(self) -> None:
        """What was printed is folded."""
        if self.mode is not Mode.PAINTED:
            return
        now = trio.current_time()
        self._output_at = now
        self._is_dirty = True
        if now >= self._next_at:
            self.frame()
        else:
            self._frames.soon(self, self._next_at)

    def tell(self, message: tuple[object, ...]) -> None:
        """Send *message*."""
        self.feed.send(message)

    def row(self) -> list[Value]:
        """What a listing of clients says of it."""
        mode = Mode.AUTO if self.mode is None else self.mode
        return [self.number, *self.window, mode, self.rights, self.term, self.feed.behind_bytes]

    def ask(self, number: int, question: bytes) -> None:
        """Have the client's terminal asked."""
        self.feed.send(replies.Query(number, question))

    def aside(self, data: bytes) -> None:
        """Something for the client's terminal that has nothing to do with its screen."""
        if self.drives and self.feed.takes_messages and not self._is_held and not self._is_stale:
            self.feed.send(replies.Painted(data))

    def fit(self) -> None:
        """The terminal's size, or the window's, may have changed."""
        if self.mode is not None and not self._is_held and (self.mode_now is not self.mode):
            self.draw_anew()
        elif self.mode is Mode.PAINTED:
            self._is_dirty = True
            self._frames.soon(self, self._next_at)

    def say(self, text: str) -> None:
        """Show *text* for a moment, on the last row."""
        self._notice = text
        self._nursery.start_soon(self._unsay, text)
        self.fit()

    async def _unsay(self, text: str) -> None:
        await trio.sleep(NOTICE_S)
        if self._notice == text:
            self._notice = ""
            self._is_dirty = True
            self._frames.soon(self, trio.current_time())  # what goes wrong in drawing is contained there

    def terminal_ended(self, ending: Ending) -> None:
        """Send the rest, then how it ended."""
        ended = replies.Ended(ending.how, ending.code)
        is_raw = self.mode is Mode.RAW and not self._is_stale and not self.feed.misses_output
        if not is_raw and not self._is_held:
            self._notice = ""
            self._turn()
        if is_raw:
            self.feed.send_after_output(ended)
        else:
            self.feed.send(ended)
        self._end()

    def release(self, why: str) -> None:
        """End the session; the terminal goes on."""
        self.leave()
        self.feed.send(replies.Released(why))

    def leave(self) -> None:
        """Draw nothing more, and be none of the terminal's viewers."""
        self.stage.leave(self)
        self.feed.unfollow()
        self._end()

    def _end(self) -> None:
        self._frames.never(self)
        self.feed.on_drained = self.feed.on_lost = None
        self.mode = None
        self._on_over()

    # --- what the client asks for

    def begin(self, history: bytes) -> None:
        """Draw for the first time, behind *history*."""
        if history:
            self._send(history, replies.History)
        self._turn()

    def resume(self, offset: int) -> None:
        """The client shows everything up to *offset*: go on from there."""
        self.mode = Mode.RAW
        self.feed.follow(self.stage.recent, offset)

    @property
    def can_resume(self) -> bool:
        """Whether a client that shows an earlier moment may simply be sent what came since."""
        return self.mode_now is Mode.RAW

    def hold(self) -> None:
        """The client shows something of its own."""
        self._is_held = True
        self.feed.unfollow()

    def show(self, window: tuple[int, int]) -> None:
        """The client wants to see the terminal again."""
        self._is_held = False
        self.window = window
        self.draw_anew()

    def resize(self, window: tuple[int, int]) -> None:
        """The client's window has another size."""
        if window != self.window:
            self.window = window
            self._painter.resize(*window)
            self.fit()

    # --- drawing

    def draw_anew(self) -> None:
        """Draw everything, as soon as the client has taken what was sent."""
        self.feed.unfollow()
        self._is_stale = True
        if self.feed.is_clear:
            self.drained()

    def drained(self) -> None:
        """The client has taken all that was sent."""
        if self._is_held:
            return
        if self._is_stale:
            self._turn()
        elif self._is_dirty:
            self._frames.soon(self, self._next_at)

    def frame(self) -> None:
        """Paint what changed, if the client is ready for it."""
        if self.mode is not Mode.PAINTED or self._is_held or not self.feed.is_clear:
            return
        if self._is_dirty:
            self._is_dirty = False
            began = trio.current_time()
            painting = self._painting()
            now = trio.current_time()
            self._next_at = now + max(pause_after(len(painting)), RESTS * (now - began))
            self._send(painting)
        if self._lags:
            self._frames.soon(self, trio.current_time() + FRAME_S)
            if trio.current_time() - self._output_at >= CALM_S:
                self._lags = False
        if self.mode_now is not self.mode:
            self.draw_anew()

    @property
    def mode_now(self) -> Mode:
        """How it should be served."""
        wants_raw = self.stage.serves_raw and self._wanted is not Mode.PAINTED
        fits = self.window == self.stage.size and not self._shown_over
        if not wants_raw or not fits or self._lags:
            return Mode.PAINTED
        goes_on = self.mode is Mode.RAW and not self._is_stale
        # It begins at the end of the output, where the screen has to be as well.
        return Mode.RAW if goes_on or self.stage.shown.fold is not None else Mode.PAINTED

    @property
    def _shown_over(self) -> str:
        """What lies over a row."""
        return self._notice or self.stage.banner

    def _turn(self) -> None:
        """Draw everything, in the mode that is right now."""
        self.mode = self.mode_now
        self._is_stale = False
        self.feed.send(replies.Repaint(self.mode))
        if self.mode is Mode.RAW:
            recent, fold = self.stage.recent, self.stage.shown.fold
            assert fold is not None  # or it would be painted
            self._send(HOME_AND_CLEAR + dump(fold))
            self.feed.follow(recent, recent.end)
        else:
            self._painter = Painter(*self.window)
            self._output_at = trio.current_time()
            self._is_dirty = False
            self._send(self._painting())
            if self._lags:
                self._frames.soon(self, self._output_at + FRAME_S)

    def _painting(self) -> bytes:
        fold = self.stage.shown.known
        assert fold is not None  # attaching waited for it
        picture = fold.picture()
        if not self._shown_over:
            self._lies_above = False
            return self._painter.paint(picture)
        return self._painter.paint(picture, [self._row_over(self._shown_over, picture)])

    def _row_over(self, text: str, picture: Picture) -> Overlay:
        """*text* on the last row; on the first, once the cursor is in the last: there is typed."""
        cols, rows = self.window
        cursor_row = picture.cursor.row - moved(self._painter.view, picture, self.window).row
        if picture.cursor.visible and cursor_row in (0, rows - 1):
            self._lies_above = cursor_row == rows - 1 > 0
        text = f" {text}"[:cols].ljust(cols)
        row = 0 if self._lies_above else rows - 1
        return Overlay(0, row, (Row((Run(text, cols, REVERSE),), wraps=False),))

    def _send(self, data: bytes, kind: type[replies.Painted | replies.History] = replies.Painted) -> None:
        parts = [kind(data[start : start + PART_BYTES]) for start in range(0, len(data), PART_BYTES)]
        if parts:
            self.feed.send(*parts)
