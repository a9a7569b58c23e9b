"""`cctm who`."""

import json
import os
import time

import click

from cctm.cli import table, words
from cctm.cli.client import Client, RefusedError, connect
from cctm.cli.commands.ls import NOBODY_SINCE_US, ask_rows
from cctm.cli.parameters import TERMINAL
from cctm.cli.people_rows import HEADS, as_json, cells
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Presence
from cctm.protocol.control.values import Reason


@click.command(epilog="Example: cctm who build")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--json", "is_json", is_flag=True, help="One JSON array of objects.")
def command(target: str | None, is_json: bool) -> None:  # noqa: FBT001
    """List who is in TERMINAL, or in any that is shared or was joined.

    HERE is for how long, TYPED when they last typed, ROUND TRIP how long a key of theirs is on its way and back.
    """
    with connect(Home.locate(os.environ)) as client:
        found = _of_all(client) if target is None else [(target, _of(client, target))]
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
    else:
        click.echo("Nobody is here: nothing is shared. `cctm share TERMINAL` makes a link.", err=True)


def _of(client: Client, target: str) -> Presence:
    return client.ask(requests.AskPeople(target), replies.Presence)


def _of_all(client: Client) -> list[tuple[str, Presence]]:
    shared = {row.channel for row in client.ask(requests.AskShares(""), replies.Shares).rows}
    terminals = ask_rows(client, requests.List(NOBODY_SINCE_US))
    found = []
    for row in terminals:
        if row.channel not in shared and not row.place:
            continue
        try:
            found.append((row.name, _of(client, row.channel.hex())))
        except RefusedError as refused:
            if refused.reason is not Reason.NOT_RUNNING:  # it ended in between
                raise
    return found
