"""`cctm ls`."""

import json
import os
import time

import click

from cctm.cli import words
from cctm.cli.client import Client, connect
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Row


@click.command(epilog="Example: cctm ls --json")
@click.option("-a", "--all", "everything", is_flag=True, help="All that ended too, not just the last day's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array of objects.")
def command(everything: bool, as_json: bool) -> None:  # noqa: FBT001
    """List running terminals and those that ended within a day."""
    home = Home.locate(os.environ)
    rows: list[Row] = []
    if os.path.exists(home.catalogue) or os.path.exists(home.control_socket):
        since_us = 0 if everything else int((time.time() - words.DAY_S) * 1e6)
        with connect(home) as client:
            rows = ask_rows(client, requests.List(since_us))
    if as_json:
        click.echo(json.dumps([row_as_json(row) for row in rows], indent=2))
    elif rows:
        click.echo(_table(rows))
    else:
        click.echo("No terminals. Open one with `cctm`.", err=True)


def ask_rows(client: Client, request: requests.List | requests.Prune) -> list[Row]:
    """All parts of a listing."""
    client.send(request)
    rows: list[Row] = []
    while True:
        part = client.expect(replies.Listing)
        rows += part.rows
        if not part.more:
            return rows


def row_as_json(row: Row) -> dict[str, object]:
    """The documented shape of a terminal in JSON: docs/json.md."""
    return {
        "id": row.channel.hex(),
        "name": row.name,
        "command": row.command,
        "state": "running" if row.running else "ended",
        "created": row.created_us / 1e6,
        "ended": None if row.ended_us is None else row.ended_us / 1e6,
        "exit_status": row.code if not row.running and row.how == 0 else None,
        "signal": row.code if not row.running and row.how == 1 else None,
        "lost": not row.running and row.how == 2,
        "cols": row.cols,
        "rows": row.rows,
        "clients": row.clients,
        "bytes": row.stored_bytes,
        "stalled": row.stalled or None,
        "pid": row.pid,
    }


def _table(rows: list[Row]) -> str:
    now_us = time.time() * 1e6
    lines = [("NAME", "STATE", "AGE", "SIZE", "STORED", "COMMAND")]
    for row in rows:
        since_us = row.created_us if row.running else row.ended_us or row.created_us
        state = words.state(row) + (f" ({row.stalled})" if row.stalled else "")
        lines.append(
            (
                words.printable(row.name),
                state,
                words.age((now_us - since_us) / 1e6),
                f"{row.cols}x{row.rows}" if row.running else "-",
                words.size(row.stored_bytes),
                words.printable(row.command),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]
        ).rstrip()
        for line in lines
    )
