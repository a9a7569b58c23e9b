"""The attached session: keyboard to daemon, output to screen, and what the client itself shows over it.

    stdin ─► answers of the terminal ─► prefix keys ─┬► a page, if one is open
             (questions.py)             (keys.py)    ├► commands (doing.py) ─► a page, a note
                                                     └► Input ─► daemon
    daemon ─► attachment.py ─► display.py ─► stdout

    ATTACHED ──the connection ends──► LOST ──connected again within 30 s──► ATTACHED
                                       └──refused, or nobody there──► the end

While LOST, keys are kept for 5 s and delivered if it comes back by then: nothing that was typed may run late. After
half a second the last row says so. Ctrl+B d and signals end the session in every state.

One poll loop. Notes stay for 2 s or until a key; the program gets that key.
"""

import contextlib
import os
import re
import select
import signal
import termios
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cctm.cli import terminal
from cctm.cli.attachment import Attachment
from cctm.cli.client import Client, Wait
from cctm.cli.display import Display
from cctm.cli.doing import conclude, perform
from cctm.cli.errors import UserError
from cctm.cli.keys import Command, Jump, Part, PrefixKeys
from cctm.cli.link import LostError
from cctm.cli.pages.effects import Effect
from cctm.cli.pages.keystrokes import Keystrokes
from cctm.cli.pages.page import Cover, Page
from cctm.cli.questions import Questions
from cctm.cli.reconnecting import LeaveError, Watch, reattach
from cctm.cli.signals import LEAVING, signals_as_bytes
from cctm.home import Home
from cctm.protocol.control import replies, requests

KEYS_BYTES: Final = 64 * 1024
HOLD_S: Final = 0.02  # for the rest of a sequence; whoever types ESC does not notice
NOTE_S: Final = 2.0
FORGET_KEYS_S: Final = 5.0
LOST: Final = "[reconnecting…] Ctrl+B d leaves"
KEYS_DROPPED: Final = "The daemon is back. Keys typed meanwhile were dropped."
VIEW_ONLY: Final = "view only: keys do not reach the program"
NOT_TYPED: Final = re.compile(rb"\x1b\[(?:[IO]|<[0-9;]*[Mm]|M...)", re.DOTALL)  # focus and mouse


@dataclass(frozen=True, slots=True)
class Detached:
    """The user left; the terminal goes on."""


Outcome = Detached | replies.Ended | replies.Released


class Session:
    """One attachment of this process, to one terminal after the other."""

    def __init__(
        self,
        client: Client,
        request: requests.Attach,
        attached: replies.Attached,
        home: Home,
        reconnect: Callable[[Wait], Client],
    ) -> None:
        """
        Args:
            reconnect: makes a new connection, and calls what it is given while it can do nothing else.
        """
        self._home = home
        self._reconnect = reconnect
        self._display = Display()
        self._questions = Questions()
        self._attachment = Attachment(client, request, attached, self._display, self._questions)
        self._keys = PrefixKeys()
        self._keys_at = 0.0  # when the last ones came
        self._keystrokes = Keystrokes()
        self._page: Page | None = None
        self._renew_at: float | None = None  # when the page is too old
        self._note_until: float | None = None
        self._has_said_view_only = False
        self._unsent = b""  # typed when the connection had ended already; nobody has seen it
        self._left = False

    @property
    def name(self) -> str:
        """The terminal's name, as far as this client has heard."""
        return self._attachment.name

    def run(self) -> Outcome:
        """Serve until the user leaves, the terminal ends or the daemon lets go.

        Raises:
            UserError: the daemon went and did not come back.
        """
        with terminal.raw(), signals_as_bytes() as wake:
            try:
                while self._outcome is None:
                    try:
                        self._serve(wake)
                    except LostError:
                        if self._outcome is None:
                            self._come_back(wake)
                if isinstance(self._outcome, replies.Released):
                    _drop_keys()
            except UserError:
                _drop_keys()
                raise
            finally:
                self._display.clear()
                self._display.end_line()
        return self._outcome

    @property
    def _outcome(self) -> Outcome | None:
        return Detached() if self._left else self._attachment.outcome

    # --- attached

    def _serve(self, wake: int) -> None:
        """Pass on what comes until there is an outcome.

        Raises:
            LostError: the connection ended.
        """
        link = self._attachment.link
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        self._attachment.begin()
        self._send_unsent()
        while self._outcome is None:
            poll.register(link, select.POLLIN | (select.POLLOUT if link.has_unsent else 0))
            poll.register(terminal.STDIN, 0 if link.is_full else select.POLLIN)
            waited_for = None if self._page is None else self._page.waits_for
            if waited_for is not None:
                poll.register(waited_for, select.POLLIN)
            ready = dict(poll.poll(self._patience_ms()))
            if waited_for is not None:
                poll.unregister(waited_for)
            # The connection first: what is typed after it ended must not be written into it.
            events = ready.get(link.fileno(), 0)
            if events & select.POLLOUT:
                link.flush()
            if events & ~select.POLLOUT:
                link.receive()
                self._attachment.take_received()
            if wake in ready:
                self._take_signals(os.read(wake, 256))
            if terminal.STDIN in ready:
                self._read_keys()
            if waited_for in ready and self._page is not None and self._page.waits_for == waited_for:
                self._page.arrived()
                self._draw_page(self._page)
            self._expire()

    def _patience_ms(self) -> float | None:
        if self._page is not None and self._page.is_busy:
            return 0
        times = [self._questions.due(), self._note_until, self._renew_at]
        if self._keys.holds:
            times.append(self._keys_at + HOLD_S)
        nearest = min((at for at in times if at is not None), default=None)
        return None if nearest is None else max(0.0, (nearest - time.monotonic()) * 1000)

    def _expire(self) -> None:
        now = time.monotonic()
        due = self._questions.due()
        if due is not None and now >= due:
            keys, answers = self._questions.expire(now)
            self._answer(answers)
            self._take_keys(self._keys.receive(keys))
        if self._keys.holds and now >= self._keys_at + HOLD_S:
            self._take_keys(self._keys.flush())
        if self._note_until is not None and now >= self._note_until:
            self._end_note()
        if self._page is not None and self._page.is_busy:
            self._page.work()
            self._draw_page(self._page)
        if self._renew_at is not None and now >= self._renew_at:
            self._renew_at = None
            if self._page is not None:
                self._conclude(self._page.renewal())

    def _take_signals(self, numbers: bytes) -> None:
        if LEAVING.intersection(numbers):
            self._left = True
        elif signal.SIGWINCH in numbers:
            if self._page is not None:
                self._draw_page(self._page)
            elif self._attachment.is_drawn:
                self._attachment.send(requests.Resize(*terminal.size()))
            else:
                self._end_note()

    # --- keys

    def _read_keys(self) -> None:
        data = _read_stdin()
        now = self._keys_at = time.monotonic()
        if not data:
            self._left = True
            return
        keys, answers = self._questions.receive(data, now)
        self._answer(answers)
        self._take_keys(self._keys.receive(keys))

    def _answer(self, answers: Iterable[requests.Answer]) -> None:
        for answer in answers:
            self._attachment.send(answer)

    def _take_keys(self, parts: list[Part]) -> None:
        for number, part in enumerate(parts):
            if self._outcome is not None:
                return
            try:
                self._take_part(part)
            except LostError:
                self._unsent += b"".join(
                    late for late in parts[number:] if isinstance(late, bytes) and self._page is None
                )
                if Command.DETACH in parts[number:]:
                    self._left = True
                raise

    def _take_part(self, part: Part) -> None:
        self._end_note()
        if isinstance(part, Command | Jump):
            self._command(part)
        elif self._page is not None:
            self._give_page(self._page, part)
        elif self._attachment.drives:
            self._attachment.send(requests.Input(part))
        elif not self._has_said_view_only and NOT_TYPED.sub(b"", part):
            self._has_said_view_only = True
            self._note(VIEW_ONLY)

    def _command(self, command: Command | Jump) -> None:
        if command is Command.DETACH:
            self._left = True
        elif command is Command.UNKNOWN:
            self._display.bell()
        else:
            self._do(lambda: perform(command, self._attachment, self._home))

    def _do(self, deed: Callable[[], Page | str | None]) -> None:
        try:
            came_to = deed()
        except UserError as error:
            came_to = error.message
        if isinstance(came_to, str):
            self._note(came_to)
        elif came_to is not None:
            self._open(came_to)
        elif self._page is not None or not self._attachment.is_drawn:
            self._turn_to(None)
            if not self._attachment.is_drawn:
                self._attachment.show()

    # --- what the client itself shows

    def _open(self, page: Page) -> None:
        was_ours = self._page is not None and self._page.cover is Cover.SCREEN
        self._attachment.hold()
        self._turn_to(page)
        self._renew_at = None if page.renewal_s is None else time.monotonic() + page.renewal_s
        self._keystrokes = Keystrokes()
        if page.cover is Cover.LAST_ROW:
            self._display.open_line()
        elif not was_ours:
            self._display.open_page()
        self._draw_page(page)

    def _turn_to(self, page: Page | None) -> None:
        if self._page is not None and self._page is not page:
            self._page.leave()
        self._page = page

    def _draw_page(self, page: Page) -> None:
        self._display.draw(page.draw(*terminal.size()))

    def _give_page(self, page: Page, data: bytes) -> None:
        for key in self._keystrokes.receive(data):
            effect = page.take(key)
            if effect is not None:
                self._conclude(effect)
                return  # what was typed behind it was typed at a page that is gone
        self._draw_page(page)

    def _conclude(self, effect: Effect) -> None:
        self._do(lambda: conclude(effect, self._attachment))

    def _note(self, text: str) -> None:
        self._attachment.hold()
        self._turn_to(None)
        self._display.note(text)
        self._note_until = time.monotonic() + NOTE_S

    def _end_note(self) -> None:
        if self._note_until is not None:
            self._note_until = None
            self._attachment.show()

    # --- lost

    def _come_back(self, wake: int) -> None:
        """Connect again and go on where the output stopped.

        Raises:
            UserError: the daemon said no, or did not come back.
        """
        self._attachment.link.close()
        if self._page is not None or self._note_until is not None:
            self._turn_to(None)
            self._note_until = None
            self._attachment.take_over()
        watch = Watch(wake, self._keep_keys, self._say_lost)
        try:
            client, attached = reattach(self._reconnect, self._attachment.resumption, watch)
        except LeaveError:
            self._left = True
            return
        self._attachment.resume(client, attached)
        if watch.elapsed_s > FORGET_KEYS_S and self._unsent:
            self._unsent = b""
            self._attachment.take_over()
            self._display.note(KEYS_DROPPED)
            self._note_until = time.monotonic() + NOTE_S

    def _say_lost(self) -> None:
        self._attachment.take_over()
        self._display.note(LOST)

    def _send_unsent(self) -> None:
        while self._unsent:
            self._attachment.send(requests.Input(self._unsent[:KEYS_BYTES]))
            self._unsent = self._unsent[KEYS_BYTES:]

    def _keep_keys(self) -> None:
        """Take what is typed while nobody can have it.

        Raises:
            LeaveError: the user wants to leave.
        """
        data = _read_stdin()
        if not data:
            raise LeaveError
        keys, _ = self._questions.receive(data, time.monotonic())
        for part in [*self._keys.receive(keys), *self._keys.flush()]:
            if part is Command.DETACH:
                raise LeaveError
            if isinstance(part, bytes):
                self._unsent += part if self._attachment.drives else b""
            else:
                self._display.bell()


def _drop_keys() -> None:
    """What was typed for the program is for nobody else."""
    with contextlib.suppress(termios.error):  # the window was closed
        termios.tcflush(terminal.STDIN, termios.TCIFLUSH)


def _read_stdin() -> bytes:
    """What was typed; nothing if the window was closed."""
    try:
        return os.read(terminal.STDIN, KEYS_BYTES)
    except OSError:
        return b""
