"""`cctm kick`."""

import os

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.errors import UserError
from cctm.cli.parameters import NAME, TERMINAL
from cctm.cli.people_rows import chosen
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm kick build ana")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.argument("who", metavar="WHO", type=NAME)
def command(target: str, who: str) -> None:
    """Remove a guest from TERMINAL. WHO is what they call themselves, or the beginning of an id in `cctm who`.

    The link by which they came is revoked, too; others who came by it stay.
    """
    with connect(Home.locate(os.environ)) as client:
        presence = client.ask(requests.AskPeople(target), replies.Presence)
        if presence.you:
            raise UserError("Only the host removes guests, and you are one.", "`cctm rm` leaves for good.")
        client.ask(requests.Kick(target, chosen(presence.rows, who)), replies.Done)
    click.echo(f"Removed {words.printable(who)}, and revoked their link. {words.SEEN}", err=True)
