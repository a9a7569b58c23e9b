"""Errors as users read them: one sentence on what happened, one on what to do.

UserError      exit status 1      something is not as it should be
MistakeError   exit status 2      the command line is wrong; `mistake` says in these words what click found
"""

from typing import IO, Any, ClassVar

import click


class UserError(click.ClickException):
    """What happened, and what to do about it."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what} {advice}".strip())
        self.what = what
        self.advice = advice

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"cctm: {self.message}", file=file, err=file is None)


class MistakeError(UserError):
    """The command line is wrong."""

    exit_code: ClassVar[int] = 2


def no_such_command(path: str, name: str, known: list[str]) -> MistakeError:
    """*name* is none of the commands *known* of `*path*`; if it is near one, that is said."""
    from difflib import get_close_matches  # seldom needed, and slower than a quick command

    meant = get_close_matches(_SYNONYMS.get(name, name), known, n=1)
    advice = f"Did you mean `{path} {meant[0]}`?" if meant else f"See `{path} --help`."
    return MistakeError(f"There is no command {name!r}.", advice)


# What other programs call it.
_SYNONYMS = {
    **dict.fromkeys(("delete", "remove", "del"), "rm"),
    **dict.fromkeys(("open", "start", "run"), "new"),
    **dict.fromkeys(("list", "ps", "sessions"), "ls"),
    **dict.fromkeys(("enter", "resume"), "attach"),
    **dict.fromkeys(("stop", "end", "quit"), "kill"),
    **dict.fromkeys(("invite", "publish"), "share"),
    **dict.fromkeys(("revoke", "uninvite"), "unshare"),
    **dict.fromkeys(("people", "guests", "users"), "who"),
}


def mistake(error: click.UsageError) -> MistakeError:
    """What click found wrong, in our words."""
    path = "cctm" if error.ctx is None else error.ctx.command_path
    advice = f"See `{path} --help`."
    match error:
        case click.NoSuchOption(option_name=name, possibilities=near):
            if near:
                advice = f"Did you mean {near[0]}?"
            return MistakeError(f"There is no option {name}.", advice)
        case click.MissingParameter(param=click.Parameter() as parameter):
            what = parameter.metavar or parameter.human_readable_name
            return MistakeError(f"{what} is missing.", advice)
        case _:
            what = error.message[:1].upper() + error.message[1:].rstrip(".") + "."
            return MistakeError(what, advice)
