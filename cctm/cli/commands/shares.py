"""`cctm shares`."""

import json
import os
import time

import click

from cctm.cli import table, words
from cctm.cli.client import connect
from cctm.cli.commands.share import refuse_onlookers
from cctm.cli.link_rows import HEADS, as_json, cells
from cctm.cli.parameters import TERMINAL
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm shares build --links")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--links", is_flag=True, help="Show the links themselves, too: they are secrets.")
@click.option(
    "--json", "is_json", is_flag=True, help="One JSON array of objects, the links themselves in them."
)
def command(target: str | None, links: bool, is_json: bool) -> None:  # noqa: FBT001
    """List the links to TERMINAL that are in force, or all links.

    LINK is the beginning of a link's id; GUESTS, how many came by it; STATE, how its relay is reached. A line without a
    LINK is about what was revoked while its relay was away: that goes on letting them read until it is reached.
    """
    with connect(Home.locate(os.environ)) as client:
        if links and os.isatty(1):
            refuse_onlookers(client)
        rows = client.ask(requests.AskShares(target or ""), replies.Shares).rows
    now_s = time.time()
    if is_json:
        click.echo(json.dumps([as_json(row) for row in rows], indent=2))
    elif rows:
        heads = ("TERMINAL", *HEADS, "URL") if links else ("TERMINAL", *HEADS)
        lines = [
            (words.printable(row.name), *cells(row, now_s), words.printable(row.url) or "-") for row in rows
        ]
        click.echo("\n".join(table.align([heads, *(line[: len(heads)] for line in lines)])))
    else:
        click.echo("Nothing is shared. `cctm share TERMINAL` makes a link.", err=True)
