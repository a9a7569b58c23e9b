"""Errors as users read them: one sentence on what happened, one on what to do; exit status 1."""

from typing import IO, Any

import click


class UserError(click.ClickException):
    """What happened, and what to do about it."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what} {advice}".strip())
        self.what = what
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"cctm: {self.message}", file=file, err=file is None)
