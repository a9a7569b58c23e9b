"""`cctm du`."""

import json
import os
import shutil

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.commands.ls import ask_rows, row_as_json
from cctm.home import Home
from cctm.protocol.control import requests


@click.command(epilog="Example: cctm du")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, as of `cctm ls --json`.")
def command(as_json: bool) -> None:  # noqa: FBT001
    """Show what the records take on disk, the largest last."""
    home = Home.locate(os.environ)
    rows = []
    if os.path.exists(home.root):
        with connect(home) as client:
            rows = sorted(ask_rows(client, requests.List(0)), key=lambda row: row.stored_bytes)
    if as_json:
        click.echo(json.dumps([row_as_json(row) for row in rows], indent=2))
        return
    for row in rows:
        click.echo(words.record(row))
    if not rows:
        click.echo(words.NOTHING_YET, err=True)
        return
    total = words.size(sum(row.stored_bytes for row in rows))
    free = words.size(shutil.disk_usage(home.root).free)
    click.echo(f"{total:>9}  in {words.count(len(rows), 'terminal')}; {free} free on that disk")
