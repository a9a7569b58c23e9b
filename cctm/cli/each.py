"""Several terminals in one command: what can be done is done, what cannot is said."""

from collections.abc import Iterable

import click

from cctm.cli.client import Client, RefusedError
from cctm.protocol.control import replies


def ask_for_each(client: Client, messages: Iterable[tuple[object, ...]]) -> None:
    """Make each request; say which are refused, and why.

    Raises:
        click.exceptions.Exit: with 1, at the end, if one was refused.
    """
    refusals = 0
    for message in messages:
        try:
            client.ask(message, replies.Done)
        except RefusedError as refused:
            refused.show()
            refusals += 1
    if refusals:
        raise click.exceptions.Exit(1)
