"""One client's connection: requests, and the session after an Attach.

    Hello ─► Welcome ─► request ─► reply ─► … ─► Attach ─► Attached History Output … ─► Ended | Released

Two tasks: one reads and acts, one sends what the socket did not take at once. The reader never waits for a
send; it waits for the program where the program does not read its input.
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
from cctm.cctmd.history import earlier_output, last_output, shown_history
from cctm.cctmd.requests import answer
from cctm.cctmd.services import RefusedError
from cctm.cctmd.sockets import receive
from cctm.cctmd.terminal import Ending, Terminal
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import VERSION, FrameReader
from cctm.protocol.control.values import Mode, Others, Reason, Rights
from cctm.protocol.errors import MalformedError
from cctm.protocol.keys import ChannelId

RECEIVE_BYTES: Final = 64 * 1024
ID_DIGITS: Final = 64


class Session:
    """One connection; a Viewer of the terminal that it is attached to."""

    def __init__(self, connection: socket.socket, daemon: Daemon) -> None:
        self._socket = connection
        self._daemon = daemon
        self._frames = FrameReader()
        self._terminal: Terminal | None = None
        self._rights = Rights.VIEW
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
        match message:
            case requests.Input(data):
                if self._terminal is not None and self._rights is Rights.DRIVE:
                    self._terminal.input(data)
                    self._daemon.terminals.touch(self._terminal)
                    await self._terminal.pty.room()
            case requests.Resize(cols, rows):
                if self._terminal is not None and self._rights is Rights.DRIVE:
                    self._resize(self._terminal, cols, rows)
            case requests.Detach():
                self._leave()
                self.feed.send(replies.Done())
            case _:
                await self._answer(message)

    async def _answer(self, message: tuple[object, ...]) -> None:
        try:
            if isinstance(message, requests.Hello):
                self._greet(message)
            elif not self._greeted:
                raise MalformedError("no hello")
            elif isinstance(message, requests.Attach):
                await self._attach(message)
            else:
                await self.feed.room()
                for reply in await answer(self._daemon, message):
                    self.feed.send(reply)
        except RefusedError as refused:
            self.feed.send(replies.Refused(refused.reason, refused.what, refused.advice))

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
        if self._terminal is not None:
            raise RefusedError(Reason.FAILED, "This connection is attached already.", "Use another.")
        if not (1 <= request.cols <= 65535 and 1 <= request.rows <= 65535):
            raise RefusedError(
                Reason.FAILED, "A terminal has 1 to 65535 columns and rows.", "Choose another size."
            )
        point_to_agent(self._daemon.home, request.ssh_auth_sock)
        terminals = self._daemon.terminals
        if request.target:
            channel = terminals.find(request.target)
            if len(request.target) == ID_DIGITS and channel not in {one.channel for one in terminals.alive()}:
                await self._show_ended(channel, request)
                return
            terminal = terminals.find_alive(request.target)
        else:
            terminal = terminals.waiting()
        await earlier_output(self._daemon, terminal, request.resume, request.history_bytes)
        if terminal.ending is not None:
            await self._show_ended(terminal.channel, request)
            return
        self._begin(terminal, request)

    def _begin(self, terminal: Terminal, request: requests.Attach) -> None:
        if request.others == Others.DETACH:
            for viewer in list(terminal.viewers):
                viewer.release("another client attached with -d")
        recent = terminal.recent
        resumes = request.resume is not None and request.resume >= recent.base
        offset = request.resume if resumes and request.resume is not None else recent.end
        self._terminal = terminal
        self._rights = Rights(request.rights) if request.rights in set(Rights) else Rights.VIEW
        self.feed.send(
            replies.Attached(terminal.channel, terminal.name, *terminal.size, offset, Mode.RAW, self._rights)
        )
        alternate = False
        if not resumes:
            history, alternate = shown_history(recent, request.history_bytes)
            self.feed.send(replies.History(history))
        if terminal.held:
            self.feed.send(replies.Notice(1, f"Recording waits: {terminal.held}."))
        self.feed.follow(recent, offset)
        terminal.join(self)
        if self._rights is Rights.DRIVE:
            before = terminal.size
            self._resize(terminal, request.cols, request.rows)
            if alternate and before == terminal.size:
                terminal.nudge()

    def _resize(self, terminal: Terminal, cols: int, rows: int) -> None:
        if 1 <= cols <= 65535 and 1 <= rows <= 65535:
            terminal.resize(cols, rows, by=self)
            self._daemon.terminals.touch(terminal)

    async def _show_ended(self, channel: ChannelId, request: requests.Attach) -> None:
        """The terminal of a known id has ended: its last output, and how it ended."""
        last = await last_output(self._daemon, channel, request.history_bytes)
        self.feed.send(
            replies.Attached(channel, last.name, request.cols, request.rows, last.end, Mode.RAW, Rights.VIEW)
        )
        self.feed.send(replies.History(last.output))
        self.feed.send(replies.Ended(last.how, last.code))

    # --- Viewer

    def terminal_ended(self, ending: Ending) -> None:
        """Send the rest, then how it ended."""
        self._terminal = None
        self.feed.send_after_output(replies.Ended(ending.how, ending.code))

    def release(self, why: str) -> None:
        """End the session; the terminal goes on."""
        self._leave()
        self.feed.send(replies.Released(why))

    def _leave(self) -> None:
        if self._terminal is not None:
            self._terminal.leave(self)
            self._terminal = None
            self.feed.unfollow()
