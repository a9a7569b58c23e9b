"""`cctm clients`."""

import json
import os

import click

from cctm.cli import table, words
from cctm.cli.client import Client, RefusedError, connect
from cctm.cli.client_rows import HEADS, ClientRow, as_json, cells, client_rows
from cctm.cli.commands.ls import NOBODY_SINCE_US, ask_rows, name_of
from cctm.cli.parameters import TERMINAL
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Row
from cctm.protocol.control.values import Reason


@click.command(epilog="Example: cctm clients build")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--json", "is_json", is_flag=True, help="One JSON array of objects.")
def command(target: str | None, is_json: bool) -> None:  # noqa: FBT001
    """List who is attached to TERMINAL, or to any.

    SHOWN says how: raw are the program's own bytes, painted is a drawing of its screen, for windows of another size.
    """
    with connect(Home.locate(os.environ)) as client:
        terminals = ask_rows(client, requests.List(NOBODY_SINCE_US))
        if target is None:
            found = _of_all(client, terminals)
        else:
            found = [(name_of(target, terminals), row) for row in _of(client, target)]
    if is_json:
        click.echo(json.dumps([{"terminal": name} | as_json(row) for name, row in found], indent=2))
    elif found:
        lines = [(words.printable(name), *cells(row)) for name, row in found]
        click.echo("\n".join(table.align([("TERMINAL", *HEADS), *lines])))
    else:
        click.echo("Nobody is attached.", err=True)


def _of(client: Client, target: str) -> list[ClientRow]:
    return client_rows(client.ask(requests.AskClients(target), replies.Clients))


def _of_all(client: Client, terminals: list[Row]) -> list[tuple[str, ClientRow]]:
    found = []
    for terminal in terminals:
        if not terminal.clients:
            continue
        try:
            found += [(terminal.name, row) for row in _of(client, terminal.channel.hex())]
        except RefusedError as refused:
            if refused.reason is not Reason.NOT_RUNNING:  # it ended in between
                raise
    return found
