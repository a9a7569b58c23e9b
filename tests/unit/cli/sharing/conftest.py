"""Commands about shared terminals, and the daemon that they ask."""

import sys

import pytest

from archive_fixtures import make_home
from cctm.cli.main import main
from cctm.protocol.control import replies, requests
from sharing_commands import FIRST, JOINED, OWN, PEOPLE, SECOND, URL, Daemon


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
