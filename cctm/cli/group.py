"""Groups of commands: whoever asks for one that is not there is told, and asked whether another was meant."""

from typing import Final

import click

from cctm.cli.errors import no_such_command

SENTENCE: Final = 200  # characters: a first sentence is shown whole


class Group(click.Group):
    """A group of commands."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its first sentence, which goes on below rather than end in dots."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(SENTENCE)) for name, one in found if one is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that *args* begin with.

        Raises:
            MistakeError: there is none of that name.
        """
        is_option = args[0].startswith("-")
        if not is_option and self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise no_such_command(ctx.command_path, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)
