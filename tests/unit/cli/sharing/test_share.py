"""`cctm share`: a new link, where it is shown and where not."""

import json
import os
import time

import pytest

from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.link import decode_link_untrusted
from samples import CHANNEL
from sharing_commands import FIRST, URL, asked


def test_a_new_link_is_all_that_stands_on_standard_output(cctm, daemon):
    status, out, err = cctm("share", "build")
    assert (status, out) == (0, URL + "\n")
    assert err == "Whoever has this link can watch. `cctm unshare build` revokes it.\n"
    assert asked(daemon, requests.Share) == [requests.Share("build", Role.VIEWER, False, False, None)]


def test_that_a_new_links_relay_is_not_reached_is_said_with_the_reason(cctm, daemon):
    away = FIRST._replace(state="reconnecting: Nothing listens at https://relay.example.")
    daemon.replies[requests.AskShares] = replies.Shares([away])
    status, out, err = cctm("share", "build")
    assert (status, out) == (0, URL + "\n")
    assert "Nobody can join yet: Nothing listens at https://relay.example. `cctm shares` tells" in err


def test_a_link_through_this_machine_itself_says_how_far_it_reaches(cctm, daemon, tmp_path):
    (tmp_path / "home" / "relay.port").write_text("443\n")
    assert "It works where relay.example, this machine, is reached." in cctm("share", "build")[2]
    (tmp_path / "home" / "relay.port").write_text("444\n")
    assert "this machine" not in cctm("share", "build")[2]


def test_a_link_that_expires_at_once_is_not_made(cctm, daemon):
    status, _, err = cctm("share", "build", "--expires", "0s")
    assert status != 0
    assert "A link that expires at once lets nobody in. Say 30m" in err
    assert daemon.requests == []


def test_what_a_link_is_for_is_said_to_the_daemon(cctm, daemon):
    before = time.time_ns() // 1000
    status, _, err = cctm("share", "build", "--drive", "--history", "--floor", "--expires", "2h")
    after = time.time_ns() // 1000
    [request] = asked(daemon, requests.Share)
    assert status == 0
    assert request[:4] == ("build", Role.DRIVER, True, True)
    assert before <= request.expires_us - 7_200_000_000 <= after
    assert err.startswith(
        "Whoever has this link can watch and type, and read what was printed before, for 2h."
    )


def test_a_link_never_expires_later_than_a_message_can_say(cctm, daemon):
    assert cctm("share", "build", "--expires", "999999999w")[0] == 0
    assert daemon.requests[0].expires_us < 2**63


def test_inside_a_terminal_that_one_is_shared(cctm, daemon, monkeypatch):
    monkeypatch.setenv("CCTM_TERMINAL", CHANNEL.hex())
    status, out, err = cctm("share")
    assert (status, out) == (0, URL + "\n")
    assert f"`cctm unshare {CHANNEL.hex()[:8]}`" in err
    assert daemon.requests[-1].target == CHANNEL.hex()


def test_outside_of_any_terminal_one_must_be_named(cctm):
    assert cctm("share") == (
        2,
        "",
        "cctm: TERMINAL is missing. Name one of `cctm ls`, or call this inside it.\n",
    )


def test_a_qr_code_stands_beside_the_link_and_not_in_its_way(cctm):
    _, out, err = cctm("share", "build", "--qr")
    assert out == URL + "\n"
    assert "██ ▄▄▄▄▄ █" in err  # light on dark: the corner of every code
    assert "\x1b" not in err


def test_a_link_for_scripts(cctm):
    shown = json.loads(cctm("share", "build", "--json", "--drive")[1])
    link = decode_link_untrusted(URL)
    assert shown == {
        "url": URL,
        "id": CHANNEL.hex(),
        "link": link.device.sign_public.hex(),
        "role": "drive",
        "expires": None,
    }


def test_a_link_that_this_command_does_not_understand_is_no_json(cctm, daemon):
    daemon.replies[requests.Share] = replies.Link("https://relay.example/newer")
    status, out, err = cctm("share", "build", "--json")
    assert (status, out) == (1, "")
    assert "of another version" in err


@pytest.fixture
def window(monkeypatch):
    """Standard output is a terminal, standard error is not."""
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 1)


@pytest.fixture
def beside(monkeypatch):
    """Standard error is a terminal, standard output is not."""
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 2)


def test_in_a_window_a_qr_code_is_dark_on_light_unless_no_colours_are_wanted(cctm, beside, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    _, out, err = cctm("share", "build", "--qr")
    assert out == URL + "\n"
    assert "\x1b[38;5;16;48;5;231m  █▀▀▀▀▀█ " in err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in cctm("share", "build", "--qr")[2]


def test_a_qr_code_is_a_link_that_is_not_shown_where_others_watch(cctm, daemon, monkeypatch, beside):
    monkeypatch.setenv("CCTM_TERMINAL", CHANNEL.hex())
    assert cctm("share", "elsewhere", "--qr")[:2] == (1, "")
    assert cctm("share", "elsewhere")[:2] == (0, URL + "\n")


@pytest.mark.parametrize(
    "arguments", [("share",), ("share", "build"), ("share", "elsewhere"), ("shares", "--links")]
)
def test_a_link_is_not_shown_where_others_watch(cctm, daemon, monkeypatch, window, arguments):
    monkeypatch.setenv("CCTM_TERMINAL", CHANNEL.hex())
    status, out, err = cctm(*arguments)
    assert (status, out) == (1, "")
    assert "would read the link" in err
    assert not asked(daemon, requests.Share)


@pytest.mark.parametrize(
    ("target", "status"), [("build", 1), (CHANNEL.hex()[:6].upper(), 1), ("elsewhere", 0)]
)
def test_a_link_is_not_shown_in_the_terminal_that_it_shares(
    cctm, daemon, monkeypatch, window, target, status
):
    daemon.replies[requests.AskShares] = replies.Shares([])
    monkeypatch.setenv("CCTM_TERMINAL", CHANNEL.hex())
    assert cctm("share", target)[0] == status
