"""`cctm daemon`."""

import json
import os
import socket
import time

import click

from cctm import __version__
from cctm.cli import keeper, terminal, words
from cctm.cli.client import Client, DaemonGoneError, DaemonSilentError, RefusedError, connect, try_connect
from cctm.cli.errors import UserError
from cctm.cli.group import Group
from cctm.home import Home
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import Scope

GONE_TIMEOUT_S = 30.0


@click.group(cls=Group, epilog="The daemon starts by itself with the first command that needs it.")
def command() -> None:
    """Start, stop, restart the daemon; ask how it is."""


@command.command()
def start() -> None:
    """Start the daemon if it does not run."""
    with connect(Home.locate(os.environ)) as client:
        _say_running(client.ask(requests.AskStatus(), replies.Status))


@command.command()
@click.option("--all", "everything", is_flag=True, help="End all terminals, and the keeper too.")
def stop(everything: bool) -> None:  # noqa: FBT001
    """Stop the daemon. Programs stay, held by the keeper; the next command starts the daemon again."""
    home = Home.locate(os.environ)
    link = keeper.reach(home) if everything else None
    if link is not None:
        with link, keeper.seen_out(link):
            _stop_all(home, link)
        return
    client = try_connect(home)
    if client is None:
        click.echo("The daemon does not run.", err=True)
        return
    _stop(client, Scope.ALL if everything else Scope.DAEMON)


def _stop(client: Client, scope: Scope) -> None:
    with client:
        terminals = client.ask(requests.AskStatus(), replies.Status).terminals
        client.ask(requests.Stop(scope), replies.Done)
        _wait_until_gone(client)
    if scope is Scope.ALL:
        click.echo(f"Ended {words.count(terminals, 'terminal')}, the daemon and the keeper.")
    elif terminals:
        click.echo(f"Stopped the daemon; the keeper holds {words.count(terminals, 'terminal')}.")


def _stop_all(home: Home, link: socket.socket) -> None:
    """End all that is at the keeper at the other end of *link*, and the keeper."""
    try:
        client = connect(home)
    except (RefusedError, DaemonSilentError):
        raise  # a daemon is there
    except UserError as error:
        terminal.say(f"cctm: {error.message}")
        if keeper.end(link):
            terminal.say("cctm: The programs were ended without it; what they printed last is not recorded.")
        return
    _stop(client, Scope.ALL)


@command.command()
@click.option("--keeper", is_flag=True, help="Replace the keeper's code too, in place: programs stay.")
def restart(keeper: bool) -> None:  # noqa: FBT001
    """Replace the daemon by a fresh start, after an upgrade for example. Programs and clients stay."""
    home = Home.locate(os.environ)
    client = try_connect(home)
    if client is not None:
        with client:
            client.ask(requests.Restart(Scope.ALL if keeper else Scope.DAEMON), replies.Done)
            _wait_until_gone(client)
    with connect(home) as fresh:
        _say_running(fresh.ask(requests.AskStatus(), replies.Status))


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(as_json: bool) -> None:  # noqa: FBT001
    """Say whether the daemon runs; exit status 1 if it does not."""
    home = Home.locate(os.environ)
    client = try_connect(home)
    if client is None:
        if as_json:
            click.echo(json.dumps({"running": False, "home": home.root}))
        else:
            click.echo(f"The daemon of {home.root} does not run.")
        raise click.exceptions.Exit(1)
    with client:
        found = client.ask(requests.AskStatus(), replies.Status)
    if as_json:
        shape = {
            "running": True,
            "home": home.root,
            "daemon_pid": found.daemon_pid,
            "keeper_pid": found.keeper_pid,
            "version": found.build,
            "since": found.since_us / 1e6,
            "terminals": found.terminals,
            "clients": found.clients,
            "stalled": found.stalled or None,
        }
        click.echo(json.dumps(shape))
        return
    _say_running(found)
    click.echo(f"terminals: {found.terminals}, clients: {found.clients}, home: {home.root}")
    if found.build != __version__:
        click.echo(
            f"It runs version {found.build}, this command is {__version__}: `cctm daemon restart --keeper`."
        )
    if found.stalled:
        click.echo(f"Recording waits: {found.stalled}")


def _say_running(found: replies.Status) -> None:
    up = words.age(time.time() - found.since_us / 1e6)
    click.echo(f"daemon: pid {found.daemon_pid}, up {up}; keeper: pid {found.keeper_pid}")


def _wait_until_gone(client) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    client.socket.settimeout(GONE_TIMEOUT_S)
    try:
        client.next_message()
    except DaemonGoneError:
        return
    except TimeoutError as error:
        raise UserError("The daemon is taking long to stop.", "See `cctm daemon status`.") from error
