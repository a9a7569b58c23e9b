"""`cctm prune`."""

import os
import re

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.commands.ls import ask_rows
from cctm.cli.errors import MistakeError, UserError
from cctm.cli.parameters import MOST, seconds
from cctm.home import Home
from cctm.protocol.control import requests

_UNITS_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _bytes(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]{1,12})([KMGT]?)(?:i?B)?", value)
    if match is None:
        raise MistakeError(
            f"{value!r} is not a size.", "Say 500M or 20G: a number of bytes, or one and K, M, G or T."
        )
    return min(int(match[1]) * _UNITS_BYTES[match[2]], MOST)


@click.command(epilog="Example: cctm prune --older-than 30d")
@click.option(
    "--older-than",
    "older_s",
    callback=seconds,
    metavar="AGE",
    help="Delete those that ended longer ago than AGE: 12h, 30d, 2w (s, m, h, d or w).",
)
@click.option(
    "--keep",
    "keep_bytes",
    callback=_bytes,
    metavar="SIZE",
    help="Delete the oldest until all records together take no more than SIZE: 500M, 20G (K, M, G or T).",
)
@click.option("-y", "--yes", is_flag=True, help="Delete without asking.")
def command(older_s: int | None, keep_bytes: int | None, yes: bool) -> None:  # noqa: FBT001
    """Delete records of terminals that have ended. There is no way back.

    Shows which, and asks. With both options, first those that are older go, then the oldest until SIZE is left.
    """
    if older_s is None and keep_bytes is None:
        raise MistakeError("Which records is not said.", "Say --older-than AGE, --keep SIZE, or both.")
    older_us = None if older_s is None else older_s * 1_000_000
    with connect(Home.locate(os.environ)) as client:
        request = requests.Prune(older_us, keep_bytes, only_say=True)
        rows = ask_rows(client, request)
        for row in rows:
            click.echo(words.record(row))
        if not rows:
            click.echo("Nothing to delete.", err=True)
            return
        what = f"{words.count(len(rows), 'record')} ({words.size(sum(row.stored_bytes for row in rows))})"
        if not yes:
            if not os.isatty(0):
                raise UserError(f"{what} would be deleted.", "Say --yes to delete.")
            click.confirm(f"Delete {what}?", abort=True, err=True)
        deleted = ask_rows(client, request._replace(only_say=False))
        freed = words.size(sum(row.stored_bytes for row in deleted))
        click.echo(f"Deleted {words.count(len(deleted), 'record')} ({freed}).")
