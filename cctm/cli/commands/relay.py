"""`cctm relay`: serve as one, invite to it, and say which one this home uses."""

import json
import os
import re
import sys
from typing import Any, Final

import click

from cctm.cli.errors import MistakeError, UserError
from cctm.cli.group import Group
from cctm.home import Home
from cctm.launch import python_command
from cctm.protocol.errors import MalformedError
from cctm.protocol.origin import Origin, decode_origin_untrusted
from cctm.relay_choice import RelayChoice, forget_choice, load_choice, save_choice

_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):([0-9]{1,5})")
_SIZE = re.compile(r"([0-9]{1,12})(?: ?([KMGT])(?:iB|B)?)?")
MAX_INVITE: Final = 256
_UNITS = {None: 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class _Address(click.ParamType[tuple[str, int]]):
    name = "HOST:PORT"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, int]:
        match = _LISTEN.fullmatch(value)
        if match is None or int(match[2]) > 0xFFFF:
            raise MistakeError(
                f"{value!r} is no HOST:PORT.", "Write 0.0.0.0:4222 or [::1]:4222, for example."
            )
        return match[1].strip("[]"), int(match[2])


class _Origin(click.ParamType[Origin]):
    name = "URL"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Origin:
        try:
            return decode_origin_untrusted(value)
        except MalformedError:
            raise MistakeError(f"{value!r} is no address of a relay.", _meant(value)) from None


def _meant(text: str) -> str:
    """What *text* may have been meant to be: mostly only the scheme is missing."""
    try:
        return f"Did you mean {decode_origin_untrusted(f'http://{text}')}, or https?"
    except MalformedError:
        return "Write https://relay.example, for example."


class _Size(click.ParamType[int]):
    name = "SIZE"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        match = _SIZE.fullmatch(value)
        if match is None:
            raise MistakeError(f"{value!r} is no size.", "Write 500M or 20G, for example.")
        return int(match[1]) * _UNITS[match[2]]


_STAYS = "What is shared already stays where it is."
_STORE = click.option(
    "--store", metavar="FILE", help="Where it keeps everything.  [default: relay.sqlite at home]"
)


@click.group(cls=Group, epilog="`docs/relay.md` has a systemd unit, and what to write for Caddy and nginx.")
def command() -> None:
    """Pass on and keep what others share, without being able to read it."""


@command.command(epilog="Example: cctm relay serve --listen 127.0.0.1:4222 --origin https://relay.example")
@click.option(
    "--listen",
    type=_Address(),
    default="127.0.0.1:4222",
    show_default=True,
    help="Where to listen; 0.0.0.0:4222: for others, too.",
)
@click.option(
    "--origin", "origins", type=_Origin(), multiple=True, help="As what it is dialled; may be repeated."
)
@_STORE
@click.option(
    "--tls-cert", metavar="FILE", help="Certificates, in PEM. Without: no TLS; a proxy has to do that."
)
@click.option("--tls-key", metavar="FILE", help="The key to them.")
@click.option("--behind-proxy", is_flag=True, help="Count clients by the proxy's X-Forwarded-For.")
@click.option("--invite-only", is_flag=True, help="New terminals need an invite (`cctm relay invite`).")
@click.option(
    "--channel-quota", type=_Size(), default="1G", show_default=True, help="Stored for one terminal."
)
@click.option("--total-quota", type=_Size(), default="20G", show_default=True, help="Stored for all.")
@click.option(
    "--idle-days",
    type=click.IntRange(0),
    default=90,
    show_default=True,
    help="Delete what is unused; 0: never.",
)
@click.option(
    "--connections", type=click.IntRange(1), default=10_000, show_default=True, help="How many at most."
)
@click.option(
    "--connections-per-address",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="How many at most from one address.",
)
def serve(
    listen: tuple[str, int],
    origins: tuple[Origin, ...],
    store: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    behind_proxy: bool,  # noqa: FBT001
    invite_only: bool,  # noqa: FBT001
    channel_quota: int,
    total_quota: int,
    idle_days: int,
    connections: int,
    connections_per_address: int,
) -> None:
    """Serve as a relay, until SIGTERM or Ctrl+C. Logs one JSON object a line on standard error."""
    if (tls_cert is None) != (tls_key is None):
        raise MistakeError("--tls-cert and --tls-key belong together.", "Give both, or none.")
    host, port = listen
    options = {
        "store": _store(store),
        "host": host,
        "port": port,
        "origins": [str(origin) for origin in origins],
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "behind_proxy": behind_proxy,
        "invite_only": invite_only,
        "channel_bytes": channel_quota,
        "total_bytes": total_quota,
        "idle_days": idle_days,
        "connections": connections,
        "connections_per_address": connections_per_address,
    }
    _become("serve", json.dumps(options))


@command.command(epilog="Example: cctm relay invite --uses 10 --days 30")
@_STORE
@click.option(
    "--uses", type=click.IntRange(1), default=1, show_default=True, help="How many terminals it is good for."
)
@click.option("--days", type=click.IntRange(1), help="How long it is good.  [default: for ever]")
def invite(store: str | None, uses: int, days: int | None) -> None:
    """Print an invite: with it others may share terminals through this relay."""
    path = _store(store)
    if not os.path.exists(path):
        raise UserError(
            f"There is no relay's store at {path}.", "Name the file that `cctm relay serve` uses."
        )
    _become("invite", path, str(uses), str(days or 0))


@command.command(epilog="Example: cctm relay use https://relay.example")
@click.argument("url", type=_Origin(), required=False)
@click.option("--invite", "is_invited", is_flag=True, help="Ask for an invite, which this relay wants.")
@click.option("--none", "is_none", is_flag=True, help="Use none: share through this machine itself.")
def use(url: Origin | None, is_invited: bool, is_none: bool) -> None:  # noqa: FBT001
    """Choose the relay that terminals are shared through; without URL, print it.

    An invite is asked for, or read from standard input (`cctm relay use URL --invite < FILE`), so that no list of
    processes shows it. What is shared already stays where it is.
    """
    if is_none and (url is not None or is_invited):
        raise MistakeError("--none stands alone.", "Leave out the rest, or --none.")
    if is_invited and url is None:
        raise MistakeError("URL is missing.", "An invite is for a relay: cctm relay use URL --invite")
    home = Home.locate(os.environ)
    home.prepare()
    if is_none:
        forget_choice(home)
        click.echo(f"This machine itself passes on what is shared from now on. {_STAYS}", err=True)
    elif url is not None:
        save_choice(home, RelayChoice(url, _ask_for_invite() if is_invited else None))
        click.echo(f"What is shared from now on goes through {url}. {_STAYS}", err=True)
    else:
        choice = load_choice(home)
        if choice is None:
            raise UserError(
                "No relay was chosen: terminals are shared through this machine itself.",
                "To choose one: cctm relay use URL",
            )
        click.echo(choice.origin)


def _ask_for_invite() -> bytes:
    """The invite, which is not shown while it is typed."""
    if sys.stdin.isatty():
        text = click.prompt("Invite", hide_input=True, err=True)
    else:
        text = sys.stdin.readline(MAX_INVITE + 2)
    invite = text.strip()
    if not invite or not invite.isascii() or len(invite) > MAX_INVITE or not invite.isprintable():
        raise UserError("That is no invite.", "The relay's operator makes one: cctm relay invite")
    return str(invite).encode()


def _store(given: str | None) -> str:
    if given is not None:
        return os.path.abspath(given)
    home = Home.locate(os.environ)
    home.prepare()
    return os.path.join(home.root, "relay.sqlite")


def _become(*arguments: str) -> None:
    """Go on as the relay's own program, in this process: signals and exit status are its."""
    sys.stdout.flush()
    command_line = [*python_command("cctm.relay"), *arguments]
    os.execv(command_line[0], command_line)  # noqa: S606
