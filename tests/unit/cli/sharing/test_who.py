"""`cctm who` and `cctm kick`: the people, and who is removed."""

import json
import time

import pytest

from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import Presence
from samples import CHANNEL
from sharing_commands import ANA, BO, HOST, JOINED, TWIN, asked


def test_people_are_listed_with_what_they_do(cctm):
    status, out, _ = cctm("who", CHANNEL.hex()[:8])
    lines = [line.split() for line in out.splitlines()]
    assert status == 0
    assert lines[0] == ["TERMINAL", "WHO", "ID", "ROLE", "HERE", "TYPED", "ROUND", "TRIP"]
    assert lines[1][:5] == ["build", "you", "-", "owner", lines[1][4]]
    assert lines[2][:7] == ["build", "ana", "b1b1b1b1", "drive,", "has", "the", "keyboard"]
    assert lines[2][8:] == ["5s", "ago", "4.3", "ms"]


def test_people_of_all_terminals_that_are_shared_or_were_joined_are_listed(cctm, daemon):
    lines = cctm("who")[1].splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["build", "build", "theirs", "theirs"]
    assert [request.target for request in asked(daemon, requests.AskPeople)] == [
        CHANNEL.hex(),
        JOINED.channel.hex(),
    ]


def test_people_for_scripts(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST, TWIN], TWIN.who, None)
    host, twin = json.loads(cctm("who", "build", "--json")[1])
    assert (host["who"], host["link"], host["idle"], host["you"]) == (None, None, None, False)
    assert twin == {
        "terminal": "build",
        "who": "b2" * 32,
        "label": "ana",
        "role": "view",
        "link": "a1" * 32,
        "since": 1e-6,
        "idle": 0.0,
        "round_trip": 0.123456,
        "here": True,
        "seen": None,
        "you": True,
        "keyboard": False,
    }


def test_that_nobody_is_there_is_said_beside_an_empty_list(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([], b"", None)
    assert cctm("who", "build")[1] == ""
    assert "Nobody is here" in cctm("who")[2]
    assert json.loads(cctm("who", "--json")[1]) == []


def test_that_the_host_of_a_joined_terminal_is_silent_is_not_taken_for_not_shared(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([], TWIN.who, None)
    assert cctm("who", "theirs")[2].startswith("Its host does not say who is here.")


def test_since_when_the_host_is_there_is_left_open_where_it_is_not_known(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST._replace(since_us=0), TWIN], TWIN.who, None)
    assert json.loads(cctm("who", "theirs", "--json")[1])[0]["since"] is None
    assert cctm("who", "theirs")[1].splitlines()[1].split() == ["theirs", "host", "-", "owner", "-", "-", "-"]


def test_a_guest_is_told_that_removing_is_the_hosts(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST, ANA], TWIN.who, None)
    assert cctm("kick", "theirs", "ana")[2].startswith("cctm: Only the host removes guests")
    assert not asked(daemon, requests.Kick)


@pytest.mark.parametrize(
    ("given", "label"), [("ana", "ana"), ("b1b1b1b1", ""), ("B1B1", ""), ("b1" * 32, "")]
)
def test_a_guest_is_removed_by_name_or_id(cctm, daemon, given, label):
    daemon.replies[requests.AskShares] = replies.Shares([])
    status, out, err = cctm("kick", "build", given)
    assert (status, out) == (0, "")
    assert err.startswith(f"Removed {given}, and revoked their link.")
    assert err.endswith("What they have seen, they have seen.\n")
    assert asked(daemon, requests.Kick) == [requests.Kick("build", ANA.who, label)]


def test_a_guest_who_is_away_is_listed_and_can_be_removed(cctm, daemon):
    away = BO._replace(since_us=0, seen_us=int((time.time() - 7_300) * 1e6))
    daemon.replies[requests.AskPeople] = Presence([HOST, away], b"", None)
    assert "away for 2h" in cctm("who", "build")[1]
    (_, row) = json.loads(cctm("who", "build", "--json")[1])
    assert (row["here"], row["since"], row["seen"]) == (False, None, away.seen_us / 1e6)
    assert cctm("kick", "build", "bo")[0] == 0
    assert asked(daemon, requests.Kick) == [requests.Kick("build", BO.who, "bo")]


def test_since_when_somebody_is_away_is_left_open_where_it_is_not_known(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST, BO._replace(since_us=0, seen_us=0)], b"", None)
    assert cctm("who", "build")[1].splitlines()[2].split() == [
        *("build", "bo", "b3b3b3b3", "drive", "away", "-", "-")
    ]
    assert json.loads(cctm("who", "build", "--json")[1])[1]["seen"] is None


def test_one_person_with_several_keys_is_removed_by_name(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST, ANA, TWIN], b"", None)
    assert cctm("kick", "build", "ana")[0] == 0
    assert asked(daemon, requests.Kick) == [requests.Kick("build", ANA.who, "ana")]


def test_who_else_came_by_the_link_is_said(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST, ANA, BO._replace(link=ANA.link)], b"", None)
    said = "By it came also ana (b1b1b1b1), bo (b3b3b3b3): `cctm unshare build a1a1a1a1` removes them, too."
    assert said in cctm("kick", "build", "b1b1")[2]


def test_all_who_came_by_the_link_are_removed_if_that_is_asked_for(cctm, daemon):
    assert cctm("kick", "build", "ana", "--revoke")[2].startswith("Removed all who came by the same link")
    assert asked(daemon, requests.Unshare) == [requests.Unshare("build", ANA.link)]
    assert not asked(daemon, requests.Kick)


@pytest.mark.parametrize(
    ("people", "given", "said"),
    [
        (
            [ANA, TWIN._replace(link=b"\7" * 32)],
            "ana",
            "'ana' may mean several: b1b1b1b1 (ana), b2b2b2b2 (ana). Say one of these ids.",
        ),
        (
            [ANA, BO._replace(label="b1b1b1b1")],
            "b1b1b1b1",
            "'b1b1b1b1' may mean several: b3b3b3b3 (b1b1b1b1), b1b1b1b1b (ana). Say one of these ids.",
        ),
        (
            [ANA, BO._replace(who=b"\xb1" * 31 + b"\0")],
            "b1b1",
            f"'b1b1' may mean several: {'b1' * 31}b (ana), {'b1' * 31}0 (bo). Say one of these ids.",
        ),
        ([ANA], "eve", "There is no guest 'eve'. See `cctm who`."),
        ([ANA], "dd" * 32, f"There is no guest '{'dd' * 32}'. See `cctm who`."),
    ],
)
def test_who_is_not_clearly_meant_stays(cctm, daemon, people, given, said):
    daemon.replies[requests.AskPeople] = Presence([HOST, *people], b"", None)
    assert cctm("kick", "build", given) == (1, "", f"cctm: {said}\n")
    assert not asked(daemon, requests.Kick)


def test_a_whole_id_means_whose_it_is_whatever_others_call_themselves(cctm, daemon):
    daemon.replies[requests.AskPeople] = Presence([HOST, ANA, BO._replace(label=ANA.who.hex())], b"", None)
    assert cctm("kick", "build", ANA.who.hex())[0] == 0
    assert asked(daemon, requests.Kick) == [requests.Kick("build", ANA.who, "")]
