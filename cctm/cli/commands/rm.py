"""`cctm rm`."""

import os

import click

from cctm.cli.client import connect
from cctm.cli.each import ask_for_each
from cctm.cli.parameters import TERMINAL
from cctm.home import Home
from cctm.protocol.control import requests


@click.command(epilog="Example: cctm rm build")
@click.argument("targets", metavar="TERMINAL…", nargs=-1, required=True, type=TERMINAL)
def command(targets: tuple[str, ...]) -> None:
    """Delete the record of each TERMINAL, which must have ended. There is no way back.

    If it was shared, its relay is told to let nobody in any more and to delete what it has: once it is back, if it is
    away (`cctm shares` tells). What came to guests is theirs.

    One that was joined may run: it goes on, you leave it, and what came of it is deleted here.
    """
    with connect(Home.locate(os.environ)) as client:
        ask_for_each(client, map(requests.Remove, targets))
