"""What keys after the prefix, and pages, come to: another page, a line to be shown, or nothing but the deed."""

import time
from typing import TYPE_CHECKING, Final

from cctm.cli.attachment import Attachment
from cctm.cli.keys import Command, Jump
from cctm.cli.opening import new_request
from cctm.cli.pages.effects import Closed, Effect, Kill, Rename, Switch, Throw, Together
from cctm.cli.pages.help import HelpPage
from cctm.cli.pages.page import Page
from cctm.cli.pages.prompt import RenamePrompt, kill_question
from cctm.cli.pages.terminals import TerminalsPage
from cctm.protocol.control import replies, requests

if TYPE_CHECKING:
    from cctm.home import Home

NOT_YET: Final = "Off the record: not in this version yet."
NO_OTHER: Final = "There is no other terminal."


def perform(command: Command | Jump, attachment: Attachment, home: "Home") -> Page | str | None:
    """Do what *command* asks for.

    Raises:
        UserError: why it cannot be done.
        LostError: the daemon is gone.
    """
    match command:
        case Jump(number):
            named = [row.channel for row in attachment.running() if row.name == str(number)]
            return _go(attachment, named[0]) if named else f"There is no terminal {number}."
        case Command.NEW:
            created = attachment.ask(new_request(), replies.Created)
            attachment.switch(created.channel)
        case Command.NEXT:
            return _step(attachment, 1)
        case Command.PREVIOUS:
            return _step(attachment, -1)
        case Command.LAST:
            running = {row.channel for row in attachment.running()}
            return _go(attachment, attachment.last) if attachment.last in running else NO_OTHER
        case Command.LIST:
            return TerminalsPage(attachment.running(), attachment.channel, time.time_ns() // 1000)
        case Command.RENAME:
            return RenamePrompt(attachment.name)
        case Command.KILL:
            return kill_question(attachment.name)
        case Command.CLIENTS | Command.SHARE | Command.CONTROL:
            from cctm.cli import together  # who attaches need not share

            return together.press(command, attachment)
        case Command.RECORD:
            return _record(attachment, home)
        case Command.HELP:
            return HelpPage()
        case Command.PRIVATE:
            return NOT_YET
        case Command.DETACH | Command.UNKNOWN:
            return None
    return None


def conclude(effect: Effect, attachment: Attachment) -> Page | str | None:
    """Do what a page came to.

    Raises:
        UserError: why it cannot be done.
        LostError: the daemon is gone.
    """
    match effect:
        case Closed():
            return None
        case Switch(channel):
            return _go(attachment, channel)
        case Throw(client):
            attachment.ask(requests.DetachClient(attachment.target, client), replies.Done)
            return _here(attachment) if attachment.outcome is None else None
        case Rename(name):
            attachment.ask(requests.Rename(attachment.target, name), replies.Done)
            return None
        case Kill():
            attachment.ask(requests.Kill(attachment.target, 0), replies.Done)
            return None
        case Together():
            from cctm.cli import together

            return together.conclude(effect, attachment)


def _go(attachment: Attachment, channel: bytes | None) -> str | None:
    """Switch, unless it is shown already."""
    if channel is not None and channel != attachment.channel:
        attachment.switch(channel)
    return None


def _step(attachment: Attachment, by: int) -> str | None:
    channels = [row.channel for row in attachment.running()]
    if not set(channels) - {attachment.channel}:
        return NO_OTHER
    at = channels.index(attachment.channel) if attachment.channel in channels else 0
    return _go(attachment, channels[(at + by) % len(channels)])


def _here(attachment: Attachment) -> Page | str | None:
    from cctm.cli import together

    return together.press(Command.CLIENTS, attachment)


def _record(attachment: Attachment, home: "Home") -> Page:
    from cctm.cli.earlier import Earlier
    from cctm.cli.pages.record import RecordPage  # these read the archive, which attaching must not load
    from cctm.cli.record import Record

    attachment.ask(requests.Settle(), replies.Done)
    record = Record.open(home, attachment.channel)
    return RecordPage(attachment.name, record, Earlier(home, attachment.channel))
