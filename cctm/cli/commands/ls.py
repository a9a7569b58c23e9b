"""`cctm ls`."""

import json
import os
import time
from typing import Final

import click

from cctm.cli import table, words
from cctm.cli.client import Client, connect
from cctm.cli.errors import MistakeError
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Row

SHOWN_ENDED: Final = 10
NAME_CELLS: Final = 24  # in a window: one long name must not push everything else out of it
NOBODY_SINCE_US: Final = 2**63 - 1
HEADINGS: Final = ("NAME", "ID", "STATE", "AGE", "SIZE", "STORED", "COMMAND")
PLACE: Final = 3  # which column comes in where some were joined: by what relay


@click.command(epilog="Example: cctm ls --json")
@click.option("-a", "--all", "everything", is_flag=True, help="All that ended too, however long ago.")
@click.option("-r", "--running", is_flag=True, help="Running ones only.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array of objects; of the last day's, all.")
def command(everything: bool, running: bool, as_json: bool) -> None:  # noqa: FBT001
    """List running terminals, and below them the newest of those that ended within a day.

    AGE is the time since a terminal was opened, or joined; ID is the beginning of its id, and means it wherever a name
    does; PLACE is the relay through which it was joined. Of a joined one STATE says also that the host has removed you,
    or shares it no longer.
    """
    if everything and running:
        raise MistakeError("--all and --running exclude each other.", "Say one of them.")
    home = Home.locate(os.environ)
    rows: list[Row] = []
    is_empty = True
    if os.path.exists(home.catalogue) or os.path.exists(home.control_socket):
        day_ago_us = int((time.time() - words.DAY_S) * 1e6)
        since_us = 0 if everything else NOBODY_SINCE_US if running else day_ago_us
        with connect(home) as client:
            rows = ask_rows(client, requests.List(since_us))
            is_empty = not rows and not ask_rows(client, requests.List(0))
    if running:
        rows = [row for row in rows if row.running]
    if as_json:
        click.echo(json.dumps([row_as_json(row) for row in rows], indent=2))
    elif rows:
        click.echo(listing(rows, time.time(), _window_width(), len(rows) if everything else SHOWN_ENDED))
    elif is_empty:
        click.echo(words.NOTHING_YET, err=True)
    else:
        within = "" if running else ", and none ended within a day"
        click.echo(f"No terminal runs{within}. Open one with `cctm`; see all with `cctm ls -a`.", err=True)


def _window_width() -> int | None:
    """None: this is no window."""
    if not os.isatty(1):
        return None
    from cctm.cli import terminal  # scripts do without, and are the ones to whom a millisecond matters

    return terminal.size()[0]


def listing(rows: list[Row], now_s: float, width: int | None, shown_ended: int) -> str:
    """*rows* as people read them: running ones, then *shown_ended* of the others, the latest end first.

    Args:
        width: cells of the window; None: whole lines.
    """
    running = [row for row in rows if row.running]
    ended = sorted((row for row in rows if not row.running), key=_end_us, reverse=True)
    shown = [*running, *ended[:shown_ended]]
    lines = [HEADINGS, *(_cells(row, now_s, width) for row in shown)]
    if any(row.place for row in shown):
        places = ["PLACE", *(words.printable(row.place) or "-" for row in shown)]
        lines = [(*line[:PLACE], place, *line[PLACE:]) for line, place in zip(lines, places, strict=True)]
    laid_out = table.align(lines)
    more = len(ended) - shown_ended
    if more > 0:
        laid_out.append(f"… and {more} more ended within a day: cctm ls -a")
    return "\n".join(line if width is None else table.cut(line, width) for line in laid_out)


def _end_us(row: Row) -> int:
    return row.ended_us or row.created_us


def _cells(row: Row, now_s: float, width: int | None) -> tuple[str, ...]:
    name = words.printable(row.name)
    state = words.state(row)
    if row.ended_us is not None:
        state += f", {words.age(now_s - row.ended_us / 1e6)} ago"
    return (
        name if width is None else table.cut(name, NAME_CELLS),
        words.short_id(row.channel),
        state + (f" ({row.stalled})" if row.stalled else ""),
        words.age(now_s - row.created_us / 1e6),
        f"{row.cols}x{row.rows}" if row.running else "-",
        words.size(row.stored_bytes),
        words.printable(row.command) or "-",
    )


def ask_rows(client: Client, request: requests.List | requests.Prune) -> list[Row]:
    """All parts of a listing."""
    client.send(request)
    rows: list[Row] = []
    while True:
        part = client.expect(replies.Listing)
        rows += part.rows
        if not part.more:
            return rows


def name_of(target: str, rows: list[Row]) -> str:
    """What the terminal of *rows* is called that the daemon found by *target*."""
    by_id = [row.name for row in rows if row.channel.hex().startswith(target.lower())]
    return next((row.name for row in rows if row.name == target), by_id[0] if by_id else target)


def row_as_json(row: Row) -> dict[str, object]:
    """The documented shape of a terminal in JSON: docs/json.md."""
    return {
        "id": row.channel.hex(),
        "name": row.name,
        "command": row.command,
        "state": ("ended" if not row.running else words.parted(row) if row.parted else "running"),
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
        "place": row.place or None,
    }
