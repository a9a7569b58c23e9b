r"""Attachment: one terminal on the user's screen, and what is asked of the daemon meanwhile.

    DRAWN  ──hold: Hold──► OURS ──show: Show──► AWAITED ──Repaint──► DRAWN
                                                AWAITED also after attaching again or to another terminal

Invariants: the daemon's bytes are written only while DRAWN (and History, which comes before the first Repaint);
whatever comes before a Repaint that is AWAITED is void, for that draws everything. Requests are answered in order.
"""

import os
import time
from collections import deque
from enum import Enum, auto
from typing import Final, TypeVar

from cctm.cli import terminal
from cctm.cli.client import Client, RefusedError, due_reply
from cctm.cli.display import Display
from cctm.cli.link import Link
from cctm.cli.questions import Questions
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Row
from cctm.protocol.control.values import Mode, Others, Rights

ReplyT = TypeVar("ReplyT", bound=tuple[object, ...])

HISTORY_BYTES: Final = 32 * 1024
REPLY_S: Final = 5.0
REPLIES: Final = (
    replies.Refused,
    replies.Done,
    replies.Created,
    replies.Listing,
    replies.Attached,
    replies.Status,
    replies.Clients,
    replies.Screen,
    replies.Link,
    replies.Presence,
    replies.Shares,
)


class Drawer(Enum):
    """Who draws on the user's screen."""

    DRAWN = auto()
    OURS = auto()
    AWAITED = auto()


def outer() -> str:
    """The id of the terminal that this process runs in, which must not be shown in itself; empty if none."""
    return os.environ.get("CCTM_TERMINAL", "")


def attach_request(
    target: str, rights: Rights = Rights.DRIVE, others: Others = Others.KEEP, mode: Mode = Mode.AUTO
) -> requests.Attach:
    """An Attach with this terminal's size, and the SSH agent of whoever attaches."""
    cols, rows = terminal.size()
    return requests.Attach(
        target=target,
        cols=cols,
        rows=rows,
        term=os.environ.get("TERM", ""),
        mode=mode,
        rights=rights,
        others=others,
        resume=None,
        history_bytes=HISTORY_BYTES,
        ssh_auth_sock=os.environb.get(b"SSH_AUTH_SOCK"),
    )


class Attachment:
    """What this process is attached to."""

    def __init__(
        self,
        client: Client,
        request: requests.Attach,
        attached: replies.Attached,
        display: Display,
        questions: Questions,
    ) -> None:
        self._link = Link(client)
        self._request = request
        self._attached = attached
        self._display = display
        self._questions = questions
        self._offset = attached.offset
        self._drawer = Drawer.DRAWN
        self._replies: deque[tuple[object, ...]] = deque()
        self.last: bytes | None = None  # the terminal that was shown before
        self.outcome: replies.Ended | replies.Released | None = None

    @property
    def link(self) -> Link:
        """The connection."""
        return self._link

    @property
    def name(self) -> str:
        """The terminal's name, as far as this client has heard."""
        return self._attached.name

    @property
    def channel(self) -> bytes:
        """The terminal's id."""
        return self._attached.channel

    @property
    def target(self) -> str:
        """What to call it in requests: names change, and may be another's by then."""
        return self._attached.channel.hex()

    @property
    def drives(self) -> bool:
        """Whether keys reach the program."""
        return self._attached.rights == Rights.DRIVE

    @property
    def is_drawn(self) -> bool:
        """Whether the daemon draws, or is about to."""
        return self._drawer is not Drawer.OURS

    # --- what the daemon says

    def take_received(self) -> None:
        """Act on all that came."""
        while (message := self._link.next_received()) is not None:
            self._take(message)

    def _take(self, message: tuple[object, ...]) -> None:
        match message:
            case replies.Output(offset, data):
                self._offset = offset + len(data)
                self._draw(data)
            case replies.Painted(data):
                self._draw(data)
            case replies.History(data):
                if self.is_drawn:
                    self._display.draw(data)
            case replies.Repaint():
                if self.is_drawn:
                    self._drawer = Drawer.DRAWN
                    self._display.clear()
            case replies.Query():
                question = self._questions.ask(message, time.monotonic())
                if question:
                    self._display.ask(question)
            case replies.NameChanged(name):
                self._attached = self._attached._replace(name=name)
            case replies.Ended() | replies.Released():
                self.outcome = message
            case _ if isinstance(message, REPLIES):
                self._replies.append(message)
            case _:
                return  # of shared sessions

    def _draw(self, data: bytes) -> None:
        if self._drawer is Drawer.DRAWN:
            self._display.draw(data)

    # --- who draws

    def hold(self) -> None:
        """From here on the user's screen is ours.

        Raises:
            LostError: as all that talks to the daemon.
        """
        if self.is_drawn:
            self._drawer = Drawer.OURS
            self._link.send(requests.Hold())

    def take_over(self) -> None:
        """There is no daemon: the user's screen is ours, until it is back."""
        self._drawer = Drawer.OURS

    def show(self) -> None:
        """Have the daemon draw everything."""
        self._drawer = Drawer.AWAITED
        self._link.send(requests.Show(*terminal.size()))

    # --- what is asked of it

    def send(self, message: tuple[object, ...]) -> None:
        """Send what has no answer."""
        self._link.send(message)

    def ask(self, request: tuple[object, ...], expected: type[ReplyT]) -> ReplyT:
        """Send *request* and wait for its reply; whatever else comes meanwhile is acted on.

        Raises:
            RefusedError: the daemon said no.
            LostError: it is gone, or as good as that.
        """
        self._link.send(request)
        return self._next_reply(expected)

    def _next_reply(self, expected: type[ReplyT]) -> ReplyT:
        deadline = time.monotonic() + REPLY_S
        while not self._replies:
            self._link.wait(deadline)
            self.take_received()
        return due_reply(self._replies.popleft(), expected)

    def running(self) -> list[Row]:
        """The terminals that run, as they are listed, but for the one that this process runs in."""
        self._link.send(requests.List(time.time_ns() // 1000))
        rows: list[Row] = []
        while True:
            part = self._next_reply(replies.Listing)
            rows += [row for row in part.rows if row.running and row.channel.hex() != outer()]
            if not part.more:
                return rows

    def switch(self, channel: bytes) -> None:
        """Show another terminal instead. If that cannot be, this one is shown again.

        Raises:
            UserError: why it cannot be.
        """
        before = self.channel
        self._drawer = Drawer.AWAITED
        self.ask(requests.Detach(), replies.Done)
        if self.outcome is not None:
            return
        try:
            self._attach(channel)
        except RefusedError:
            self._attach(before)
            raise
        if channel != before:
            self.last = before

    def _attach(self, channel: bytes) -> None:
        request = attach_request(channel.hex(), Rights(self._request.rights), mode=Mode(self._request.mode))
        self._attached = self.ask(request._replace(history_bytes=0), replies.Attached)
        self._offset = self._attached.offset

    # --- a lost connection

    def resumption(self) -> requests.Attach:
        """An Attach that goes on where the output stopped."""
        request = attach_request(self.target, Rights(self._request.rights), mode=Mode(self._request.mode))
        # Those who came meanwhile are not those whom `-d` meant.
        return request._replace(others=Others.KEEP, resume=self._offset, history_bytes=0)

    def resume(self, client: Client, attached: replies.Attached) -> None:
        """From here on everything goes over another connection; `begin` goes on."""
        self._link = Link(client)
        self._attached = attached
        self._offset = attached.offset
        self._replies.clear()
        self._questions.forget()
        if self._drawer is Drawer.OURS:
            self._drawer = Drawer.AWAITED

    def begin(self) -> None:
        """Begin to draw: where the output stopped; everything, if the screen is not as it was then."""
        if self._drawer is Drawer.AWAITED:
            self.show()
        self.take_received()
