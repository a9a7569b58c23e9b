"""One client's connection: requests, and the session after an Attach.

    Hello ─► Welcome ─► request ─► reply ─► … ─► Attach ─► Attached, a View draws … ─► Ended | Released | Done

Two tasks: one reads and acts, one sends what the socket did not take at once. The reader never waits for a
send; it waits for the program where the program does not read its input, unless the client has gone.
"""

import contextlib
import os
import socket
from typing import Final

import trio

from cctm import __version__
from cctm.cctmd.agent import point_to_agent
from cctm.cctmd.daemon import Daemon
from cctm.cctmd.feed import Feed
from cctm.cctmd.history import history_of, last_output
from cctm.cctmd.requests import Reply, answer
from cctm.cctmd.resizing import Resizing
from cctm.cctmd.services import RefusedError
from cctm.cctmd.sockets import hung_up, receive
from cctm.cctmd.stage import Stage
from cctm.cctmd.view import View
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import MAX_FRAME, VERSION, FrameReader
from cctm.protocol.control.values import FloorAction, Mode, Others, Reason, Rights
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.keys import ChannelId
from cctm.screen.fold import within_limits
from cctm.screen.title import without_controls

RECEIVE_BYTES: Final = 64 * 1024
ID_DIGITS: Final = 64
MAX_CELLS: Final = 65535
MAX_TERM: Final = 64
MAX_SENTENCE: Final = 4096  # it may quote what the client said
HANG_UP_S: Final = 0.2  # between two looks whether a client that waits for a program is still there
AHEAD_BYTES: Final = 4 * 1024 * 1024  # that a client may have seen of what the keeper will send again


class Session:
    """One connection, and its view of the terminal that it is attached to."""

    def __init__(self, connection: socket.socket, daemon: Daemon) -> None:
        self._socket = connection
        self._daemon = daemon
        self._frames = FrameReader()
        self._view: View | None = None
        self._resizing = Resizing(daemon.frames, self._fit)
        self._greeted = False
        self.feed = Feed(connection)

    async def run(self) -> None:
        """Serve until the client leaves or breaks the protocol."""
        self._daemon.sessions.add(self)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.feed.run)
                with contextlib.suppress(MalformedError):
                    await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._daemon.sessions.discard(self)
            self._leave()
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    async def _read(self) -> None:
        # To the end, also when nothing can be sent any more: what was typed before leaving counts.
        while True:
            data = await receive(self._socket, RECEIVE_BYTES)
            if not data:
                return
            for message in self._frames.receive_untrusted(data):
                await self._take(message)

    async def _take(self, message: tuple[object, ...]) -> None:
        view = self._view
        match message:
            case requests.Input(data):
                if view is not None and view.drives:
                    await self._type(view, data)
                elif view is not None:
                    view.say("You only watch here: what you type goes nowhere.")
            case requests.Resize(cols, rows):
                if view is not None and _is_size(cols, rows):
                    self._resizing.offer(within_limits(cols, rows))
            case requests.Hold():
                if view is not None:
                    view.hold()
            case requests.Show(cols, rows):
                if view is not None and _is_size(cols, rows):
                    window = within_limits(cols, rows)
                    self._resizing.offer(window)
                    view.show(window)
            case requests.Answer(number, data):
                if view is not None:
                    view.stage.answered(view, number, data)
            case requests.Detach():
                self._leave()
                await self.feed.room()
                self.feed.send(replies.Done())
            case _:
                await self._answer(message)

    async def _type(self, view: View, data: bytes) -> None:
        stage = view.stage
        # Before writing: what comes behind these keys, such as Detach, is read while they wait for the program.
        while view is self._view and not stage.has_room and not hung_up(self._socket):
            with trio.move_on_after(HANG_UP_S):
                await stage.room()
        if view is not self._view:
            return
        stage.typed(view, data, self._daemon.services.clock.now_us())

    def _fit(self, window: tuple[int, int]) -> None:
        """The client's window has another size."""
        if self._view is not None:
            self._view.resize(window)
            self._claim(self._view, window)

    def _claim(self, view: View, window: tuple[int, int]) -> None:
        """Whoever drives and was here last decides how large the terminal is."""
        if view.drives:
            view.stage.claim(view, window, self._daemon.services.clock.now_us())

    async def _answer(self, message: tuple[object, ...]) -> None:
        await self.feed.room()
        try:
            if isinstance(message, requests.Hello):
                self._greet(message)
            elif not self._greeted:
                raise MalformedError("no hello")
            elif isinstance(message, requests.Attach):
                await self._attach(message)
            elif isinstance(message, requests.Floor) and self._view is not None:
                self._view.stage.floor(_action(message.action), message.who)
                self._reply([replies.Done()])
            else:
                self._reply(await answer(self._daemon, message))
        except RefusedError as refused:
            sentences = refused.what[:MAX_SENTENCE], refused.advice[:MAX_SENTENCE]
            self.feed.send(replies.Refused(refused.reason, *sentences))

    def _reply(self, answers: list[Reply]) -> None:
        try:
            self.feed.send(*answers)
        except LocalError as error:
            raise RefusedError(
                Reason.FAILED,
                f"The answer is longer than the {MAX_FRAME >> 10} KiB that a message may have.",
                "Ask for less.",
            ) from error

    def _greet(self, hello: requests.Hello) -> None:
        if hello.version != VERSION:
            raise RefusedError(
                Reason.VERSION,
                f"The daemon speaks version {VERSION} of the control protocol, this command version {hello.version}.",
                "Use one version of cctm for both; `cctm daemon restart` starts the installed one.",
            )
        self._greeted = True
        self.feed.send(replies.Welcome(VERSION, __version__, os.getpid()))

    # --- attaching

    async def _attach(self, request: requests.Attach) -> None:
        if self._view is not None:
            raise RefusedError(Reason.FAILED, "This connection is attached already.", "Use another.")
        if not _is_size(request.cols, request.rows):
            raise RefusedError(
                Reason.FAILED, "A terminal has 1 to 65535 columns and rows.", "Choose another size."
            )
        point_to_agent(self._daemon.home, request.ssh_auth_sock)
        terminals = self._daemon.terminals
        terminal: Stage
        if request.target:
            channel = terminals.find(request.target)
            alive = {one.channel for one in terminals.alive()} | set(terminals.joined)
            if len(request.target) == ID_DIGITS and channel not in alive:
                await self._show_ended(channel, request)
                return
            terminal = terminals.find_stage(request.target)
        else:
            terminal = terminals.waiting()
        history = await history_of(self._daemon, terminal, request)
        await terminal.shown.found()
        if terminal.ending is not None:
            await self._show_ended(terminal.channel, request)
        elif not hung_up(
            self._socket
        ):  # nobody is detached, and nothing resized, for one who has gone meanwhile
            self._begin(terminal, request, history)

    def _begin(self, terminal: Stage, request: requests.Attach, history: bytes) -> None:
        if request.others == Others.DETACH:
            for viewer in list(terminal.viewers):
                viewer.release("another client attached with -d")
        window = within_limits(request.cols, request.rows)
        view = self._view = View(
            self.feed,
            terminal,
            self._daemon.frames,
            self._daemon.services.nursery,
            window=window,
            wanted=Mode(request.mode) if request.mode in set(Mode) else Mode.AUTO,
            rights=Rights(request.rights) if request.rights in set(Rights) else Rights.VIEW,
            term=without_controls(request.term[:MAX_TERM]),
            on_over=self._over,
        )
        terminal.join(view)
        self._claim(view, window)
        recent = terminal.recent
        resumes = (
            request.resume is not None
            and recent.base <= request.resume <= recent.end + AHEAD_BYTES
            and view.can_resume
        )
        offset = request.resume if resumes and request.resume is not None else recent.end
        mode = view.mode_now
        self.feed.send(
            replies.Attached(terminal.channel, terminal.name, *terminal.size, offset, mode, view.rights)
        )
        if terminal.held:
            view.say(f"Recording waits: {terminal.held}.")
        if resumes:
            view.resume(offset)
        else:
            view.begin(history)
            if terminal.greeting:
                view.say(terminal.greeting)

    async def _show_ended(self, channel: ChannelId, request: requests.Attach) -> None:
        """The terminal of a known id has ended: its last output, and how it ended."""
        last = await last_output(self._daemon, channel, request.history_bytes)
        self.feed.send(
            replies.Attached(channel, last.name, request.cols, request.rows, last.end, Mode.RAW, Rights.VIEW)
        )
        self.feed.send(replies.History(last.output))
        self.feed.send(replies.Ended(last.how, last.code))

    def release(self, why: str) -> None:
        """End the session; the terminal goes on."""
        if self._view is not None:
            self._view.release(why)

    def _over(self) -> None:
        """The view has ended."""
        self._view = None
        self._resizing.forget()

    def _leave(self) -> None:
        self._resizing.frame()
        if self._view is not None:
            self._view.leave()


def _action(number: int) -> FloorAction:
    if number not in set(FloorAction):
        raise RefusedError(
            Reason.FAILED, "The keyboard is asked for, granted or given back.", "Upgrade cctm."
        )
    return FloorAction(number)


def _is_size(cols: int, rows: int) -> bool:
    return 1 <= cols <= MAX_CELLS and 1 <= rows <= MAX_CELLS
