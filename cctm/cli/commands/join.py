"""`cctm join`."""

import getpass
import os
from typing import Final

import click

from cctm.cli import words
from cctm.cli.attachment import attach_request
from cctm.cli.client import connect, wait
from cctm.cli.commands.attach import attach, check_place
from cctm.cli.errors import MistakeError, UserError
from cctm.cli.parameters import LINK, NAME, asked_secretly
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Rights
from cctm.protocol.errors import MalformedError
from cctm.protocol.events import is_name
from cctm.protocol.link import decode_link_untrusted

NAMELESS: Final = "guest"
PATIENCE_S: Final = 2.0  # after which it is said what is waited for


@click.command(epilog="Example: cctm join --as ana")
@click.argument("link", metavar="[LINK]", default=None, type=LINK)
@click.option("--view", is_flag=True, help="Watch only: keys do not reach the program.")
@click.option(
    "--as", "label", default=None, type=NAME, metavar="NAME", help="What others see; without, your login."
)
@click.option("-d", "--detached", is_flag=True, help="Join without attaching; print its name here.")
@click.option("--nested", is_flag=True, help="Attach even inside a terminal of CCTM.")
def command(
    link: str | None,
    view: bool,  # noqa: FBT001
    label: str | None,
    detached: bool,  # noqa: FBT001
    nested: bool,  # noqa: FBT001
) -> None:
    """Join a terminal that somebody shares with you, and attach to it.

    Without LINK it is asked for, and not shown: other users of this machine can read a command line, and a shell keeps
    it. With -d it may come on standard input. Once joined, the terminal is in `cctm ls`, and `cctm attach` returns to
    it.
    """
    if not detached:
        check_place(nested=nested)
    given = asked_secretly("The link") if link is None else link.strip()
    _check(given)
    label = _login() if label is None else _checked(label)
    rights = Rights.VIEW if view else Rights.DRIVE
    home = Home.locate(os.environ)
    with connect(home) as client:
        client.send(requests.Join(given, rights, label))
        if not wait((client.socket.fileno(),), PATIENCE_S):
            click.echo(f"Waiting for {decode_link_untrusted(given).origin} …", err=True)
        joined = client.expect(replies.Created)
        if detached:
            click.echo(words.printable(joined.name))
            return
        attach(client, home, attach_request(joined.channel.hex(), rights))


def _check(link: str) -> None:
    try:
        decode_link_untrusted(link)
    except MalformedError as error:
        raise UserError(
            "That is not a link, or not all of one.", "Copy it once more, from http to its end."
        ) from error


def _checked(label: str) -> str:
    if not is_name(label):
        raise MistakeError(
            f"{label!r} cannot be shown to others.",
            "Say 1 to 64 characters, no control characters, and no dash in front.",
        )
    return label


def _login() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user without a name: the latter before Python 3.13
        return NAMELESS
    return name if is_name(name) else NAMELESS
