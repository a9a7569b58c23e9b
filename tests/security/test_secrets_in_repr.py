"""Nothing that holds a secret shows it."""

import pytest

from cctm.cli.pages.together import ShowLink
from cctm.protocol.control import replies, requests
from cctm.protocol.entry import EntryKind, Place
from cctm.protocol.errors import LocalError
from cctm.protocol.grant import Grant, Recipient, open_grant_untrusted
from cctm.protocol.keys import EpochSecret
from cctm.protocol.log import LogVerifier
from control_messages import LINK
from samples import CHANNEL, DEVICE, EPOCH, HOST, NEXT_EPOCH, TABLE, begin, host_writer

SECRETS = [
    DEVICE.seed,
    DEVICE.wrap_key,
    DEVICE.box_secret,
    DEVICE._sign_secret,
    DEVICE._sign_secret[:32],
    HOST.seed,
    HOST._secret,
    EPOCH.secret,
    NEXT_EPOCH.secret,
]

WRITER = host_writer()
CHAIN = begin(WRITER)
GRANTED = open_grant_untrusted(
    DEVICE,
    Place(CHANNEL, WRITER.log, 1, EntryKind.GRANT, EPOCH.key_id, CHAIN[1].prev),
    CHAIN[1].entry.body,
)


@pytest.mark.parametrize(
    "holder",
    [
        DEVICE,
        HOST,
        EPOCH,
        WRITER,
        GRANTED,
        Grant(EPOCH, (EPOCH, NEXT_EPOCH), TABLE),
        Recipient(DEVICE.box_public, (EPOCH, NEXT_EPOCH)),
        LogVerifier(CHANNEL, WRITER.log),
        [DEVICE, {"keys": HOST}],
    ],
    ids=lambda holder: type(holder).__name__,
)
@pytest.mark.parametrize("show", [repr, str, "{0}".format])
def test_no_repr_shows_a_secret(holder, show):
    shown = show(holder)
    for secret in SECRETS:
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
        assert str(list(secret))[1:-1] not in shown


@pytest.mark.parametrize(
    "message",
    [requests.Join(LINK.url, 0, "ana"), replies.Link(LINK.url), replies.Shares([LINK]), ShowLink(LINK)],
    ids=lambda message: type(message).__name__,
)
@pytest.mark.parametrize("show", [repr, str, "{0}".format])
def test_no_repr_shows_a_link(message, show):
    assert type(message).__name__ in show(message)
    assert LINK.url not in show(message)


def test_the_errors_about_secrets_do_not_show_them():
    with pytest.raises(LocalError) as caught:
        EpochSecret(0, EPOCH.secret)
    assert repr(EPOCH.secret)[2:-1] not in repr(caught.value)


def test_secrets_are_not_compared_by_their_holders():
    assert type(DEVICE).from_seed(DEVICE.seed) != DEVICE
