"""`cctm relay`: what its operator is told."""

import io
import re
from pathlib import Path

import click
import pytest

from cctm.cli.commands.relay import OWN_RELAY, command
from cctm.cli.errors import MistakeError
from cctm.home import Home
from cctm.relay_choice import load_choice

MANUAL = (Path(__file__).parents[3] / "docs" / "relay.md").read_text(encoding="utf-8")


def options(name):
    context = click.Context(command)
    found = command.get_command(context, name)
    return [option.opts[-1] for option in found.params if isinstance(option, click.Option)]


def test_every_option_is_in_the_manual():
    assert [
        option for option in options("serve") + options("invite") + options("use") if option not in MANUAL
    ] == []


def test_the_manual_promises_no_option_that_is_missing():
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", MANUAL)) - {"--now"}  # systemctl's
    assert named <= set(options("serve")) | set(options("invite")) | set(options("use"))


@pytest.mark.parametrize("name", ["serve", "invite", "use"])
def test_help_has_an_example(name):
    found = command.get_command(click.Context(command), name)
    assert found.epilog.startswith("Example: cctm relay")


@pytest.fixture
def use(monkeypatch, tmp_path):
    monkeypatch.setenv("CCTM_HOME", str(tmp_path / "home"))
    home = Home.locate({"CCTM_HOME": str(tmp_path / "home")})

    def call(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        command.main(["use", *arguments], standalone_mode=False)
        return load_choice(home)

    return call


def test_the_relay_that_is_used_is_remembered_until_it_is_forgotten(use, capsys):
    assert str(use("https://relay.example/").origin) == "https://relay.example"
    assert use().invite is None
    assert capsys.readouterr() == ("https://relay.example\n", "")
    assert use("--none") is None
    use()
    assert capsys.readouterr() == ("", f"{OWN_RELAY}\n{OWN_RELAY}\n")


def test_an_invite_comes_on_standard_input_and_is_shown_nowhere(use, capsys):
    choice = use("https://relay.example", "--invite", stdin="secret-invite\n")
    assert choice.invite == b"secret-invite"
    use()
    assert "secret" not in "".join(capsys.readouterr())
    with pytest.raises(MistakeError, match="The invite is missing"):
        use("https://relay.example", "--invite", stdin="\n")
    assert use().invite == b"secret-invite"


@pytest.mark.parametrize(
    "arguments", [("--invite",), ("https://relay.example", "--none"), ("relay.example",)]
)
def test_what_does_not_say_which_relay_is_refused(use, arguments):
    with pytest.raises(MistakeError):
        use(*arguments)
