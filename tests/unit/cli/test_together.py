"""What keys and pages of a shared terminal ask of the daemon, and what they come to."""

import socket

import pytest

from cctm.cli.attachment import Attachment
from cctm.cli.client import Client, RefusedError
from cctm.cli.display import Display
from cctm.cli.doing import conclude, perform
from cctm.cli.errors import UserError
from cctm.cli.keys import Command
from cctm.cli.pages.effects import Throw
from cctm.cli.pages.here import HerePage
from cctm.cli.pages.keyboard import KeyboardPage
from cctm.cli.pages.links import LinkPage, LinksPage
from cctm.cli.pages.prompt import Question
from cctm.cli.pages.together import (
    AskKick,
    AskRevoke,
    Here,
    Keyboard,
    Kick,
    Links,
    MakeLink,
    Pass,
    Revoke,
    ShowLink,
)
from cctm.cli.questions import Questions
from cctm.cli.together import NO_ADDRESS, NOT_SHARED
from cctm.cli.words import SEEN
from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import FrameReader, encode_message
from cctm.protocol.control.replies import PersonRow, Presence
from cctm.protocol.control.values import FloorAction, Mode, Reason, Rights
from control_messages import LINK

CHANNEL = bytes(range(32))
TARGET = CHANNEL.hex()
ANA = b"\xa0" * 32
HOST = PersonRow(b"", "me", Role.OWNER, b"", 0, None, None)
PEOPLE = Presence([HOST, PersonRow(ANA, "ana", Role.DRIVER, b"", 0, None, None)], b"", b"")
NOBODY_HERE = Presence([], b"", None)
CLIENTS = replies.Clients([[0, 80, 24, Mode.RAW, Rights.DRIVE, "xterm", 0]])
SHARES = replies.Shares([LINK])
DONE = replies.Done()
NOT_YET = replies.Refused(Reason.NOT_YET, "This daemon cannot do that.", "Upgrade it.")
ASK_CLIENTS, ASK_PEOPLE, ASK_SHARES = (
    request(TARGET) for request in (requests.AskClients, requests.AskPeople, requests.AskShares)
)


class Daemon:
    """The other end of a connection, which has given its replies already."""

    def __init__(self, *messages):
        ours, self.socket = socket.socketpair()
        self.client = Client(ours)
        self.socket.sendall(b"".join(map(encode_message, messages)))
        attached = replies.Attached(CHANNEL, "work", 80, 24, 0, Mode.RAW, Rights.DRIVE)
        request = requests.Attach("work", 80, 24, "xterm", 0, 0, 0, None, 0, None)
        self.attachment = Attachment(self.client, request, attached, Display(), Questions())

    def heard(self):
        self.client.close()
        data = b"".join(iter(lambda: self.socket.recv(65536), b""))
        self.socket.close()
        return list(FrameReader().receive_untrusted(data))


@pytest.mark.parametrize(
    ("command", "answers", "asked", "page"),
    [
        (Command.CLIENTS, (CLIENTS, PEOPLE), [ASK_CLIENTS, ASK_PEOPLE], HerePage),
        (Command.CLIENTS, (CLIENTS, NOT_YET), [ASK_CLIENTS, ASK_PEOPLE], HerePage),
        (Command.SHARE, (SHARES,), [ASK_SHARES], LinksPage),
        (Command.CONTROL, (PEOPLE,), [ASK_PEOPLE], KeyboardPage),
    ],
)
def test_a_key_opens_its_page(command, answers, asked, page):
    daemon = Daemon(*answers)
    assert isinstance(perform(command, daemon.attachment, None), page)
    assert daemon.heard() == asked


@pytest.mark.parametrize("answer", [NOBODY_HERE, NOT_YET])
def test_of_what_is_not_shared_nobody_asks_for_the_keyboard(answer):
    daemon = Daemon(answer)
    assert perform(Command.CONTROL, daemon.attachment, None) == NOT_SHARED
    assert daemon.heard() == [ASK_PEOPLE]


@pytest.mark.parametrize(
    ("effect", "answers", "asked", "comes_to"),
    [
        (Here(1), (CLIENTS, PEOPLE), [ASK_CLIENTS, ASK_PEOPLE], HerePage),
        (
            Throw(0),
            (DONE, CLIENTS, PEOPLE),
            [requests.DetachClient(TARGET, 0), ASK_CLIENTS, ASK_PEOPLE],
            HerePage,
        ),
        (Kick(ANA), (DONE,), [requests.Kick(TARGET, ANA, "")], f"Removed. {SEEN}"),
        (Links(), (SHARES,), [ASK_SHARES], LinksPage),
        (
            MakeLink(Role.DRIVER),
            (replies.Link(LINK.url),),
            [requests.Share(TARGET, Role.DRIVER, False, False, None)],
            LinkPage,
        ),
        (ShowLink(LINK), (), [], LinkPage),
        (ShowLink(LINK._replace(url="")), (), [], NO_ADDRESS),
        (Revoke(LINK.link), (DONE, SHARES), [requests.Unshare(TARGET, LINK.link), ASK_SHARES], LinksPage),
        (Keyboard(1), (PEOPLE,), [ASK_PEOPLE], KeyboardPage),
        (
            Pass(FloorAction.GRANT, ANA),
            (DONE,),
            [requests.Floor(FloorAction.GRANT, ANA)],
            "The keyboard was passed on.",
        ),
        (
            Pass(FloorAction.GRANT),
            (DONE,),
            [requests.Floor(FloorAction.GRANT, b"")],
            "You have the keyboard.",
        ),
        (
            Pass(FloorAction.REQUEST),
            (DONE,),
            [requests.Floor(FloorAction.REQUEST, b"")],
            "You asked for the keyboard.",
        ),
        (
            Pass(FloorAction.RELEASE),
            (DONE,),
            [requests.Floor(FloorAction.RELEASE, b"")],
            "You gave the keyboard back.",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_page_comes_to_is_done(effect, answers, asked, comes_to):
    daemon = Daemon(*answers)
    found = conclude(effect, daemon.attachment)
    assert found == comes_to if isinstance(comes_to, str) else isinstance(found, comes_to)
    assert daemon.heard() == asked


@pytest.mark.parametrize(
    ("effect", "yes", "no"),
    [(AskKick(ANA, "ana"), Kick(ANA), Here()), (AskRevoke(LINK), Revoke(LINK.link), Links())],
)
def test_what_cannot_be_undone_is_asked_first(effect, yes, no):
    daemon = Daemon()
    question = conclude(effect, daemon.attachment)
    assert isinstance(question, Question)
    assert (question.take("y"), question.take("n")) == (yes, no)
    assert daemon.heard() == []


@pytest.mark.parametrize("effect", [Here(), Keyboard(), Links(), MakeLink(Role.VIEWER), Kick(ANA)])
def test_what_the_daemon_refuses_is_an_error_in_words(effect):
    daemon = Daemon(replies.Refused(Reason.NOT_RUNNING, "It has ended.", "See `cctm ls`."))
    with pytest.raises(RefusedError, match="It has ended"):
        conclude(effect, daemon.attachment)
    assert len(daemon.heard()) == 1


def test_people_are_not_hidden_by_another_refusal_than_that_of_an_old_daemon():
    daemon = Daemon(CLIENTS, replies.Refused(Reason.FAILED, "No.", "Sorry."))
    with pytest.raises(UserError):
        conclude(Here(), daemon.attachment)
    daemon.heard()
