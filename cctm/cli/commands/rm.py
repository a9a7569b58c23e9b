"""`cctm rm`."""

import os

import click

from cctm.cli.client import connect
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm rm build")
@click.argument("targets", metavar="TERMINAL…", nargs=-1, required=True)
def command(targets: tuple[str, ...]) -> None:
    """Delete the record of a TERMINAL that has ended. There is no way back."""
    with connect(Home.locate(os.environ)) as client:
        for target in targets:
            client.ask(requests.Remove(target), replies.Done)
