"""`cctm rename`."""

import os

import click

from cctm.cli.client import connect
from cctm.cli.parameters import NAME, TERMINAL
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm rename 0 build")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.argument("name", metavar="NAME", type=NAME)
def command(target: str, name: str) -> None:
    """Give TERMINAL another NAME."""
    with connect(Home.locate(os.environ)) as client:
        client.ask(requests.Rename(target, name), replies.Done)
