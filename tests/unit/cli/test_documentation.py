"""Every command is in the README, has help and an example, and the README promises no other."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cctm.cli.main import COMMANDS, cctm

README = (Path(__file__).parents[3] / "README.md").read_text()
CALLS = re.findall(r"`cctm ([a-z]+)|^    \$ cctm ([a-z]+)", README, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name):
    assert re.search(rf"`cctm {name}\b", README)


def test_the_readme_promises_no_command_that_is_missing():
    assert {first or second for first, second in CALLS} - {"serve"} <= set(COMMANDS)


def subcommands():
    context = click.Context(cctm)
    for name in COMMANDS:
        command = cctm.get_command(context, name)
        yield (name,), command
        if isinstance(command, click.Group):
            yield from (((name, sub), one) for sub, one in command.commands.items())


@pytest.mark.parametrize(("words", "command"), list(subcommands()), ids=lambda value: str(value))
def test_every_command_and_every_option_says_what_it_does(words, command):
    assert command.help
    assert command.help.split("\n")[0].endswith(".")
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter
    shown = CliRunner().invoke(cctm, [*words, "--help"], prog_name="cctm")
    assert shown.exit_code == 0
    assert "Usage: cctm" in shown.output


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command_in_the_order_of_use_with_an_example(flag):
    shown = CliRunner().invoke(cctm, [flag]).output
    places = [shown.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert "cctm new -n build -- make" in shown


@pytest.mark.parametrize(
    "name", ["daemon start", "daemon stop", "daemon restart", "daemon status", "log verify"]
)
def test_every_subcommand_is_in_the_readme(name):
    group, sub = name.split()
    assert re.search(rf"`cctm {group}[^`]*\b{sub}\b", README)
