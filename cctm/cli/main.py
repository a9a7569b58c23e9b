"""`cctm`: the command group. A command's module is imported when it is called, so that `ls` and `attach` start
fast."""

import os
import signal
import sys
from importlib import import_module
from typing import Any, Final

import click

from cctm import __version__
from cctm.cli.errors import UserError, mistake
from cctm.cli.group import Group
from cctm.cli.streams import OutputError, give_up_stdout
from cctm.home import HomeError

# Listed in this order in --help. The module is cctm.cli.commands.<name>, the command in it is `command`.
COMMANDS: Final = (
    "new",
    "ls",
    "attach",
    "clients",
    "screen",
    "share",
    "join",
    "shares",
    "unshare",
    "who",
    "kick",
    "kill",
    "rename",
    "rm",
    "log",
    "export",
    "du",
    "prune",
    "daemon",
    "relay",
    "help",
)

CLOSED_PIPE: Final = 128 + signal.SIGPIPE  # as a shell says it of a program that the signal ended

EPILOG: Final = """
\b
Examples:
  cctm                       open a terminal, or return to the one that waits
  cctm new -n build -- make  run a command in a terminal of its own
  cctm attach build          return to it; Ctrl+B d leaves it running
  cctm export build -f txt   what it printed
  cctm share build           a link: whoever has it can watch; `cctm join` takes it
"""


class LazyGroup(Group):
    """Imports the module of the command that is called, and no other."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's module, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cctm.cli.commands.{cmd_name}").command
        return command


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", prog_name="cctm")
@click.option("--nested", is_flag=True, help="Attach even inside a terminal of CCTM.")
@click.pass_context
def cctm(context: click.Context, nested: bool) -> None:  # noqa: FBT001
    """Terminals that outlive you and remember everything.

    Without a command: attach to the newest terminal that nobody is attached to, or open one.
    """
    if context.invoked_subcommand is None:
        from cctm.cli.commands.attach import attach_or_open

        attach_or_open(nested=nested)


def main() -> None:
    """Run the command line; every error that a user can meet becomes a sentence."""
    try:
        status = _run()
        sys.stdout.flush()
    except OutputError as error:
        give_up_stdout()
        status = CLOSED_PIPE
        if not error.is_closed_pipe:
            what = f"The output cannot be written: {os.strerror(error.errno)}."
            UserError(what, "Write it to another place.").show()
            status = 1
    except KeyboardInterrupt:  # again, while it was said
        status = 130
    sys.exit(status)


def _run() -> Any:  # noqa: ANN401
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see `entry`
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return cctm.main(prog_name="cctm", standalone_mode=False)
    except HomeError as error:
        UserError(error.what, error.advice).show()
        return 1
    except click.exceptions.NoArgsIsHelpError as help_:
        help_.show()
        return help_.exit_code
    except click.UsageError as error:
        mistake(error).show()
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("cctm: Interrupted.", err=True)
        return 130
