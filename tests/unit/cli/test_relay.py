"""`cctm relay`: what its operator is told, and which one a home uses."""

import json
import re
import stat
from pathlib import Path

import click
import pytest

from cctm.cli.commands.relay import command

MANUAL = (Path(__file__).parents[3] / "docs" / "relay.md").read_text(encoding="utf-8")
NAMES = ("serve", "invite", "use")


def options(name):
    context = click.Context(command)
    found = command.get_command(context, name)
    return [option.opts[-1] for option in found.params if isinstance(option, click.Option)]


def test_every_option_is_in_the_manual():
    assert [option for name in NAMES for option in options(name) if option not in MANUAL] == []


def test_the_manual_promises_no_option_that_is_missing():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", MANUAL)) - {"--now"}  # systemctl's
    assert named <= {option for name in NAMES for option in options(name)}


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example(name):
    found = command.get_command(click.Context(command), name)
    assert found.epilog.startswith("Example: cctm relay")


def chosen(machine):
    return json.loads((machine.home / "relay.json").read_text())


def use_invited(machine, tmp_path, url, text):
    """`cctm relay use URL --invite < FILE`"""
    (tmp_path / "invite").write_bytes(text)
    with (tmp_path / "invite").open("rb") as file:
        return machine.run("relay", "use", url, "--invite", check=False, stdin=file)


def test_a_relay_is_chosen_shown_and_given_up(machine):
    machine.run("relay", "use", "https://Relay.example:443/")
    assert machine.run("relay", "use").stdout == b"https://relay.example\n"
    machine.run("relay", "use", "--none")
    nothing = machine.run("relay", "use", check=False)
    assert nothing.returncode == 1
    assert b"No relay was chosen" in nothing.stderr


def test_what_is_chosen_is_the_users_own_to_read(machine):
    machine.run("relay", "use", "http://10.0.0.2:4222")
    assert stat.S_IMODE((machine.home / "relay.json").stat().st_mode) == 0o600
    assert chosen(machine) == {"url": "http://10.0.0.2:4222", "invite": None}


def test_an_invite_is_read_from_a_file(machine, tmp_path):
    assert use_invited(machine, tmp_path, "https://relay.example", b"m0re-secret\n").returncode == 0
    assert chosen(machine) == {"url": "https://relay.example", "invite": "m0re-secret"}


def test_an_invite_is_asked_for_and_not_shown(machine):
    with machine.open("relay", "use", "https://relay.example", "--invite") as screen:
        screen.expect(b"Invite: ")
        screen.type(b"m0re-secret\r")
        assert screen.wait() == 0
        assert b"m0re" not in screen.received
    assert chosen(machine)["invite"] == "m0re-secret"


@pytest.mark.parametrize("text", [b"", b"\n", "détour\n".encode(), b"x" * 300])
def test_what_is_no_invite_changes_nothing(machine, tmp_path, text):
    machine.run("relay", "use", "https://relay.example")
    refused = use_invited(machine, tmp_path, "https://other.example", text)
    assert refused.returncode == 1
    assert b"That is no invite." in refused.stderr
    assert chosen(machine)["url"] == "https://relay.example"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("relay.example:4222",),
            "is no address of a relay. Did you mean http://relay.example:4222, or https?",
        ),
        (("https://relay.example/t/x",), "is no address of a relay. Write https://relay.example,"),
        (("--none", "https://relay.example"), "--none stands alone."),
        (("--invite",), "URL is missing."),
    ],
)
def test_what_cannot_be_meant_is_said(machine, arguments, says):
    wrong = machine.run("relay", "use", *arguments, check=False)
    assert wrong.returncode == 2
    assert says in wrong.stderr.decode()


def test_a_choice_that_cannot_be_read_is_said_and_made_anew(machine):
    machine.run("relay", "use", "https://relay.example")
    (machine.home / "relay.json").write_text("{")
    broken = machine.run("relay", "use", check=False)
    assert broken.returncode == 1
    assert b"does not say which relay to use" in broken.stderr
    machine.run("relay", "use", "https://relay.example")
