"""`cctm unshare`."""

import os

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.errors import UserError
from cctm.cli.link_rows import chosen, in_force, say_owed
from cctm.cli.parameters import LINK, TERMINAL
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm unshare build 3f9c01d2")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.argument("link", metavar="[LINK]", default=None, type=LINK)
def command(target: str, link: str | None) -> None:
    """Revoke all links to TERMINAL, or one: LINK, the beginning of its id in `cctm shares`.

    Whoever came by it is removed at once. What they have seen, they have seen. Links to a terminal that has ended stay
    in force until this, or until `cctm rm` deletes its record. A relay that is away is told once it is back: `cctm
    shares` tells.
    """
    with connect(Home.locate(os.environ)) as client:
        rows = in_force(client.ask(requests.AskShares(target), replies.Shares).rows)
        if not rows:
            raise UserError(f"{target} is not shared.", "See `cctm shares` for what is.")
        revoked = rows if link is None else [chosen(rows, link)]
        client.ask(requests.Unshare(target, b"" if link is None else revoked[0].link), replies.Done)
        owed = say_owed(client, target)
    guests = sum(row.guests for row in revoked)
    removed = f" and removed {words.count(guests, 'guest')}" if guests else ""
    click.echo(f"Revoked {words.count(len(revoked), 'link')}{removed}. {words.SEEN}{owed}", err=True)
