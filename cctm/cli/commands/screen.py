"""`cctm screen`."""

import json
import os

import click

from cctm.cli import words
from cctm.cli.client import connect
from cctm.cli.errors import MistakeError
from cctm.cli.parameters import TERMINAL
from cctm.home import Home
from cctm.protocol.control import replies, requests


@click.command(epilog="Example: cctm screen build | tail -1")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.option("--ansi", is_flag=True, help="With colours and styles.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object: also size, cursor and title.")
def command(target: str, ansi: bool, is_json: bool) -> None:  # noqa: FBT001
    """Print what TERMINAL shows at this moment.

    Its rows as text, without the empty ones below the last that is not. Nothing is attached, and no size changes.
    """
    if ansi and is_json:
        raise MistakeError("--ansi and --json exclude each other.", "Say one of them.")
    with connect(Home.locate(os.environ)) as client:
        part = client.ask(requests.AskScreen(target, ansi), replies.Screen)
        parts = [part]
        while part.more:
            part = client.expect(replies.Screen)
            parts.append(part)
    screen = part._replace(
        lines=[line for one in parts for line in one.lines], drawn=b"".join(one.drawn for one in parts)
    )
    if is_json:
        click.echo(json.dumps(_as_json(screen)))
        return
    lines = _coloured(screen) if ansi else [words.printable(str(line)).rstrip() for line in screen.lines]
    while lines and not lines[-1]:
        lines.pop()
    for line in lines:
        click.echo(line, color=True)


def _as_json(screen: replies.Screen) -> dict[str, object]:
    return {
        "cols": screen.cols,
        "rows": screen.rows,
        "cursor": {
            "col": screen.cursor_col,
            "row": screen.cursor_row,
            "visible": screen.cursor_visible,
        },
        "alternate": screen.alternate,
        "title": screen.title,
        "lines": [str(line).rstrip() for line in screen.lines],
    }


def _coloured(screen: replies.Screen) -> list[str]:
    """Rows of text and SGR sequences only: what switches modes would stay on in the reader's terminal."""
    from cctm.screen.fold import Fold  # an emulator, which nothing else here needs

    picture = Fold.from_dump(screen.cols, screen.rows, screen.drawn).picture()
    lines = []
    for row in picture.lines:
        runs = [
            f"\x1b[{run.pen}m{words.printable(run.text)}\x1b[m" if run.pen else words.printable(run.text)
            for run in row.runs
        ]
        lines.append("".join(runs))
    return lines
