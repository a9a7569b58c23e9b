"""`cctm unshare`."""

import os

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.errors import UserError
from cctm.cli.link_rows import chosen
from cctm.cli.parameters import LINK, TERMINAL
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm unshare build 3f9c01d2")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.argument("link", metavar="[LINK]", default=None, type=LINK)
def command(target: str, link: str | None) -> None:
    """Revoke all links to TERMINAL, or one: LINK, the beginning of its id in `cctm shares`.

    Whoever came by it is removed at once. What they have seen, they have seen.
    """
    with connect(Home.locate(os.environ)) as client:
        rows = client.ask(requests.AskShares(target), replies.Shares).rows
        if not rows:
            raise UserError(f"{target} is not shared.", "See `cctm shares` for what is.")
        revoked = rows if link is None else [chosen(rows, link)]
        client.ask(requests.Unshare(target, b"" if link is None else revoked[0].link), replies.Done)
    guests = sum(row.guests for row in revoked)
    removed = f" and removed {words.count(guests, 'guest')}" if guests else ""
    click.echo(f"Revoked {words.count(len(revoked), 'link')}{removed}. {words.SEEN}", err=True)
