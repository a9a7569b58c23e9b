"""Commands about shared terminals, and the daemon that they ask."""

import pytest

from archive_fixtures import make_home
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
def cctm(daemon, cctm):
    """The command, with that daemon at its control socket."""
    return cctm
