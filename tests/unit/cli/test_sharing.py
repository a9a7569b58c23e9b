"""Commands about shared terminals, with a daemon of the test's own at the control socket of a home."""

import json
import os
import socket
import sys
import threading
import time

import pytest

from archive_fixtures import make_home
from cctm.cli.commands import join
from cctm.cli.main import main
from cctm.protocol.access import Role
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import VERSION, FrameReader, encode_message
from cctm.protocol.control.replies import LinkRow, PersonRow, Presence
from cctm.protocol.control.values import Reason, Rights
from cctm.protocol.link import Link, decode_link_untrusted, encode_link
from cctm.protocol.origin import Origin
from control_messages import ROW
from samples import CHANNEL, drawn

URL = encode_link(Link(Origin("https", "relay.example", 443), CHANNEL, drawn("link", 16), 3, 7))
RUNNING = ROW._replace(running=True, ended_us=None, how=None, code=None, stalled="")
OWN = RUNNING._replace(channel=CHANNEL, name="build")
JOINED = RUNNING._replace(channel=b"\7" * 32, name="theirs", place="https://relay.example")
FIRST = LinkRow(CHANNEL, "build", b"\xa1" * 32, Role.DRIVER, None, 2, URL, "connected")
SECOND = LinkRow(
    CHANNEL, "build", b"\xa1" * 31 + b"\0", Role.VIEWER, 2**62, 0, "other", "reconnecting: \x1b[31m"
)
THIRD = FIRST._replace(link=b"\xc1" * 32, guests=1)
OWED = LinkRow(CHANNEL, "build", b"", 0, None, 0, "", "a relay has not heard of what was revoked")
ANA = PersonRow(b"\xb1" * 32, "ana", Role.DRIVER, FIRST.link, 1, 5_500_000, 4_321)
HOST = PersonRow(b"", "", Role.OWNER, b"", 1, None, None)
TWIN = ANA._replace(who=b"\xb2" * 32, role=Role.VIEWER, idle_us=0, round_trip_us=123_456)
BO = ANA._replace(who=b"\xb3" * 32, label="bo", link=b"\xc3" * 32, idle_us=None, round_trip_us=None)
PEOPLE = Presence([HOST, ANA], b"", ANA.who)


class Daemon:
    """Gives to each request the reply that is due for its type, and keeps the requests."""

    def __init__(self, home):
        self.replies = {}
        self.requests = []
        self._is_open = True
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(home.control_socket)
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            connection, _ = self._listening.accept()
            with connection:
                if not self._is_open:
                    return
                frames = FrameReader()
                while data := connection.recv(65536):
                    for message in frames.receive_untrusted(data):
                        connection.sendall(encode_message(self._answer(message)))

    def _answer(self, message):
        if isinstance(message, requests.Hello):
            return replies.Welcome(VERSION, "test", os.getpid())
        self.requests.append(message)
        return self.replies.get(type(message), replies.Refused(Reason.FAILED, "No.", "Sorry."))

    def close(self):
        self._is_open = False
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self._listening.getsockname())
        self._thread.join()
        self._listening.close()


@pytest.fixture
def daemon(tmp_path):
    home = make_home(tmp_path / "home")
    one = Daemon(home)
    one.replies = {
        requests.Share: replies.Link(URL),
        requests.AskShares: replies.Shares([FIRST, SECOND]),
        requests.AskPeople: PEOPLE,
        requests.Unshare: replies.Done(),
        requests.Kick: replies.Done(),
        requests.Join: replies.Created(b"\7" * 32, "theirs"),
        requests.List: replies.Listing([OWN, JOINED], False),
    }
    yield one
    one.close()


@pytest.fixture
def cctm(daemon, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("CCTM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CCTM_TERMINAL", raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["cctm", *arguments])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, *capsys.readouterr()

    return call


def asked(daemon, kind):
    return [request for request in daemon.requests if isinstance(request, kind)]


# --- share


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


# --- shares and unshare


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


# --- who and kick


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


# --- join


def test_a_link_comes_on_standard_input_where_nobody_can_be_asked(cctm, daemon, monkeypatch, tmp_path):
    (tmp_path / "link").write_text(f"  {URL}\n")
    with (tmp_path / "link").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert cctm("join", "-d", "--as", "ana") == (0, "theirs\n", "")
    assert daemon.requests == [requests.Join(URL, Rights.DRIVE, "ana")]


def test_what_joining_waits_for_is_said(cctm, daemon, monkeypatch):
    monkeypatch.setattr(
        join, "wait", lambda _, seconds: seconds is None
    )  # the answer takes longer than anybody waits
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


# --- all


@pytest.mark.parametrize(
    "arguments", ["share build", "shares", "unshare build", "who build", "kick build ana", f"join -d {URL}"]
)
def test_what_the_daemon_refuses_is_said(cctm, daemon, arguments):
    daemon.replies = {}
    daemon.replies[requests.List] = replies.Listing([], False)
    assert cctm(*arguments.split()) == (1, "", "cctm: No. Sorry.\n")
