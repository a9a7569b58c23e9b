"""`cctm relay`: what its operator is told."""

import re
from pathlib import Path

import click
import pytest

from cctm.cli.commands.relay import command

MANUAL = (Path(__file__).parents[3] / "docs" / "relay.md").read_text(encoding="utf-8")


def options(name):
    context = click.Context(command)
    found = command.get_command(context, name)
    return [option.opts[-1] for option in found.params]


def test_every_option_is_in_the_manual():
    assert [option for option in options("serve") + options("invite") if option not in MANUAL] == []


def test_the_manual_promises_no_option_that_is_missing():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", MANUAL)) - {"--now"}  # systemctl's
    assert named <= set(options("serve")) | set(options("invite"))


@pytest.mark.parametrize("name", ["serve", "invite"])
def test_help_has_an_example(name):
    found = command.get_command(click.Context(command), name)
    assert found.epilog.startswith("Example: cctm relay")
