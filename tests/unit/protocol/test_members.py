"""Members: table, boxes and access list follow from one list."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cctm.protocol.access import Role
from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import LocalError, MalformedError
from cctm.protocol.grant import (
    MAX_GRANT_BYTES,
    MAX_SECRETS,
    Recipient,
    make_grant,
    open_grant_untrusted,
    secrets_that_fit,
)
from cctm.protocol.keys import (
    ChannelId,
    DeviceKeys,
    EpochSecret,
    Incarnation,
    WriterId,
    WriterKey,
    channel_id,
)
from cctm.protocol.link import link_device
from cctm.protocol.log_writer import LogWriter
from cctm.protocol.members import (
    GUEST_VERBS,
    MAX_GUESTS,
    MAX_LINKS,
    NOBODY,
    Guest,
    Members,
    SharedLink,
    decode_members_untrusted,
    encode_members,
)

OWNER = WriterKey.from_seed(b"o" * 32)
CHANNEL: ChannelId = channel_id(OWNER.public)
HOST = DeviceKeys.from_seed(b"h" * 32)
EPOCHS = tuple(EpochSecret(number, bytes((number,)) * 32) for number in (1, 2, 3))


def link(
    number: int, role: Role = Role.VIEWER, first_epoch: int = 2, expires_us: int | None = None
) -> SharedLink:
    secret = number.to_bytes(16, "big")
    return SharedLink(link_device(CHANNEL, secret), secret, role, first_epoch, 5, 3, expires_us)


def device(number: int) -> DeviceKeys:
    return DeviceKeys.from_seed(b"guest" + number.to_bytes(27, "big"))


def guest(number: int, of: SharedLink, label: str = "ada") -> Guest:
    keys = device(number)
    return Guest(WriterId(keys.sign_public), keys.box_public, of.id, label)


VIEW, DRIVE = link(1), link(2, Role.DRIVER, first_epoch=1)
EVERYBODY = (
    NOBODY.with_link(VIEW).with_link(DRIVE).with_guest(guest(1, VIEW)).with_guest(guest(2, DRIVE, "bob"))
)


def test_a_guest_may_do_what_its_link_may() -> None:
    assert EVERYBODY.role_of(guest(1, VIEW).id) is Role.VIEWER
    assert EVERYBODY.role_of(guest(2, DRIVE).id) is Role.DRIVER
    assert EVERYBODY.role_of(WriterId(HOST.sign_public)) is None
    assert EVERYBODY.table(OWNER.public).roles == {
        OWNER.public: Role.OWNER,
        VIEW.id: Role.VIEWER,
        DRIVE.id: Role.DRIVER,
        guest(1, VIEW).id: Role.VIEWER,
        guest(2, DRIVE).id: Role.DRIVER,
    }


def granted(members: Members, reader: DeviceKeys) -> tuple[int, ...]:
    """The epochs that *reader* gets by a grant to *members*."""
    writer = LogWriter(CHANNEL, OWNER, EPOCHS[-1], Incarnation(bytes(16)), 5, None)
    writer.append_open()
    place = writer.place(EntryKind.GRANT)
    recipients = members.recipients(HOST, EPOCHS)
    body = make_grant(place, EPOCHS[-1], recipients, members.table(OWNER.public), bytes(32))
    return tuple(epoch.number for epoch in open_grant_untrusted(reader, place, body).secrets)


def test_each_gets_the_secrets_since_its_link_was_made() -> None:
    assert granted(EVERYBODY, VIEW.device) == (2, 3)
    assert granted(EVERYBODY, device(1)) == (2, 3)
    assert granted(EVERYBODY, DRIVE.device) == (1, 2, 3)
    assert granted(EVERYBODY, device(2)) == (1, 2, 3)
    assert granted(EVERYBODY, HOST) == (3,)


def test_the_relay_lets_in_links_and_guests_to_read_and_speak() -> None:
    access = EVERYBODY.access(OWNER.public)
    assert access.channel == CHANNEL
    assert set(access.members) == {VIEW.id, DRIVE.id, guest(1, VIEW).id, guest(2, DRIVE).id}
    assert set(access.members.values()) == {GUEST_VERBS}


def test_a_void_link_takes_all_that_came_by_it_along() -> None:
    left = EVERYBODY.without_link(VIEW.id)
    assert left.guests == (guest(2, DRIVE, "bob"),)
    assert left.role_of(guest(1, VIEW).id) is None
    assert VIEW.id not in left.table(OWNER.public).roles


def test_kicking_one_voids_the_link_and_keeps_its_other_guests() -> None:
    members = EVERYBODY.with_guest(guest(3, DRIVE, "eve")).without_guest(guest(3, DRIVE).id)
    assert members.role_of(guest(2, DRIVE).id) is Role.DRIVER
    assert members.role_of(guest(3, DRIVE).id) is None
    assert not members.is_in(DRIVE.id)
    assert DRIVE.id not in members.access(OWNER.public).members
    assert DRIVE.id not in members.table(OWNER.public).roles
    assert granted(members, device(2)) == (1, 2, 3)
    assert members.without_guest(guest(2, DRIVE).id).link(DRIVE.id) is None


def test_every_change_is_a_newer_access_list() -> None:
    states = [NOBODY]
    states.append(states[-1].with_link(VIEW))
    states.append(states[-1].with_guest(guest(1, VIEW)))
    states.append(states[-1].without_guest(guest(1, VIEW).id))
    states.append(states[-1].nobody())
    versions = [members.access(OWNER.public).version for members in states[1:]]
    assert versions == sorted(set(versions))


def test_a_link_expires_with_its_guests() -> None:
    short = link(3, expires_us=1_000)
    members = EVERYBODY.with_link(short).with_guest(guest(4, short))
    assert members.without_expired(999) == members
    later = members.without_expired(1_000)
    assert (later.links, later.guests) == (EVERYBODY.links, EVERYBODY.guests)


def test_who_stays_when_another_is_kicked_goes_when_the_link_would_have_expired() -> None:
    short = link(3, expires_us=1_000)
    members = EVERYBODY.with_link(short).with_guest(guest(4, short)).with_guest(guest(5, short))
    left = members.without_guest(guest(4, short).id)
    assert left.without_expired(999).guest(guest(5, short).id) is not None
    assert left.without_expired(1_000).guest(guest(5, short).id) is None


def test_a_void_link_brings_nobody_new() -> None:
    members = EVERYBODY.with_guest(guest(3, DRIVE, "eve")).without_guest(guest(3, DRIVE).id)
    with pytest.raises(LocalError):
        members.with_newcomer(guest(6, DRIVE))
    assert EVERYBODY.with_newcomer(guest(6, DRIVE)).guest(guest(6, DRIVE).id) is not None


def test_a_relay_is_told_when_the_last_link_expires() -> None:
    soon, late = link(3, expires_us=1_000), link(4, expires_us=2_000)
    both = NOBODY.with_link(soon).with_link(late)
    assert both.access(OWNER.public).expires_us == 2_000
    assert both.with_link(VIEW).access(OWNER.public).expires_us is None
    assert both.nobody().access(OWNER.public).expires_us is None


def test_what_is_shared_since_when() -> None:
    assert not NOBODY
    assert NOBODY.with_link(VIEW).first_generation == 5
    assert EVERYBODY.first_generation == 1


def test_no_guest_changes_its_link_or_poses_as_one() -> None:
    with pytest.raises(LocalError):
        EVERYBODY.with_guest(guest(1, DRIVE))
    with pytest.raises(LocalError):
        EVERYBODY.with_guest(guest(5, link(9)))
    with pytest.raises(LocalError):
        EVERYBODY.with_guest(Guest(VIEW.id, VIEW.device.box_public, DRIVE.id, "link"))
    with pytest.raises(LocalError):
        EVERYBODY.with_link(link(7, Role.OWNER))
    assert EVERYBODY.with_guest(guest(1, VIEW, "grace")).guest(guest(1, VIEW).id) == guest(1, VIEW, "grace")


def test_there_are_so_many_and_no_more() -> None:
    members = NOBODY
    for number in range(MAX_LINKS):
        members = members.with_link(link(number))
    with pytest.raises(LocalError):
        members.with_link(link(MAX_LINKS))
    for number in range(MAX_GUESTS):
        keys = number.to_bytes(32, "big")
        members = members.with_guest(Guest(WriterId(keys), keys, members.links[0].id, "x"))
    with pytest.raises(LocalError):
        members.with_guest(guest(1, members.links[0]))


def test_what_was_kept_is_what_comes_back() -> None:
    members = EVERYBODY.without_guest(guest(1, VIEW).id).at("https://relay.example", has_floor=True)
    assert encode_members(decode_members_untrusted(encode_members(members), CHANNEL)) == encode_members(
        members
    )
    for cut in range(len(encode_members(members))):
        with pytest.raises(MalformedError):
            decode_members_untrusted(encode_members(members)[:cut], CHANNEL)


def test_secrets_are_in_no_repr() -> None:
    assert VIEW.secret.hex() not in repr(EVERYBODY)
    assert repr(VIEW.secret) not in repr(EVERYBODY)


def many(guests: int) -> Members:
    """So many guests of links to the whole past, and as many links as there may be."""
    past = [link(number, first_epoch=1) for number in range(MAX_LINKS)]
    members = NOBODY
    for one in past:
        members = members.with_link(one)
    rows = tuple(guest(number, past[number % MAX_LINKS]) for number in range(guests))
    return replace(members, guests=rows)


def body(members: Members, epochs: Sequence[EpochSecret], recipients: Sequence[Recipient]) -> bytes:
    writer = LogWriter(CHANNEL, OWNER, epochs[-1], Incarnation(bytes(16)), 5, None)
    writer.append_open()
    place = writer.place(EntryKind.GRANT)
    return make_grant(place, epochs[-1], recipients, members.table(OWNER.public), bytes(32))


@pytest.mark.untraced
@pytest.mark.parametrize(("guests", "number"), [(MAX_GUESTS, 1_000), (447, 2_000), (63, 5_000), (0, 5_000)])
def test_a_grant_holds_as_many_of_the_newest_secrets_as_fit(guests: int, number: int) -> None:
    members = many(guests)
    epochs = [EpochSecret(n, n.to_bytes(32, "big")) for n in range(1, number + 1)]
    recipients = members.recipients(HOST, epochs)
    most = secrets_that_fit(len(recipients), len(recipients), number)
    made = body(members, epochs, recipients)
    assert {recipient.secrets for recipient in recipients} == {tuple(epochs[-1:]), tuple(epochs[-most:])}
    assert MAX_GRANT_BYTES * 0.8 < len(made) <= MAX_GRANT_BYTES or most == MAX_SECRETS


@pytest.mark.untraced
@pytest.mark.parametrize(("guests", "number"), [(MAX_GUESTS, 1_000), (0, 5_000)])
def test_no_grant_holds_many_more(guests: int, number: int) -> None:
    members = many(guests)
    epochs = [EpochSecret(n, n.to_bytes(32, "big")) for n in range(1, number + 1)]
    most = secrets_that_fit(guests, guests, number)
    few = members.recipients(HOST, epochs[-1:])
    more = [Recipient(recipient.box_public, tuple(epochs[-most * 21 // 20 :])) for recipient in few]
    with pytest.raises(LocalError):
        body(members, epochs, more)


def test_who_may_see_little_gets_all_of_it() -> None:
    recipients = EVERYBODY.recipients(HOST, EPOCHS)
    assert [len(recipient.secrets) for recipient in recipients] == [1, 2, 3, 2, 3]
