"""`cctm share`."""

import json
import os
import time
from typing import Final

import click

from cctm.cli import words
from cctm.cli.attachment import outer
from cctm.cli.client import Client, connect
from cctm.cli.commands.attach import is_itself
from cctm.cli.errors import MistakeError, UserError
from cctm.cli.link_rows import in_force
from cctm.cli.parameters import MOST, TERMINAL, seconds, this_or
from cctm.home import Home
from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.control.values import CONNECTED, CONNECTING, RECONNECTING
from cctm.protocol.errors import MalformedError
from cctm.protocol.link import decode_link_untrusted
from cctm.relay_choice import load_choice

LOOKS: Final = 20  # at how the relay is reached; after that the user need not wait
LOOK_S: Final = 0.1


@click.command(epilog="Example: cctm share build --drive --expires 2h")
@click.argument("target", metavar="[TERMINAL]", default=None, type=TERMINAL)
@click.option("--drive", is_flag=True, help="Whoever has the link may type, too.")
@click.option("--history", is_flag=True, help="Share what was printed before, too, not from now on only.")
@click.option(
    "--expires",
    "expires_s",
    callback=seconds,
    metavar="AGE",
    help="Revoke it by itself after 30m, 2h, 7d (s, m, h, d or w).",
)
@click.option(
    "--floor",
    is_flag=True,
    help="One at a time types; Ctrl+B r passes the keyboard on. Say it with the first link.",
)
@click.option("--qr", is_flag=True, help="Show a QR code of the link, too.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
def command(
    target: str | None,
    drive: bool,  # noqa: FBT001
    history: bool,  # noqa: FBT001
    expires_s: int | None,
    floor: bool,  # noqa: FBT001
    qr: bool,  # noqa: FBT001
    is_json: bool,  # noqa: FBT001
) -> None:
    """Print a link to TERMINAL: whoever has it can watch, and read what is printed from now on.

    The link is all that is printed on standard output. It is a secret, which the relay between you does not learn;
    `cctm join` takes it. Without TERMINAL: the one in which this is called; but it is not printed where others watch.
    """
    terminal = this_or(target)
    role = Role.DRIVER if drive else Role.VIEWER
    if expires_s == 0:
        raise MistakeError("A link that expires at once lets nobody in.", "Say 30m, 2h or 7d, for example.")
    expires_us = None if expires_s is None else min(time.time_ns() // 1000 + expires_s * 1_000_000, MOST)
    home = Home.locate(os.environ)
    with connect(home) as client:
        if os.isatty(1) or (qr and os.isatty(2)):
            refuse_onlookers(client, terminal)
        request = requests.Share(terminal, role, history, floor, expires_us)
        url = client.ask(request, replies.Link).url
        if is_json:
            click.echo(json.dumps(_as_json(url, role, expires_us), indent=2))
        else:
            click.echo(words.printable(url))
        if qr:
            click.echo(_qr_code(url), err=True, color=True)  # what it needs was looked at
        trouble = _trouble(client, terminal, url)
    can = "watch and type" if drive else "watch"
    past = ", and read what was printed before" if history else ""
    until = "" if expires_s is None else f", for {words.time_left(expires_s)}"
    named = words.printable(target or terminal[: words.SHOWN_ID_DIGITS])
    click.echo(f"Whoever has this link can {can}{past}{until}. `cctm unshare {named}` revokes it.", err=True)
    if trouble:
        click.echo(
            f"Nobody can join yet: {words.printable(trouble)} `cctm shares` tells when that has changed.",
            err=True,
        )
    elif host := own_host(home, url):
        click.echo(
            f"It works where {host}, this machine, is reached. For further: unshare, `cctm relay use URL`, share.",
            err=True,
        )


def _trouble(client: Client, terminal: str, url: str) -> str:
    """Why the relay of a new link is not reached; empty: it is, or that is not known soon."""
    for _ in range(LOOKS):
        rows = client.ask(requests.AskShares(terminal), replies.Shares).rows
        state = next((row.state for row in rows if row.url == url), CONNECTED)
        if state != CONNECTING:
            return "" if state.startswith(CONNECTED) else state.removeprefix(RECONNECTING)
        time.sleep(LOOK_S)
    return ""


def own_host(home: Home, url: str) -> str:
    """The address of this machine that a link names; empty: it names a relay elsewhere."""
    try:
        origin = decode_link_untrusted(url).origin
        with open(home.relay_port, encoding="utf-8") as file:
            port = file.read().strip()
    except (OSError, ValueError, MalformedError):
        return ""  # there is no relay of its own
    return origin.host if load_choice(home) is None and str(origin.port) == port else ""


def refuse_onlookers(client: Client, terminal: str = "") -> None:
    """Refuse to show a link in *terminal* itself, or in another one that others watch.

    Who only watches must not read there by what link one types; nor whoever reads the record later.

    Raises:
        UserError: this process runs in such a terminal.
    """
    if not outer():
        return
    watched = {row.channel.hex() for row in in_force(client.ask(requests.AskShares(""), replies.Shares).rows)}
    if outer() in watched or is_itself(client, terminal):
        raise UserError(
            "Whoever watches this terminal would read the link.",
            "Press Ctrl+B S, which shows it to you alone; or call this in another window.",
        )


def _as_json(url: str, role: Role, expires_us: int | None) -> dict[str, object]:
    """The documented shape of a new link in JSON: docs/json.md."""
    try:
        link = decode_link_untrusted(url)
    except MalformedError as error:
        raise UserError(
            "The daemon made a link of another version.", "Call `cctm daemon restart`."
        ) from error
    return {
        "url": url,
        "id": link.channel.hex(),
        "link": link.device.sign_public.hex(),
        "role": words.role(role),
        "expires": None if expires_us is None else expires_us / 1e6,
    }


def _qr_code(url: str) -> str:
    from cctm.cli import qr  # seldom asked for

    rows = qr.rows_of(url)
    if os.environ.get("NO_COLOR") or not os.isatty(2):
        return "\n".join(qr.inverse(rows))
    return "\n".join(f"\x1b[{qr.PEN}m{row}\x1b[0m" for row in rows)
