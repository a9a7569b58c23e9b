"""Groups of commands: whoever asks for one that is not there is told, and asked whether another was meant."""

import click

from cctm.cli.errors import no_such_command


class Group(click.Group):
    """A group of commands."""

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
