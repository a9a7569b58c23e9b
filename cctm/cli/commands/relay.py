"""`cctm relay`: serve as one, invite to it, use one."""

import json
import os
import re
import sys
from typing import Any

import click

from cctm.cli.errors import MistakeError, UserError
from cctm.cli.group import Group
from cctm.cli.parameters import asked_secretly
from cctm.home import Home
from cctm.launch import python_command
from cctm.protocol.errors import MalformedError
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice, forget_choice, load_choice, save_choice

_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):([0-9]{1,5})")
_SIZE = re.compile(r"([0-9]{1,12})(?: ?([KMGT])(?:iB|B)?)?")
OWN_RELAY = "This machine passes on what it shares, by itself. `cctm relay use URL` chooses a relay."
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


class _Origin(click.ParamType[str]):
    name = "URL"

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        try:
            return str(decode_origin_untrusted(value))
        except MalformedError:
            raise MistakeError(
                f"{value!r} is no address of a relay.", "Write https://relay.example, for example."
            ) from None


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


_STORE = click.option(
    "--store", metavar="FILE", help="Where it keeps everything.  [default: relay.sqlite at home]"
)


@click.group(cls=Group, epilog="`docs/relay.md` has a systemd unit, and what to write for Caddy and nginx.")
def command() -> None:
    """Pass on and keep what others share, without being able to read it."""


@command.command(epilog="Example: cctm relay serve --listen 127.0.0.1:4222 --origin https://relay.example")
@click.option(
    "--listen", type=_Address(), default="127.0.0.1:4222", show_default=True, help="Where to listen."
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
    "--connections", type=click.IntRange(1), default=10_000, show_default=True, help="At most, together."
)
@click.option(
    "--connections-per-address",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="At most, of one.",
)
def serve(
    listen: tuple[str, int],
    origins: tuple[str, ...],
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
        "origins": origins,
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
@click.argument("url", metavar="[URL]", default=None, type=_Origin())
@click.option("--invite", "is_invited", is_flag=True, help="Ask for an invite, which the relay wants to see.")
@click.option(
    "--none", "is_none", is_flag=True, help="None: this machine passes on what it shares, by itself."
)
def use(url: str | None, is_invited: bool, is_none: bool) -> None:  # noqa: FBT001
    """Share terminals through the relay at URL; without URL, say which it is.

    The invite is asked for, and not shown; it may come on standard input. Terminals that are shared already stay where
    they are.
    """
    home = Home.locate(os.environ)
    if (url is not None and is_none) or (url is None and is_invited):
        raise MistakeError("Which relay is not clear.", "Say URL, URL and --invite, or --none.")
    if is_none:
        forget_choice(home)
        click.echo(OWN_RELAY, err=True)
    elif url is not None:
        home.prepare()
        invite = asked_secretly("The invite").encode() if is_invited else None
        save_choice(home, RelayChoice(decode_origin_untrusted(url), invite))
    else:
        choice = load_choice(home)
        click.echo(OWN_RELAY if choice is None else str(choice.origin), err=choice is None)


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
