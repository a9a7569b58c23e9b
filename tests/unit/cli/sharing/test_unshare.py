"""`cctm shares` and `cctm unshare`: the links in force, and their end."""

import json

import pytest

from cctm.protocol.control import replies, requests
from samples import CHANNEL
from sharing_commands import FIRST, OWED, THIRD, URL, asked


def test_links_are_listed_without_their_secrets(cctm):
    status, out, _ = cctm("shares")
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[0] == ["TERMINAL", "LINK", "ROLE", "EXPIRES", "GUESTS", "STATE"]
    assert lines[1] == ["build", "a1a1a1a1", "drive", "never", "2", "connected"]
    assert lines[2][:3] == ["build", "a1a1a1a1", "view"]
    assert "\x1b" not in out
    assert URL not in out


def test_links_are_listed_with_their_secrets_for_whoever_asks(cctm, daemon):
    assert cctm("shares", "build", "--links")[1].splitlines()[1].split()[-2:] == ["connected", URL]
    assert daemon.requests == [requests.AskShares("build")]


def test_links_for_scripts(cctm):
    first, second = json.loads(cctm("shares", "--json")[1])
    assert first == {
        "terminal": "build",
        "id": CHANNEL.hex(),
        "link": "a1" * 32,
        "role": "drive",
        "expires": None,
        "guests": 2,
        "url": URL,
        "state": "connected",
    }
    assert second["expires"] == 2**62 / 1e6


def test_that_nothing_is_shared_is_said_beside_an_empty_list(cctm, daemon):
    daemon.replies[requests.AskShares] = replies.Shares([])
    assert cctm("shares")[1] == ""
    assert "Nothing is shared." in cctm("shares")[2]
    assert json.loads(cctm("shares", "--json")[1]) == []


def test_all_links_are_revoked(cctm, daemon):
    status, out, err = cctm("unshare", "build")
    assert (status, out) == (0, "")
    assert err == "Revoked 2 links and removed 2 guests. What they have seen, they have seen.\n"
    assert asked(daemon, requests.Unshare) == [requests.Unshare("build", b"")]


@pytest.mark.parametrize("given", ["c1c1c1c1", "C1C1", "c1" * 32])
def test_one_link_is_revoked_by_its_id(cctm, daemon, given):
    daemon.replies[requests.AskShares] = replies.Shares([FIRST, THIRD])
    assert cctm("unshare", "build", given)[2].startswith("Revoked 1 link and removed 1 guest.")
    assert asked(daemon, requests.Unshare) == [requests.Unshare("build", THIRD.link)]


def test_one_link_is_revoked_by_itself(cctm, daemon):
    assert cctm("unshare", "build", URL)[0] == 0
    assert asked(daemon, requests.Unshare) == [requests.Unshare("build", FIRST.link)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a1a1", "Several links begin with 'a1a1'. Say more of the id: `cctm shares --json`."),
        ("ffff", "There is no such link 'ffff'. See `cctm shares`."),
        ("a1", "There is no such link 'a1'. See `cctm shares`."),
        ("https://x/t/y#secret", "There is no such link. See `cctm shares`."),
    ],
)
def test_a_link_that_is_none_of_them_is_not_revoked_nor_repeated(cctm, daemon, given, said):
    assert cctm("unshare", "build", given) == (1, "", f"cctm: {said}\n")
    assert not asked(daemon, requests.Unshare)


def test_that_its_relay_does_not_know_yet_is_said(cctm, daemon):
    daemon.replies[requests.AskShares] = replies.Shares([FIRST, OWED])
    assert cctm("unshare", "build")[2] == (
        "Revoked 1 link and removed 2 guests. What they have seen, they have seen."
        " But a relay has not heard of what was revoked. Nothing new goes there, and it is told once it is back: see"
        " `cctm shares`.\n"
    )


def test_what_a_relay_does_not_know_yet_is_listed_and_is_no_link(cctm, daemon):
    daemon.replies[requests.AskShares] = replies.Shares([OWED])
    line = cctm("shares", "--links")[1].splitlines()[1]
    assert line.split(maxsplit=5) == ["build", "-", "-", "-", "-", f"{OWED.state}  -"]
    (row,) = json.loads(cctm("shares", "--json")[1])
    assert (row["link"], row["role"], row["url"]) == (None, None, None)
    assert cctm("unshare", "build")[2] == "cctm: build is not shared. See `cctm shares` for what is.\n"


def test_what_is_not_shared_cannot_be_unshared(cctm, daemon):
    daemon.replies[requests.AskShares] = replies.Shares([])
    assert cctm("unshare", "build")[2] == "cctm: build is not shared. See `cctm shares` for what is.\n"
