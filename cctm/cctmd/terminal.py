"""One terminal that runs: output to the recorder and the clients, input and size to the PTY, and its end.

    keeper ─► output ─┬► questions cut out ─► Recent, Shown ─► each client's View     client ─► input, size ─► PTY
                      └► Recorder ─► storage ─► durable ─► ACK to the keeper

Invariants: output is taken in stream order, each byte once (overlap is dropped, a jump is recorded as a gap);
clients get it before it is sealed; the keeper is told only what survives a power failure. What is shown may lie behind
what is recorded by a sequence that is not whole yet.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count, groupby
from typing import Final

import trio

from cctm.archive.storage import Sync
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.pty_state import asks_for_password, set_window_size
from cctm.cctmd.questions import MAX_OPEN, Questions
from cctm.cctmd.recent import ALONE_LIMIT, ATTACHED_LIMIT, Recent
from cctm.cctmd.recorder import Durable, Recorder
from cctm.cctmd.shown import Owner, Shown
from cctm.cctmd.sizing import Sizing
from cctm.cctmd.viewers import Viewer, Viewers
from cctm.protocol.control import replies
from cctm.protocol.events import Gap, How, Input, Renamed, Resized
from cctm.protocol.keys import ChannelId, LogId, StreamId
from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.queries import Query, QueryScanner, up_to_nth_query

LOG = logging.getLogger(__name__)

QUOTA_TEXT: Final = (
    "This terminal's record has reached its quota: its program waits. End it, or raise CCTM_QUOTA."
)
INPUT_BYTES: Final = 32 * 1024  # in one event, so that an entry holds it
OWN: Final = b""  # the host's own user, in `who` and `by`


class Held(Enum):
    """Why recording of a terminal waits; the value is what a listing says."""

    ROOM = "disk full"
    QUOTA = "quota reached"
    FILES = "its files cannot be written, see daemon.log"
    SCREEN = "its screen is read from its record"
    FAILED = "recording failed, see daemon.log"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a terminal ended."""

    how: How
    code: int


class Terminal:
    """A running terminal."""

    def __init__(
        self,
        channel: ChannelId,
        stream: StreamId,
        recorder: Recorder,
        pty: PtyInput,
        *,
        build: Callable[[int], Awaitable[Fold]] | None,
        nursery: trio.Nursery,
        command: str,
        created_us: int,
        record_input: bool,
        pid: int | None,
    ) -> None:
        """
        Args:
            build: finds out what is shown, from the record; None: nothing was printed yet.
        """
        self.channel = channel
        self.stream = stream
        self.recorder = recorder
        self.pty = pty
        self.command = command
        self.created_us = created_us
        self.record_input = record_input
        self.pid = pid
        self.recent = Recent(recorder.offset)
        self.viewers = Viewers(self._log_name)
        self._numbers = count()
        self.sizing: Sizing[Viewer] = Sizing()
        self.questions = Questions(self.pty.answer, self._driver, nursery)
        self._scanner = QueryScanner()
        self._keyframe_at = recorder.offset
        self._held_since = 0  # the offset at which the scanner began to hold something
        fold = Fold(*self.size) if build is None else None
        self.shown = Shown(
            self._log_name,
            fold,
            build or _nothing_to_build,
            Owner(
                level=lambda: self.recent.end,
                size=lambda: self.size,
                asked=self.questions.ask,
                lost=lambda: self.viewers.each(lambda viewer: viewer.draw_anew()),
                hold=lambda: self.hold(Held.SCREEN),
                release=self._release_screen,
            ),
            nursery,
        )
        self.stored_bytes = 0
        self.durable_offset = 0  # of the stream: what lies before survives a power failure
        self.checkpointed = 0  # the stream's offset at the newest checkpoint
        self.noted_log: LogId | None = None  # the newest of which the catalogue has a checkpoint
        self.unnoted: Durable | None = None  # what is stored and the catalogue has no checkpoint of
        self.ending: Ending | None = None
        self.ended = trio.Event()
        self._held: set[Held] = set()

    @property
    def name(self) -> str:
        return self.recorder.screen.name

    @property
    def _log_name(self) -> str:
        return self.channel.hex()[:8]

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.recorder.screen.cols, self.recorder.screen.rows

    # --- output

    def output(self, offset: int, data: bytes) -> None:
        """Take bytes of the stream from the keeper."""
        end = self.recorder.offset
        if offset > end:
            self.lost(end, offset - end)
        elif offset < end:
            data = data[end - offset :]
            if not data:
                return
        self.recorder.output(data)  # first: whatever goes wrong in showing it
        with self._showing():
            pieces = self._scanner.feed(data)
            answered = up_to_nth_query(pieces, MAX_OPEN)
            for piece in pieces[:answered]:
                self._show(piece)
            if answered < len(pieces):
                self._show_unanswered(pieces[answered:])

    @contextlib.contextmanager
    def _showing(self) -> Iterator[None]:
        """A bug that showing runs into costs what is shown; recording and the program go on."""
        try:
            yield
        except Exception:
            LOG.exception("what terminal %s prints cannot be shown", self._log_name)
            self._scanner = QueryScanner()
            self.recent.restart(self.recorder.offset)
            self.shown.begin_anew()

    def _show(self, piece: bytes | Query) -> None:
        if isinstance(piece, Query):
            self.recent.hide(piece.raw)
            if piece.copies:
                self._pass_on(piece)
            else:
                self.shown.take(piece)
            return
        self.recent.append(piece)
        self.viewers.each(lambda viewer: viewer.output(piece))
        self.shown.take(piece)
        self.viewers.each(lambda viewer: viewer.changed())

    def _pass_on(self, copied: Query) -> None:
        self.viewers.each(lambda viewer: viewer.aside(copied.raw))

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
                self._pass_on(piece)
        data = b"".join(piece for piece in pieces if isinstance(piece, bytes))
        self.shown.take(data)  # first: a client may find its place forgotten, and draw what is shown
        self.viewers.each(lambda viewer: viewer.output(data))
        self.viewers.each(lambda viewer: viewer.changed())

    def _show_held(self) -> None:
        with self._showing():
            for piece in self._scanner.flush():
                self._show(piece)

    def turn_over(self) -> None:
        """Some milliseconds passed: what began like a question and was not finished since is output."""
        if self._scanner.holds:
            if self._held_since == self.recorder.offset:
                self._show_held()
            self._held_since = self.recorder.offset

    def keyframe(self, least_bytes: int) -> None:
        """Store what is shown, if it is known and at *least_bytes* were printed since that was stored last."""
        end = self.recorder.offset
        if end - self._keyframe_at < least_bytes or self._scanner.holds or self.recorder.held:
            return
        fold = self.shown.fold
        if fold is None:
            self.shown.wake()
            return
        screen = None
        with self._showing():
            screen = dump(fold)
        if screen is not None and self.recorder.keyframe(screen):
            self._keyframe_at = end

    @property
    def waits_for_more(self) -> bool:
        """Whether the end of the output is held back, in case that it becomes a question."""
        return self._scanner.holds

    def lost(self, offset: int, length: int | None) -> None:
        """Record that *length* bytes from *offset* will never come."""
        self.recorder.event(lambda dt_us: Gap(dt_us, offset, length))
        if length is not None:
            self.recorder.skip_to(offset + length)
            self._show_held()
            self.recent.restart(offset + length)

    def end(self, ending: Ending) -> None:
        """The program ended and all its output was taken."""
        self.ending = ending
        self._show_held()
        for reason in (Held.QUOTA, Held.SCREEN):  # what is left is little, and must get its end
            self.release(reason)
        self.recorder.close(ending.how, ending.code)
        self.viewers.each(lambda viewer: viewer.terminal_ended(ending))
        self.viewers.clear()
        self.pty.close()
        self.ended.set()

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
        self.questions.left(viewer)
        size = self.sizing.leave(viewer)
        if size is not None:
            self.resize(*size)
        if not self.viewers:
            self.recent.limit = ALONE_LIMIT
            self.recent.trim()

    def tell(self, message: tuple[object, ...], *, but: Viewer | None = None) -> None:
        """Send *message* to all clients, except *but*."""
        self.viewers.each(lambda viewer: None if viewer is but else viewer.tell(message))

    def say(self, text: str) -> None:
        """Show *text* to all clients for a moment."""
        self.viewers.each(lambda viewer: viewer.say(text))

    def _driver(self) -> Viewer | None:
        """Who is asked what only a real terminal knows: who typed last, else who came last."""
        able = [viewer for viewer in self.viewers if viewer.drives and viewer.can_be_asked]
        return max(reversed(able), key=self.sizing.typed_us, default=None)

    # --- input and size

    def input(self, data: bytes) -> None:
        """What a driver typed. Of a password not even how long it is and when each key was pressed is recorded."""
        is_secret = asks_for_password(self.pty.master)
        self.pty.write(data)
        if not is_secret:
            for start in range(0, len(data), INPUT_BYTES):
                self._record_input(data[start : start + INPUT_BYTES])

    def _record_input(self, data: bytes) -> None:
        self.recorder.event(lambda dt_us: Input(dt_us, OWN, len(data), data if self.record_input else None))

    def resize(self, cols: int, rows: int, *, by: Viewer | None = None) -> None:
        """Give the PTY another size; the program gets SIGWINCH."""
        if (cols, rows) == self.size:
            return
        self.recorder.screen.cols, self.recorder.screen.rows = cols, rows
        set_window_size(self.pty.master, cols, rows)
        self.recorder.event(lambda dt_us: Resized(dt_us, cols, rows, OWN))
        self.shown.take((cols, rows))
        self.tell(replies.Resized(cols, rows, OWN), but=by)
        self.viewers.each(lambda viewer: viewer.fit())

    def rename(self, name: str) -> None:
        """Call it *name* from now on."""
        self.recorder.screen.name = name
        self.recorder.event(lambda dt_us: Renamed(dt_us, name))
        self.tell(replies.NameChanged(name))

    # --- room

    @property
    def held(self) -> str:
        """Why recording waits, for a listing; empty if it does not."""
        return ", ".join(sorted(reason.value for reason in self._held))

    def hold(self, reason: Held) -> bool:
        """Seal nothing until `release`: the program waits, once the keeper's room is full. True if that is new."""
        if reason in self._held:
            return False
        self._held.add(reason)
        self.recorder.held = True
        return True

    def hold_at_quota(self) -> None:
        """The record has reached its quota."""
        if self.hold(Held.QUOTA):
            self.say(QUOTA_TEXT)

    @contextlib.contextmanager
    def contained(self) -> Iterator[None]:
        """A bug that its recording runs into holds it and no other; the keeper has its bytes for the next daemon."""
        try:
            yield
        except Exception:
            LOG.exception("terminal %s cannot be recorded", self._log_name)
            self.hold(Held.FAILED)

    def seal_now(self) -> None:
        """Seal what is pending, though it waits for the screen: somebody wants to read it."""
        self.recorder.held = bool(self._held - {Held.SCREEN})
        self.recorder.seal(Sync.NOW)
        self.recorder.held = bool(self._held)

    def _release_screen(self) -> None:
        with self.contained():
            self.release(Held.SCREEN)

    def release(self, reason: Held) -> None:
        """*reason* to hold is gone."""
        if reason in self._held:
            self._held.remove(reason)
            if not self._held:
                self.recorder.held = False
                self.recorder.seal(Sync.NOW)


async def _nothing_to_build(_until: int) -> Fold:
    raise AssertionError("a terminal that was opened here is live from its first byte")
