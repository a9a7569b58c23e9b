"""`cctm export`."""

import os
import sys
from collections.abc import Iterator
from itertools import chain

import click

from cctm.cli import words
from cctm.cli.archive import open_archive, output_of, resolve
from cctm.cli.earlier import load_all
from cctm.cli.errors import UserError
from cctm.cli.parameters import TERMINAL
from cctm.home import Home


@click.command(epilog="Example: cctm export build -f txt -o build.txt")
@click.argument("target", metavar="TERMINAL", type=TERMINAL)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["raw", "txt"]),
    default="txt",
    show_default=True,
    help="raw: the bytes as printed; txt: lines without escape sequences.",
)
@click.option("-o", "--output", "path", metavar="FILE", default="-", help="Write to FILE instead of stdout.")
def command(target: str, form: str, path: str) -> None:
    """Write what TERMINAL printed since it was opened.

    Exit status 1 if a part of that is missing from the record, after writing the rest. Of a joined terminal, what was
    shared and is not here yet is loaded first.
    """
    home = Home.locate(os.environ)
    archive = open_archive(home)
    terminal = resolve(archive, target)
    load_all(archive, terminal.channel)
    output = output_of(archive, terminal)
    _write(iter(output) if form == "raw" else _lines(iter(output)), form, path)
    if not output.is_whole:
        raise click.exceptions.Exit(1)


def _write(parts: Iterator[bytes], form: str, path: str) -> None:
    if path == "-":
        if form == "raw" and sys.stdout.isatty():
            raise UserError(
                "Raw output would steer this terminal.", "Use -o FILE, a pipe, or `cctm attach` and `-f txt`."
            )
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    try:
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            for part in parts:
                file.write(part)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", "Choose another file.") from error


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    from cctm.screen.text import Piece, TextLines

    text = TextLines()
    for lines in chain(map(text.feed, pieces), (text.finish(),)):
        for line in lines:
            yield words.printable(line).encode() + (b"" if isinstance(line, Piece) else b"\n")
