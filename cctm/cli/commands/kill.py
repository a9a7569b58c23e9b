"""`cctm kill`."""

import os
import signal

import click

from cctm.cli.client import connect
from cctm.cli.each import ask_for_each
from cctm.cli.errors import MistakeError
from cctm.cli.parameters import TERMINAL
from cctm.home import Home
from cctm.protocol.control import requests


def _signal_number(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    if value is None:
        return 0
    name = value.upper().removeprefix("SIG")
    if name.isascii() and name.isdecimal() and int(name) in {int(known) for known in signal.valid_signals()}:
        return int(name)
    number = getattr(signal, f"SIG{name}", None)
    if not isinstance(number, signal.Signals):
        raise MistakeError(f"{value!r} is not a signal.", "Say a name as in TERM, or a number.")
    return int(number)


@click.command(epilog="Example: cctm kill build")
@click.argument("targets", metavar="TERMINAL…", nargs=-1, required=True, type=TERMINAL)
@click.option(
    "-s", "--signal", "number", callback=_signal_number, default=None, help="Send just this signal."
)
def command(targets: tuple[str, ...], number: int) -> None:
    """End each TERMINAL: hang up on its programs, and kill those that stay."""
    with connect(Home.locate(os.environ)) as client:
        ask_for_each(client, (requests.Kill(target, number) for target in targets))
