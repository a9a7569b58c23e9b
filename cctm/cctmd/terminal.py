"""One terminal that runs: output to the recorder and the clients, input and size to the PTY, and its end.

    keeper ─► output ─┬► Stage ─► each client's View     client ─► input, size ─► PTY
                      └► Recorder ─► storage ─► durable ─► ACK to the keeper

Invariants: output is taken in stream order, each byte once (overlap is dropped, a jump is recorded as a gap);
clients get it before it is sealed; the keeper is told only what survives a power failure. What is shown may lie behind
what is recorded by a sequence that is not whole yet.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Final

import trio

from cctm.archive.storage import Sync
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.pty_state import asks_for_password, set_window_size
from cctm.cctmd.questions import Questions
from cctm.cctmd.recorder import ChannelKeys, Durable, Owed, Recorder
from cctm.cctmd.services import RefusedError
from cctm.cctmd.sizing import Sizing
from cctm.cctmd.stage import Ending, Stage
from cctm.cctmd.viewers import Viewer
from cctm.protocol.control import replies
from cctm.protocol.control.values import FloorAction, Reason
from cctm.protocol.events import Event, Gap, Input, Renamed, Resized
from cctm.protocol.keys import ChannelId, LogId, WriterId
from cctm.screen.dump import dump, dump_shown
from cctm.screen.fold import Fold
from cctm.screen.queries import Query

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
    SCREEN = "its output waits to be shown"
    FAILED = "recording failed, see daemon.log"


class Terminal(Stage):
    """A running terminal."""

    serves_raw = True

    def __init__(
        self,
        channel: ChannelId,
        recorder: Recorder,
        pty: PtyInput,
        *,
        build: Callable[[int], Awaitable[Fold]] | None,
        nursery: trio.Nursery,
        touched: Callable[["Terminal"], None],
        command: str,
        created_us: int,
        record_input: bool,
        pid: int | None,
    ) -> None:
        """
        Args:
            build: finds out what is shown, from the record; None: nothing was printed yet.
            touched: told when something other than output was added to the record.
        """
        self.recorder = recorder
        self.pty = pty
        self.command = command
        self.created_us = created_us
        self.record_input = record_input
        self.pid = pid
        self.sizing: Sizing[Viewer | WriterId] = Sizing()
        self.questions = Questions(self.pty.answer, self._driver, nursery)
        self._touched = touched
        self._keyframe_at = recorder.offset
        super().__init__(channel, recorder.screen, recorder.offset, build=build, nursery=nursery)
        self.stored_bytes = 0
        self.durable_offset = 0  # of the stream: what lies before survives a power failure
        self.checkpointed = 0  # the stream's offset at the newest checkpoint
        self.noted_log: LogId | None = None  # the newest of which the catalogue has a checkpoint
        self.unnoted: Durable | None = None  # what is stored and the catalogue has no checkpoint of
        self.ended = trio.Event()
        self.barred = ""  # why this home's own user may not type; empty: may
        self.on_durable: Callable[[Durable], None] | None = None  # who sends the record to others
        self.on_floor: Callable[[FloorAction, bytes], None] | None = None  # who knows to whom it may be given
        self._held: set[Held] = set()
        self._owes_keyframe = False
        # The alternate screen, since before those who share it may see what is hidden. Of one that an earlier daemon
        # shared nobody knows since when.
        self._hides_older = bool(recorder.keys.members)

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
        self.show(data)

    def keyframe(self, least_bytes: int) -> None:
        """Store what is shown, if it is known and at *least_bytes* were printed since that was stored last."""
        end = self.recorder.offset
        is_due = self._owes_keyframe or end - self._keyframe_at >= least_bytes
        if not is_due or self.waits_for_more or self.recorder.held:
            return
        fold = self.shown.fold
        if fold is None:
            self.shown.wake()
            return
        screen = None
        self._hides_older = self._hides_older and fold.modes.alternate
        with self._showing():
            screen = dump_shown(fold) if self._hides_older else dump(fold)
        if screen is not None and self.recorder.keyframe(screen, hides=self._hides_older):
            self._keyframe_at = end
            self._owes_keyframe = False

    def grant(self, keys: ChannelKeys, owed: Owed, *, begins_epoch: bool) -> None:
        """Record for *keys*' members from now on, behind the grant that says so.

        Args:
            begins_epoch: whoever is new may see what is shown from now on, and nothing that is hidden now.
        """
        if set(keys.members.links) - set(self.recorder.keys.members.links):
            self.recorder.seal()  # what was printed before somebody new may read is not theirs
        if begins_epoch:
            fold = self.shown.fold
            self._hides_older = fold is None or fold.modes.alternate
        self.recorder.follow(keys, owed)
        self._owes_keyframe = begins_epoch or owed is Owed.LOG
        self.recorder.seal(Sync.NOW)
        if self._owes_keyframe:
            self.keyframe(0)
        self._touched(self)

    def lost(self, offset: int, length: int | None) -> None:
        """Record that *length* bytes from *offset* will never come."""
        self.recorder.event(lambda dt_us: Gap(dt_us, offset, length))
        if length is not None:
            self.recorder.skip_to(offset + length)
            self.skip_to(offset + length)

    def end(self, ending: Ending) -> None:
        """The program ended and all its output was taken."""
        self.ending = ending
        self.show_held()
        for reason in (Held.QUOTA, Held.SCREEN):  # what is left is little, and must get its end
            self.release(reason)
        self.recorder.close(ending.how, ending.code)
        self.finish(ending)
        self.pty.close()
        self.ended.set()

    # --- clients

    def _asked(self, query: Query, fold: Fold) -> None:
        self.questions.ask(query, fold)

    def answered(self, viewer: Viewer, number: int, data: bytes) -> None:
        """What the terminal of *viewer* answered to a question."""
        self.questions.answered(viewer, number, data)

    def floor(self, action: FloorAction, who: bytes) -> None:
        """A client asks for the keyboard, gives it to *who*, or gives it back."""
        if self.on_floor is None:
            raise RefusedError(Reason.FAILED, "This terminal is not shared.", "Share it: `cctm share`.")
        self.on_floor(action, who)

    def _copied(self, copied: Query) -> None:
        self.viewers.each(lambda viewer: viewer.aside(copied.raw))

    def _left(self, viewer: Viewer) -> None:
        self.questions.left(viewer)
        size = self.sizing.leave(viewer)
        if size is not None:
            self.resize(*size)

    def _driver(self) -> Viewer | None:
        """Who is asked what only a real terminal knows: who typed last, else who came last."""
        able = [viewer for viewer in self.viewers if viewer.drives and viewer.can_be_asked]
        return max(reversed(able), key=self.sizing.typed_us, default=None)

    # --- input and size

    def typed(self, viewer: Viewer, data: bytes, now_us: int) -> None:
        """*viewer*, who drives, typed *data*."""
        if self.ending is not None:
            return
        if self.barred:
            viewer.say(self.barred)
            return
        self.input(data)
        size = self.sizing.typed(viewer, now_us)
        if size is not None:
            self.resize(*size, by=viewer)
        self._touched(self)

    @property
    def has_room(self) -> bool:
        """Whether more may be typed."""
        return self.pty.has_room

    async def room(self) -> None:
        """Wait until more may be typed."""
        await self.pty.room()

    def claim(self, viewer: Viewer, window: tuple[int, int], now_us: int) -> None:
        """Whoever drives and was here last decides how large the terminal is."""
        self.resize(*self.sizing.claim(viewer, window, now_us), by=viewer)
        if self.ending is None:
            self._touched(self)

    def guest_typed(self, who: WriterId, data: bytes, now_us: int) -> None:
        """A guest typed *data*."""
        self.input(data, who)
        size = self.sizing.typed(who, now_us)
        if size is not None:
            self.resize(*size)
        self._touched(self)

    def guest_window(self, who: WriterId, window: tuple[int, int]) -> None:
        """The window of a guest who drives has this size: the terminal's, once they type."""
        size = self.sizing.know(who, window)
        if size is not None:
            self.resize(*size)
            self._touched(self)

    def guest_left(self, who: WriterId) -> None:
        """A guest is gone."""
        size = self.sizing.leave(who)
        if size is not None:
            self.resize(*size)
            self._touched(self)

    def note(self, make: Callable[[int], Event]) -> None:
        """Record the event that *make* makes of its `dt_us`; nothing, behind the end."""
        if self.ending is None:
            self.recorder.event(make)
            self._touched(self)

    def floor_changed(self, holder: bytes | None) -> None:
        """The keyboard is *holder*'s: a guest; empty, the host's own user; None: every driver's."""
        self.tell(replies.FloorHeld(holder))

    def input(self, data: bytes, who: bytes = OWN) -> None:
        """What a driver typed. Of a password not even how long it is and when each key was pressed is recorded."""
        is_secret = asks_for_password(self.pty.master)
        self.pty.write(data)
        if not is_secret:
            for start in range(0, len(data), INPUT_BYTES):
                self._record_input(data[start : start + INPUT_BYTES], who)

    def _record_input(self, data: bytes, who: bytes) -> None:
        self.recorder.event(lambda dt_us: Input(dt_us, who, len(data), data if self.record_input else None))

    def resize(self, cols: int, rows: int, *, by: Viewer | None = None) -> None:
        """Give the PTY another size; the program gets SIGWINCH."""
        if (cols, rows) == self.size or self.ending is not None:
            return
        set_window_size(self.pty.master, cols, rows)
        self.recorder.event(lambda dt_us: Resized(dt_us, cols, rows, OWN))
        self.change_size(cols, rows, OWN, but=by)

    def rename(self, name: str) -> None:
        """Call it *name* from now on."""
        self.recorder.event(lambda dt_us: Renamed(dt_us, name))
        self.change_name(name)

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
            LOG.exception("terminal %s cannot be recorded", self.log_name)
            self.hold(Held.FAILED)

    def seal_now(self) -> None:
        """Seal what is pending, though it waits for the screen: somebody wants to read it."""
        self.recorder.held = bool(self._held - {Held.SCREEN})
        self.recorder.seal(Sync.NOW)
        self.recorder.held = bool(self._held)

    def _wait_for_screen(self) -> None:
        self.hold(Held.SCREEN)

    def _screen_is_known(self) -> None:
        with self.contained():
            self.release(Held.SCREEN)

    def release(self, reason: Held) -> None:
        """*reason* to hold is gone."""
        if reason in self._held:
            self._held.remove(reason)
            if not self._held:
                self.recorder.held = False
                self.recorder.seal(Sync.NOW)
