"""`cctm join`: from where a link comes, and as whom."""

import sys

import pytest

from cctm.cli.commands import join
from cctm.protocol.control import requests
from cctm.protocol.control.values import Rights
from sharing_commands import URL


def test_a_link_comes_on_standard_input_where_nobody_can_be_asked(cctm, daemon, monkeypatch, tmp_path):
    (tmp_path / "link").write_text(f"  {URL}\n")
    with (tmp_path / "link").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert cctm("join", "-d", "--as", "ana") == (0, "theirs\n", "")
    assert daemon.requests == [requests.Join(URL, Rights.DRIVE, "ana")]


def test_what_joining_waits_for_is_said(cctm, daemon, monkeypatch):
    # The answer takes longer than anybody waits.
    monkeypatch.setattr(join, "wait", lambda _, seconds: seconds is None)
    assert cctm("join", "-d", URL) == (0, "theirs\n", "Waiting for https://relay.example …\n")


def test_a_link_on_the_command_line_is_taken(cctm, daemon):
    assert cctm("join", "-d", "--view", URL)[0] == 0
    [request] = daemon.requests
    assert (request.link, request.rights) == (URL, Rights.VIEW)
    assert request.label


@pytest.mark.parametrize("link", ["https://relay.example", URL[:-1], URL.swapcase(), "x" * 2000])
def test_what_is_no_link_is_refused_and_not_repeated(cctm, daemon, link):
    assert cctm("join", "-d", link) == (
        1,
        "",
        "cctm: That is not a link, or not all of one. Copy it once more, from http to its end.\n",
    )
    assert not daemon.requests


@pytest.mark.parametrize("label", ["-x", "a\x1b[31m", "x" * 65])
def test_a_name_that_cannot_be_shown_is_refused(cctm, daemon, label):
    status, out, err = cctm("join", "-d", f"--as={label}", URL)
    assert (status, out) == (2, "")
    assert "cannot be shown to others. Say 1 to 64 characters" in err
    assert not daemon.requests


@pytest.mark.parametrize("login", ["", "x" * 65, "a\nb"])
def test_whose_login_is_no_name_is_a_guest(cctm, daemon, monkeypatch, login):
    monkeypatch.setattr("getpass.getuser", lambda: login)
    cctm("join", "-d", URL)
    assert daemon.requests[0].label == "guest"


def test_joining_needs_a_terminal_unless_it_is_only_joined(cctm, daemon):
    status, _, err = cctm("join", URL)
    assert status == 1
    assert "needs a terminal" in err
    assert not daemon.requests
