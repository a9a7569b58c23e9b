"""`cctm kill`."""

import os
import signal

import click

from cctm.cli.client import connect
from cctm.home import Home
from cctm.protocol.control import replies, requests


def _signal_number(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    if value is None:
        return 0
    name = value.upper().removeprefix("SIG")
    if name.isascii() and name.isdecimal() and int(name) in {int(known) for known in signal.valid_signals()}:
        return int(name)
    number = getattr(signal, f"SIG{name}", None)
    if not isinstance(number, signal.Signals):
        raise click.BadParameter(f"{value!r} is not a signal. Say a name as in TERM, or a number.")
    return int(number)


@click.command(epilog="Example: cctm kill build")
@click.argument("targets", metavar="TERMINAL…", nargs=-1, required=True)
@click.option(
    "-s", "--signal", "number", callback=_signal_number, default=None, help="Send just this signal."
)
def command(targets: tuple[str, ...], number: int) -> None:
    """End TERMINAL: hang up on its programs, and kill those that stay."""
    with connect(Home.locate(os.environ)) as client:
        for target in targets:
            client.ask(requests.Kill(target, number), replies.Done)
