"""What all commands about shared terminals say that the daemon refuses."""

import pytest

from cctm.protocol.control import replies, requests
from sharing_commands import URL


@pytest.mark.parametrize(
    "arguments", ["share build", "shares", "unshare build", "who build", "kick build ana", f"join -d {URL}"]
)
def test_what_the_daemon_refuses_is_said(cctm, daemon, arguments):
    daemon.replies = {}
    daemon.replies[requests.List] = replies.Listing([], False)
    assert cctm(*arguments.split()) == (1, "", "cctm: No. Sorry.\n")
