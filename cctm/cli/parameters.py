"""What several commands take on their command line."""

import os
import re
import sys
from typing import Any, Final

import click

from cctm.cli import words
from cctm.cli.errors import MistakeError

MOST: Final = 2**63 - 1  # that a message carries; more than anything that is compared with it
_UNITS_S: Final = {"s": 1, "m": words.MINUTE_S, "h": words.HOUR_S, "d": words.DAY_S, "w": 7 * words.DAY_S}


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
LINK = _Given("link")


def seconds(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """The callback of an option that takes a time such as 30d."""
    if value is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", value)
    if match is None:
        raise MistakeError(
            f"{value!r} is not an age.", "Say 30d, 12h or 2w: a number and one of s, m, h, d, w."
        )
    return min(int(match[1]) * _UNITS_S[match[2]], MOST // 1_000_000)


def asked_secretly(what: str) -> str:
    """What is typed, or stands on standard input, of which nothing is shown; nor is it recorded (SPEC.md §3.1).

    Raises:
        MistakeError: nothing.
    """
    if os.isatty(0):
        given: str = click.prompt(f"{what} (it is not shown)", hide_input=True, err=True)
    else:
        given = sys.stdin.readline()
    if not given.strip():
        raise MistakeError(f"{what} is missing.", "Type it, or give it on standard input.")
    return given.strip()


def this_or(target: str | None) -> str:
    """*target*, or the terminal in which the command was called.

    Raises:
        MistakeError: neither.
    """
    found = target or os.environ.get("CCTM_TERMINAL")
    if not found:
        raise MistakeError("TERMINAL is missing.", "Name one of `cctm ls`, or call this inside it.")
    return found
