"""`cctm attach`, and `cctm` without a command."""

import os
import sys
from typing import NoReturn

import click

from cctm.cli import terminal, words
from cctm.cli.client import Client, RefusedError, connect
from cctm.cli.errors import UserError
from cctm.cli.parameters import TERMINAL
from cctm.cli.session import Detached, Session, attach_request
from cctm.home import Home
from cctm.protocol.control import replies
from cctm.protocol.control.values import Others, Reason, Rights


@click.command(epilog="Example: cctm attach build")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--view", is_flag=True, help="Watch only: keys do not reach the program.")
@click.option("-d", "--detach-others", is_flag=True, help="Detach the other clients.")
@click.option("--nested", is_flag=True, help="Attach even inside a terminal of CCTM.")
def command(target: str | None, view: bool, detach_others: bool, nested: bool) -> None:  # noqa: FBT001
    """Attach to TERMINAL: a name, or the beginning of an id.

    Without TERMINAL: the newest that nobody is attached to. Ctrl+B d leaves it running.
    """
    check_place(nested=nested)
    home = Home.locate(os.environ)
    with connect(home) as client:
        attach(
            client,
            home,
            target or "",
            rights=Rights.VIEW if view else Rights.DRIVE,
            others=Others.DETACH if detach_others else Others.KEEP,
        )


def attach_or_open(*, nested: bool) -> NoReturn:
    """Attach to the newest terminal that nobody is attached to, or open one."""
    from cctm.cli.commands.new import open_terminal

    check_place(nested=nested)
    home = Home.locate(os.environ)
    with connect(home) as client:
        try:
            attach(client, home, "")
        except RefusedError as refused:
            if refused.reason is not Reason.NOBODY_WAITS:
                raise
        created = open_terminal(client, argv=(), name="", cwd=None, size=None, record_input=False)
        attach(client, home, created.channel.hex())


def check_place(*, nested: bool) -> None:
    """Refuse where attaching cannot work or would confuse."""
    terminal.require()
    if "CCTM_TERMINAL" in os.environ and not nested:
        raise UserError(
            "This is a terminal of CCTM already, and attaching inside it would show one in the other.",
            "Detach first (Ctrl+B d), or say --nested.",
        )


def attach(
    client: Client, home: Home, target: str, *, rights: Rights = Rights.DRIVE, others: Others = Others.KEEP
) -> NoReturn:
    """Serve a session until it ends, then exit with the status that it means."""
    request = attach_request(target, rights, others)
    attached = client.ask(request, replies.Attached)
    session = Session(client, request, attached, lambda wait: connect(home, wait))
    outcome = session.run()
    name = words.printable(session.name)
    match outcome:
        case Detached():
            terminal.say(f"\n[detached from {name}]")
            sys.exit(0)
        case replies.Released(why):
            terminal.say(f"\n[detached from {name}: {why}]")
            sys.exit(0)
        case replies.Ended(how, code):
            terminal.say(f"[{name} ended: {words.ended(how, code)}]")
            sys.exit(words.exit_status(how, code))
