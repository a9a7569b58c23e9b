"""What the keys of a shared terminal (i, S, r), and their pages, come to. Imported when one is pressed."""

import time
from typing import Final

from cctm.cli import words
from cctm.cli.attachment import Attachment
from cctm.cli.client import RefusedError
from cctm.cli.client_rows import client_rows
from cctm.cli.keys import Command
from cctm.cli.link_rows import in_force
from cctm.cli.pages.effects import Together
from cctm.cli.pages.here import HerePage
from cctm.cli.pages.page import Page
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
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import FloorAction, Reason

NOBODY: Final = replies.Presence([], b"", None)
NOT_SHARED: Final = "This terminal is not shared: Ctrl+B S shares it."
NO_ADDRESS: Final = "Its relay has no address now: see `cctm shares`."
PASSED: Final = {
    FloorAction.REQUEST: "You asked for the keyboard.",
    FloorAction.GRANT: "The keyboard was passed on.",
    FloorAction.RELEASE: "You gave the keyboard back.",
}

CameTo = Page | str | None


def press(command: Command, attachment: Attachment) -> CameTo:
    """Do what *command* asks for.

    Raises:
        UserError: why it cannot be done.
        LostError: the daemon is gone.
    """
    match command:
        case Command.CLIENTS:
            return conclude(Here(), attachment)
        case Command.SHARE:
            return conclude(Links(), attachment)
        case Command.CONTROL:
            return conclude(Keyboard(), attachment)
        case _:
            raise AssertionError(command)


def conclude(effect: Together, attachment: Attachment) -> CameTo:
    """Do what a page came to.

    Raises:
        UserError: why it cannot be done.
        LostError: the daemon is gone.
    """
    match effect:
        case Here(at):
            return _here(attachment, at)
        case AskKick(who, label):
            return Question(f"Remove {label}, and revoke the link they came by?", Kick(who), Here())
        case Kick(who):
            attachment.ask(requests.Kick(attachment.target, who, ""), replies.Done)
            return f"Removed. {words.SEEN}"
        case Links() | MakeLink() | ShowLink() | AskRevoke() | Revoke():
            return _links(effect, attachment)
        case Keyboard(at):
            return _keyboard(attachment, at)
        case Pass(action, who):
            attachment.ask(requests.Floor(action, who), replies.Done)
            return PASSED[action] if who or action is not FloorAction.GRANT else "You have the keyboard."
        case _:
            raise AssertionError(effect)


def _here(attachment: Attachment, at: int) -> Page:
    clients = client_rows(attachment.ask(requests.AskClients(attachment.target), replies.Clients))
    return HerePage(attachment.name, clients, _presence(attachment), _now_us(), at)


def _keyboard(attachment: Attachment, at: int | None) -> CameTo:
    from cctm.cli.pages.keyboard import KeyboardPage  # needs the roles, and with them cryptography

    presence = _presence(attachment)
    return KeyboardPage(attachment.name, presence, at) if presence.rows else NOT_SHARED


def _presence(attachment: Attachment) -> replies.Presence:
    try:
        return attachment.ask(requests.AskPeople(attachment.target), replies.Presence)
    except RefusedError as refused:
        if refused.reason is not Reason.NOT_YET:  # a daemon that shares nothing has nobody here
            raise
        return NOBODY


def _links(effect: Links | MakeLink | ShowLink | AskRevoke | Revoke, attachment: Attachment) -> CameTo:
    from cctm.cli.pages.links import LinkPage, LinksPage  # they need the roles, too, and draw QR codes

    name, target = attachment.name, attachment.target
    match effect:
        case MakeLink(role):
            request = requests.Share(target, role, history=False, floor=False, expires_us=None)
            return LinkPage(name, attachment.ask(request, replies.Link).url, role)
        case ShowLink(link):
            if not link.url:
                return NO_ADDRESS
            return LinkPage(name, link.url, link.role)
        case AskRevoke(link):
            removed = f", and remove {words.count(link.guests, 'guest')}" if link.guests else ""
            question = f"Revoke {words.short_id(link.link)}{removed}?"
            return Question(question, Revoke(link.link), Links())
        case Revoke(key):
            attachment.ask(requests.Unshare(target, key), replies.Done)
        case Links():
            pass
    rows = in_force(attachment.ask(requests.AskShares(target), replies.Shares).rows)
    return LinksPage(name, rows, _now_us())


def _now_us() -> int:
    return time.time_ns() // 1000
