"""`cctm who`."""

import json
import os
import time

import click

from cctm.cli import table, words
from cctm.cli.client import Client, connect
from cctm.cli.commands.ls import NOBODY_SINCE_US, ask_rows, name_of
from cctm.cli.link_rows import in_force
from cctm.cli.parameters import TERMINAL
from cctm.cli.people_rows import HEADS, as_json, cells
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Row


@click.command(epilog="Example: cctm who build")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--json", "is_json", is_flag=True, help="One JSON array of objects.")
def command(target: str | None, is_json: bool) -> None:  # noqa: FBT001
    """List who is in TERMINAL, or in any that is shared or was joined; and the guests who are away and may come back.

    HERE is for how long, TYPED when they last typed, ROUND TRIP how long a key of theirs is on its way and back.
    """
    with connect(Home.locate(os.environ)) as client:
        terminals = ask_rows(client, requests.List(NOBODY_SINCE_US))
        asked = _all(client, terminals) if target is None else [(name_of(target, terminals), target)]
        found = [(name, client.ask(requests.AskPeople(one), replies.Presence)) for name, one in asked]
    now_s = time.time()
    if is_json:
        rows = [
            {"terminal": name} | as_json(person, presence)
            for name, presence in found
            for person in presence.rows
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    lines = [
        (words.printable(name), *cells(person, presence, now_s))
        for name, presence in found
        for person in presence.rows
    ]
    if lines:
        click.echo("\n".join(table.align([("TERMINAL", *HEADS), *lines])))
    elif target is not None and any(row.place and row.name == asked[0][0] for row in terminals):
        click.echo(
            f"Its host does not say who is here. `cctm attach {words.printable(asked[0][0])}` asks again.",
            err=True,
        )
    else:
        click.echo("Nobody is here: nothing is shared. `cctm share TERMINAL` makes a link.", err=True)


def _all(client: Client, terminals: list[Row]) -> list[tuple[str, str]]:
    """Name and id of each terminal that is shared, or was joined."""
    shared = {row.channel for row in in_force(client.ask(requests.AskShares(""), replies.Shares).rows)}
    return [(row.name, row.channel.hex()) for row in terminals if row.channel in shared or row.place]
