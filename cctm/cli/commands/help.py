"""`cctm help`."""

import click

from cctm.cli.errors import no_such_command


@click.command(epilog="Example: cctm help daemon stop")
@click.argument("words", metavar="[COMMAND…]", nargs=-1)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show what COMMAND does and its options, or all commands."""
    asked = context.find_root()
    for word in words:
        group = asked.command
        known = group.list_commands(asked) if isinstance(group, click.Group) else []
        found = group.get_command(asked, word) if isinstance(group, click.Group) else None
        if found is None:
            raise no_such_command(asked.command_path, word, known)
        asked = click.Context(found, info_name=word, parent=asked)
    click.echo(asked.get_help())
