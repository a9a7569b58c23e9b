"""`cctm new`."""

import os
import re
import shlex
import textwrap
from typing import Final

import click

from cctm.cli import terminal, words
from cctm.cli.client import Client, connect
from cctm.cli.commands.attach import attach, check_place
from cctm.cli.errors import MistakeError, UserError
from cctm.cli.parameters import NAME
from cctm.home import Home
from cctm.protocol.control import replies, requests

SHOWN_CHARS: Final = 200  # of a command line in a sentence


class _New(click.Command):
    """Refuses what could be an option of the command to run, or one of ours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """
        Raises:
            MistakeError: a word behind the command looks like an option, and no `--` says whose.
        """
        given = tuple(args)
        rest = super().parse_args(ctx, args)
        argv: tuple[str, ...] = ctx.params.get("argv", ())
        ours = given[: len(given) - len(argv)]
        option = next((word for word in argv[1:] if word.startswith("-") and word != "-"), None)
        if option is not None and ours[-1:] != ("--",):
            said = textwrap.shorten(shlex.join((*ours, "--", *argv)), SHOWN_CHARS, placeholder=" …")
            raise MistakeError(
                f"{option} stands behind the command {argv[0]}, without a `--` before it.",
                f"Put our options first, then `--`, then the command: `cctm new {said}`.",
            )
        return rest


@click.command(
    cls=_New,
    epilog="Example: cctm new -n build -- make -j4",
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "-n", "--name", default=None, type=NAME, metavar="NAME", help="Name it; without, the lowest free number."
)
@click.option("-d", "--detached", is_flag=True, help="Open it without attaching; print its name.")
@click.option("--size", metavar="COLSxROWS", default=None, help="Its size while nobody is attached.")
@click.option("--cwd", metavar="DIR", default=None, help="Start there instead of here.")
@click.option("--record-input", is_flag=True, help="Record what is typed too, except at password prompts.")
@click.option("--nested", is_flag=True, help="Attach even inside a terminal of CCTM.")
@click.argument("argv", metavar="[-- COMMAND…]", nargs=-1, type=click.UNPROCESSED)
def command(
    name: str | None,
    detached: bool,  # noqa: FBT001
    size: str | None,
    cwd: str | None,
    record_input: bool,  # noqa: FBT001
    nested: bool,  # noqa: FBT001
    argv: tuple[str, ...],
) -> None:
    """Open a recorded terminal and run COMMAND in it, or your shell.

    Exits with COMMAND's status when it ends, with 0 when you detach, with 1 when the terminal was lost.
    """
    if not detached:
        check_place(nested=nested)
    home = Home.locate(os.environ)
    with connect(home) as client:
        created = open_terminal(
            client, argv=argv, name=name or "", cwd=cwd, size=size, record_input=record_input
        )
        if detached:
            click.echo(words.printable(created.name))
            return
        attach(client, home, created.channel.hex())


def open_terminal(
    client: Client,
    *,
    argv: tuple[str, ...],
    name: str,
    cwd: str | None,
    size: str | None,
    record_input: bool,
) -> replies.Created:
    """Ask the daemon for a terminal with this process's environment, directory and umask."""
    cols, rows = terminal.size() if size is None else _parse_size(size)
    umask = os.umask(0o077)
    os.umask(umask)
    request = requests.New(
        argv=[os.fsencode(argument) for argument in argv],
        cwd=os.fsencode(_directory(cwd)),
        env=[[name, value] for name, value in os.environb.items()],
        umask=umask,
        cols=cols,
        rows=rows,
        name=name,
        record_input=record_input,
        private=False,
    )
    return client.ask(request, replies.Created)


def _directory(cwd: str | None) -> str:
    if cwd is not None:
        if not os.path.isdir(cwd):
            raise UserError(f"{cwd} is not a directory.", "Give --cwd a directory that exists.")
        return os.path.abspath(cwd)
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise UserError(
            "The current directory no longer exists.", "Change to another, or give --cwd."
        ) from error


def _parse_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", text)
    if match is None or not all(1 <= int(number) <= 65535 for number in match.groups()):
        raise MistakeError(f"{text!r} is not a size.", "Say columns and rows, as in 80x24.")
    return int(match[1]), int(match[2])
