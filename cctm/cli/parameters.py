"""What several commands take on their command line."""

from typing import Any

import click

from cctm.cli.errors import MistakeError


class _Given(click.ParamType[str]):
    """Text that is not empty: an empty one is mostly a variable of a script that was never set."""

    def __init__(self, what: str) -> None:
        self.name = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        if not value:
            raise MistakeError(
                f"The {self.name} is empty.", "If it comes from a variable, see that the variable is set."
            )
        return str(value)


TERMINAL = _Given("terminal's name")
NAME = _Given("name")
