"""`cctm attach`, and `cctm` without a command."""

import os
import sys
from typing import NoReturn

import click

from cctm.cli import terminal, words
from cctm.cli.attachment import attach_request, outer
from cctm.cli.client import Client, RefusedError, connect
from cctm.cli.errors import UserError
from cctm.cli.opening import new_request
from cctm.cli.parameters import TERMINAL
from cctm.cli.session import Detached, Session
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Mode, Others, Reason, Rights


@click.command(epilog="Example: cctm attach build")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--view", is_flag=True, help="Watch only: keys do not reach the program.")
@click.option("-d", "--detach-others", is_flag=True, help="Detach the other clients.")
@click.option("--nested", is_flag=True, help="Attach even inside a terminal of CCTM.")
@click.option(
    "--mode",
    type=click.Choice(["auto", "raw", "painted"]),
    default="auto",
    hidden=True,
    help="How it is drawn; for tests.",
)
def command(target: str | None, view: bool, detach_others: bool, nested: bool, mode: str) -> None:  # noqa: FBT001
    """Attach to TERMINAL: a name, or the beginning of an id.

    Without TERMINAL: the newest that nobody is attached to. Ctrl+B d leaves it running, Ctrl+B ? shows all keys.
    """
    check_place(nested=nested)
    home = Home.locate(os.environ)
    request = attach_request(
        target or "",
        Rights.VIEW if view else Rights.DRIVE,
        Others.DETACH if detach_others else Others.KEEP,
        Mode[mode.upper()],
    )
    with connect(home) as client:
        attach(client, home, request)


def attach_or_open(*, nested: bool) -> NoReturn:
    """Attach to the newest terminal that nobody is attached to, or open one."""
    check_place(nested=nested)
    home = Home.locate(os.environ)
    with connect(home) as client:
        try:
            attach(client, home, attach_request(""))
        except RefusedError as refused:
            if refused.reason is not Reason.NOBODY_WAITS:
                raise
        created = client.ask(new_request(), replies.Created)
        attach(client, home, attach_request(created.channel.hex()))


def check_place(*, nested: bool) -> None:
    """Refuse where attaching cannot work or would confuse."""
    terminal.require()
    if outer() and not nested:
        raise UserError(
            "This is a terminal of CCTM already, and attaching inside it would show one in the other.",
            "Detach first (Ctrl+B d), go there with Ctrl+B w, or say --nested.",
        )


def attach(client: Client, home: Home, request: requests.Attach) -> NoReturn:
    """Serve a session until it ends, then exit with the status that it means."""
    if is_itself(client, request.target):
        raise UserError(
            "This is that terminal already: attached to itself it would show itself for ever.",
            "Attach from another window, or to another terminal.",
        )
    attached = client.ask(request, replies.Attached)
    session = Session(client, request, attached, home, lambda wait: connect(home, wait))
    outcome = session.run()
    name = words.printable(session.name)
    match outcome:
        case Detached():
            terminal.say(f"[detached from {name}]")
            sys.exit(0)
        case replies.Released(why):
            terminal.say(f"[detached from {name}: {words.printable(why)}]")
            sys.exit(0)
        case replies.Ended(how, code):
            terminal.say(f"[{name} ended: {words.ended(how, code)}]")
            sys.exit(words.exit_status(how, code))


def is_itself(client: Client, target: str) -> bool:
    """Whether *target* is the terminal in which this process runs."""
    if not outer():
        return False
    from cctm.cli.commands.ls import ask_rows  # seldom needed on the way to a terminal

    itself = [row for row in ask_rows(client, requests.List(0)) if row.channel.hex() == outer()]
    return any(target == row.name or row.channel.hex().startswith(target.lower() or "-") for row in itself)
