"""An attached session, with a window and a daemon of the test's own: what came is there before the session looks."""

import contextlib
import os
import pty
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import pytest

from cctm.cli import reconnecting, terminal
from cctm.cli import session as session_module
from cctm.cli.attachment import attach_request
from cctm.cli.client import Client, DaemonGoneError, RefusedError
from cctm.cli.doing import NO_OTHER
from cctm.cli.pages.here import HerePage
from cctm.cli.session import KEYS_DROPPED, VIEW_ONLY, Detached, Session
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import FrameReader, encode_message
from cctm.protocol.control.values import Mode, Others, Reason, Rights
from machine import DEADLINE_S

CHANNEL = bytes(range(32))
ATTACHED = replies.Attached(CHANNEL, "work", 80, 24, 100, Mode.RAW, Rights.DRIVE)
ENDED = replies.Ended(0, 3)


@dataclass
class Window:
    """A terminal emulator: the session has its other side as keyboard and screen."""

    master: int
    received: bytes = b""

    def type(self, keys):
        os.write(self.master, keys)

    def shows(self, wanted):
        """What is shown up to the end of *wanted*, once the kernel has brought that."""
        end = time.monotonic() + DEADLINE_S
        while wanted not in self.received:
            assert select.select([self.master], [], [], end - time.monotonic())[0], self.received
            self.received += os.read(self.master, 65536)
        return self.received[: self.received.index(wanted) + len(wanted)]


@pytest.fixture
def window(monkeypatch):
    master, slave = pty.openpty()
    monkeypatch.setattr(terminal, "STDIN", slave)
    monkeypatch.setattr(terminal, "STDOUT", slave)
    yield Window(master)
    os.close(slave)
    os.close(master)


@pytest.fixture(autouse=True)
def closed():
    yield
    while Daemon.all:
        Daemon.all.pop().close()


class Daemon:
    """The other end of one connection, which has said all that it will say."""

    all: ClassVar[list["Daemon"]] = []

    def __init__(self, *messages, hangs_up=False):
        self.all.append(self)
        ours, self.socket = socket.socketpair()
        self.client = Client(ours)
        self.socket.sendall(b"".join(map(encode_message, messages)))
        self._frames = FrameReader()
        self._messages = []
        if hangs_up:
            self.socket.shutdown(socket.SHUT_WR)

    def say(self, *messages):
        self.socket.sendall(b"".join(map(encode_message, messages)))

    def hear(self):
        """The next message from the session; None, once it has closed the connection."""
        self.socket.settimeout(DEADLINE_S)
        while not self._messages:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._messages += self._frames.receive_untrusted(data)
        return self._messages.pop(0)

    def heard(self):
        self.client.close()
        data = b"".join(iter(lambda: self.socket.recv(65536), b""))
        return list(FrameReader().receive_untrusted(data))

    def close(self):
        self.client.close()
        self.socket.close()


def attached(daemon, *reconnections, rights=Rights.DRIVE):
    """A session with *daemon*; each of *reconnections* is called when it connects again."""
    left = list(reconnections)
    request = attach_request("work", rights, Others.DETACH)
    attached = ATTACHED._replace(rights=rights)
    return Session(
        daemon.client, request, attached, Home.locate({"CCTM_HOME": "/nowhere"}), lambda _wait: left.pop(0)()
    )


def gone():
    raise DaemonGoneError


def test_a_page_that_grows_old_is_brought_up_to_date_until_it_is_closed(window, monkeypatch):
    monkeypatch.setattr(HerePage, "renewal_s", 0.001)
    daemon = Daemon()
    session = attached(daemon)
    window.type(b"\x02i")
    host = replies.PersonRow(b"", "me", 3, b"", 0, None, None)

    def answer():
        labels = ["first", "second", "third"]
        while (heard := daemon.hear()) is not None:
            if not isinstance(heard, requests.AskClients):
                continue
            label = labels.pop(0) if labels else "fourth"  # it asks until it is closed
            guest = replies.PersonRow(b"\1" * 32, label, 2, b"", 0, None, None)
            daemon.say(replies.Clients([]), replies.Presence([host, guest], b"", None))
            if label != "fourth":
                window.shows(label.encode())
            if label == "third":
                window.type(b"q\x02d")

    thread = threading.Thread(target=answer)
    thread.start()
    assert session.run() == Detached()
    daemon.client.close()
    thread.join()


def test_what_the_daemon_says_is_shown_and_known(window):
    daemon = Daemon(
        replies.History(b"past "),
        replies.Output(100, b"now "),
        replies.NameChanged("better"),
        replies.FloorHeld(None),
        ENDED,
    )
    session = attached(daemon)
    assert session.run() == ENDED
    assert session.name == "better"
    assert window.shows(b"now ").startswith(b"past now ")
    assert daemon.heard() == []


def test_a_session_that_is_let_go_says_why(window):
    daemon = Daemon(replies.Output(100, b"\x1b[?2004h"), replies.Released("another client"))
    assert attached(daemon).run() == replies.Released("another client")
    assert window.shows(b"\x1b[?2004l")


def test_a_repaint_undoes_the_modes_of_what_was_drawn_before(window):
    daemon = Daemon(
        replies.Output(100, b"\x1b[?1000h\x1b[3"),
        replies.Repaint(Mode.PAINTED),
        replies.Painted(b"\x1b[?1004hnew"),
        ENDED,
    )
    attached(daemon).run()
    shown = window.shows(b"\x1b[?1004l")
    assert b"\x1b[3\x1b\\" in shown
    assert b"\x1b[?1000l" in shown.partition(b"new")[0]
    assert b"\x1b[?1000l" not in shown.partition(b"new")[2]


def test_keys_go_to_the_program_and_prefixed_ones_to_us(window):
    daemon = Daemon()
    session = attached(daemon)
    window.type(b"ls\x02?any\x02z\x02\x02\x02d")
    assert session.run() == Detached()
    heard = daemon.heard()
    typed = b"".join(message.data for message in heard if isinstance(message, requests.Input))
    assert typed == b"ls\x02"
    assert [type(message) for message in heard] == [
        requests.Input,
        requests.Hold,
        requests.Show,
        requests.Input,
    ]
    assert b"detach: leave it running" in window.shows(b"\a")


def test_what_is_drawn_while_a_page_is_open_is_void_until_everything_is_drawn_again(window):
    daemon = Daemon()
    session = attached(daemon)
    window.type(b"\x02?")

    def draw_below_the_page():
        window.shows(b"any key: back")
        daemon.say(replies.Output(100, b"below"), replies.Repaint(Mode.RAW), replies.Painted(b"below"))
        window.type(b"q")
        assert isinstance(daemon.hear(), requests.Hold)
        assert isinstance(daemon.hear(), requests.Show)
        daemon.say(
            replies.Output(105, b"late"), replies.Repaint(Mode.RAW), replies.Painted(b"everything"), ENDED
        )

    thread = threading.Thread(target=draw_below_the_page)
    thread.start()
    assert session.run() == ENDED
    thread.join()
    shown = window.shows(b"everything")
    assert b"below" not in shown
    assert b"late" not in shown
    assert b"\x1b[?1049l" in shown


def test_who_only_watches_types_nothing_and_is_told_once(window):
    daemon = Daemon()
    session = attached(daemon, rights=Rights.VIEW)
    window.type(b"\x1b[I\x02z\x1b[Ils\x02z\r\x02d")
    assert session.run() == Detached()
    assert not [message for message in daemon.heard() if isinstance(message, requests.Input)]
    shown = window.shows(b"\x1b[J")
    assert shown.count(VIEW_ONLY.encode()) == 1
    assert VIEW_ONLY.encode() not in shown.partition(b"\a")[0]


def test_the_terminal_is_asked_and_its_answer_is_no_key(window):
    daemon = Daemon(replies.Query(7, b"\x1b]11;?\x07"))
    session = attached(daemon)

    def answer():
        window.shows(b"\x1b]11;?\x07\x1b[c")
        window.type(b"a\x1b]11;rgb:0/0/0\x07\x1b[?62cb\x02d")

    thread = threading.Thread(target=answer)
    thread.start()
    assert session.run() == Detached()
    thread.join()
    heard = daemon.heard()
    assert requests.Answer(7, b"\x1b]11;rgb:0/0/0\x07") in heard
    assert b"".join(message.data for message in heard if isinstance(message, requests.Input)) == b"ab"


def test_a_lone_escape_reaches_the_program(window):
    daemon = Daemon()
    session = attached(daemon)
    window.type(b"\x1b")

    def leave():
        assert daemon.hear() == requests.Input(b"\x1b")
        window.type(b"\x02d")

    thread = threading.Thread(target=leave)
    thread.start()
    assert session.run() == Detached()
    thread.join()


def test_what_cannot_be_done_is_said_and_the_screen_drawn_again(window):
    daemon = Daemon(replies.Listing([], False))
    session = attached(daemon)
    window.type(b"\x02n\x02d")
    assert session.run() == Detached()
    assert window.shows(NO_OTHER.encode())
    assert [type(message) for message in daemon.heard()] == [requests.List, requests.Hold, requests.Show]


def test_another_answer_than_the_one_that_is_due_is_said_over_the_screen(window):
    daemon = Daemon(replies.Done())
    session = attached(daemon)
    window.type(b"\x02n\x02d")
    assert session.run() == Detached()
    assert window.shows(b"answered Done where Listing was due")


def test_a_lost_connection_is_made_again_where_the_output_stopped(window):
    first = Daemon(replies.Output(100, b"12345"), hangs_up=True)
    second = Daemon(ATTACHED._replace(offset=105), replies.Output(105, b"6"), ENDED)
    session = attached(first, lambda: second.client)
    assert session.run() == ENDED
    assert window.shows(b"6") == b"123456"
    (request,) = second.heard()
    assert (request.target, request.resume, request.others) == (CHANNEL.hex(), 105, Others.KEEP)


def test_keys_typed_while_there_is_no_connection_reach_the_program_once(window):
    second = Daemon(ATTACHED, replies.Output(100, b"x"))

    def typing():
        window.type(b"early")
        raise DaemonGoneError

    def back():
        window.type(b"\x02d")
        return second.client

    session = attached(Daemon(hangs_up=True), typing, gone, back)
    assert session.run() == Detached()
    inputs = [message.data for message in second.heard() if isinstance(message, requests.Input)]
    assert inputs == [b"early"]


def test_keys_typed_too_long_before_the_daemon_is_back_are_dropped(window, monkeypatch):
    monkeypatch.setattr(session_module, "FORGET_KEYS_S", -1.0)
    second = Daemon(ATTACHED, ENDED)

    def typing():
        window.type(b"late")
        raise DaemonGoneError

    assert attached(Daemon(hangs_up=True), typing, lambda: second.client).run() == ENDED
    assert [type(message) for message in second.heard()] == [requests.Attach]
    assert window.shows(KEYS_DROPPED.encode())


def test_a_refusal_ends_the_session_and_restores_the_window(window):
    second = Daemon(replies.Refused(Reason.NO_SUCH_TERMINAL, "It is gone.", "See `cctm ls`."))
    first = Daemon(replies.Output(100, b"\x1b[?2004h"), hangs_up=True)
    with pytest.raises(RefusedError, match="It is gone"):
        attached(first, lambda: second.client).run()
    assert window.shows(b"\x1b[?2004l")


def test_a_daemon_that_does_not_come_back_in_time_ends_the_session(window, monkeypatch):
    monkeypatch.setattr(reconnecting, "RECONNECT_S", -1.0)
    with pytest.raises(DaemonGoneError):
        attached(Daemon(hangs_up=True), gone).run()


def test_who_waits_for_the_daemon_can_leave(window):
    def leaving():
        window.type(b"ls\x02d")
        raise DaemonGoneError

    assert attached(Daemon(hangs_up=True), leaving).run() == Detached()


def test_a_window_that_closes_ends_the_session_whatever_it_waits_for(monkeypatch):
    reader, writer = os.pipe()
    monkeypatch.setattr(terminal, "raw", contextlib.nullcontext)
    monkeypatch.setattr(terminal, "STDIN", reader)
    monkeypatch.setattr(terminal, "write", lambda _data: None)
    os.close(writer)
    daemon = Daemon()
    assert attached(daemon).run() == Detached()
    assert attached(Daemon(hangs_up=True), gone).run() == Detached()
    os.close(reader)
