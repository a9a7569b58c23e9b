"""cctm.protocol.grant: who gets the secrets."""

import dataclasses

import pytest

from cctm.protocol.access import Role
from cctm.protocol.codec import decode_untrusted, encode
from cctm.protocol.entry import EntryKind, Place
from cctm.protocol.errors import LocalError, MalformedError, OpenError
from cctm.protocol.events import LogHead
from cctm.protocol.grant import (
    MAX_BOXES,
    MAX_CUTS,
    MAX_ROLES,
    MAX_SECRETS,
    Recipient,
    Table,
    decode_box_untrusted,
    decode_grant_body_untrusted,
    decode_table_untrusted,
    make_grant,
    open_grant_untrusted,
    open_table_untrusted,
)
from cctm.protocol.keys import DeviceKeys, Digest, EpochSecret, LogId, WriterId, log_id
from cctm.protocol.seal import box, frame, unbox, unframe_untrusted
from samples import (
    CHANNEL,
    DEVICE,
    EPOCH,
    HOST,
    INCARNATION,
    MEMBER,
    NEXT_EPOCH,
    OTHER_CHANNEL,
    OTHER_DEVICE,
    PREDECESSOR,
    TABLE,
    drawn,
)

LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)
PLACE = Place(CHANNEL, LOG, 1, EntryKind.GRANT, NEXT_EPOCH.key_id, Digest(drawn("prev")))
BOTH = (EPOCH, NEXT_EPOCH)
RECIPIENTS = [Recipient(DEVICE.box_public, BOTH), Recipient(OTHER_DEVICE.box_public, (NEXT_EPOCH,))]
BODY = make_grant(PLACE, NEXT_EPOCH, RECIPIENTS, TABLE, drawn("grant"))


def devices(count):
    return [DeviceKeys.from_seed(drawn(f"device {number}")) for number in range(count)]


def body_with(plain, table=None):
    """A grant body whose first box holds *plain* for DEVICE."""
    boxes, sealed_table = decode_grant_body_untrusted(BODY)
    size = max(len(boxes[0]) - 48, len(frame(plain)))
    made = [box(DEVICE.box_public, frame(plain, size), drawn(str(number))) for number in range(4)]
    return encode([made, sealed_table if table is None else table])


def test_each_recipient_gets_its_own_secrets_and_all_the_same_table():
    grant = open_grant_untrusted(DEVICE, PLACE, BODY)
    assert (grant.epoch, grant.secrets, grant.table) == (NEXT_EPOCH, BOTH, TABLE)
    other = open_grant_untrusted(OTHER_DEVICE, PLACE, BODY)
    assert (other.epoch, other.secrets, other.table) == (NEXT_EPOCH, (NEXT_EPOCH,), TABLE)


def test_nobody_else_gets_anything():
    with pytest.raises(OpenError):
        open_grant_untrusted(DeviceKeys.from_seed(drawn("stranger")), PLACE, BODY)


def test_who_has_the_epochs_secret_reads_the_table_without_a_box():
    assert open_table_untrusted(NEXT_EPOCH, PLACE, BODY) == TABLE
    with pytest.raises(OpenError):
        open_table_untrusted(EPOCH, PLACE, BODY)


@pytest.mark.parametrize(("count", "boxes"), [(1, 4), (4, 4), (5, 8), (9, 16)])
def test_boxes_are_filled_up_to_a_power_of_two_and_equally_long(count, boxes):
    recipients = [Recipient(device.box_public, (NEXT_EPOCH,)) for device in devices(count)]
    body = make_grant(PLACE, NEXT_EPOCH, recipients, TABLE, drawn("grant"))
    made, _ = decode_grant_body_untrusted(body)
    assert len(made) == boxes
    assert len({len(item) for item in made}) == 1
    assert len(set(made)) == boxes
    for device in devices(count):
        assert open_grant_untrusted(device, PLACE, body).epoch == NEXT_EPOCH


def test_the_order_of_boxes_does_not_tell_the_order_of_recipients():
    places = set()
    for number in range(40):
        body = make_grant(PLACE, NEXT_EPOCH, RECIPIENTS, TABLE, drawn(f"grant {number}"))
        made, _ = decode_grant_body_untrusted(body)
        for index, boxed in enumerate(made):
            try:
                unbox(DEVICE.box_public, DEVICE.box_secret, boxed)
            except OpenError:
                continue
            places.add(index)
    assert places == {0, 1, 2, 3}


def test_a_table_reads_the_same_in_whatever_order_it_was_made():
    roles = dict(reversed(TABLE.roles.items()))
    assert make_grant(PLACE, NEXT_EPOCH, RECIPIENTS, Table(roles, TABLE.cuts), drawn("grant")) == BODY


@pytest.mark.parametrize(
    ("place", "epoch", "recipients", "table"),
    [
        (dataclasses.replace(PLACE, kind=EntryKind.DATA), NEXT_EPOCH, RECIPIENTS, TABLE),
        (PLACE, EPOCH, RECIPIENTS, TABLE),
        (PLACE, NEXT_EPOCH, [], TABLE),
        (PLACE, NEXT_EPOCH, RECIPIENTS * (MAX_BOXES // 2) + RECIPIENTS[:1], TABLE),
        (PLACE, NEXT_EPOCH, [Recipient(DEVICE.box_public, (EPOCH,))], TABLE),
        (PLACE, NEXT_EPOCH, [Recipient(DEVICE.box_public, ())], TABLE),
        (PLACE, NEXT_EPOCH, [Recipient(DEVICE.box_public, (NEXT_EPOCH, NEXT_EPOCH))], TABLE),
        (PLACE, NEXT_EPOCH, [Recipient(DEVICE.box_public[:31], BOTH)], TABLE),
        (PLACE, NEXT_EPOCH, [Recipient(bytes(32), BOTH)], TABLE),
        (PLACE, NEXT_EPOCH, RECIPIENTS, Table(TABLE.roles, (PREDECESSOR, PREDECESSOR))),
        (PLACE, NEXT_EPOCH, RECIPIENTS, Table({}, (PREDECESSOR,) * (MAX_CUTS + 1))),
        (PLACE, NEXT_EPOCH, RECIPIENTS, Table({WriterId(b"short"): Role.OWNER}, ())),
        (
            PLACE,
            NEXT_EPOCH,
            RECIPIENTS,
            Table({WriterId(n.to_bytes(32, "big")): Role.VIEWER for n in range(MAX_ROLES + 1)}, ()),
        ),
    ],
)
def test_a_grant_that_nobody_could_use_is_not_made(place, epoch, recipients, table):
    with pytest.raises(LocalError):
        make_grant(place, epoch, recipients, table, drawn("grant"))


def test_a_grant_beyond_the_size_of_any_entry_is_not_made():
    many = tuple(EpochSecret(number, drawn(str(number))) for number in range(3, 3 + MAX_SECRETS))
    place = dataclasses.replace(PLACE, key_id=many[-1].key_id)
    first, *others = devices(65)  # all boxes are of the size of the largest
    recipients = [Recipient(first.box_public, many)]
    recipients += [Recipient(other.box_public, many[-1:]) for other in others]
    with pytest.raises(LocalError, match="grant size"):
        make_grant(place, many[-1], recipients, TABLE, drawn("grant"))
    with pytest.raises(LocalError, match="secrets"):
        make_grant(place, many[-1], [Recipient(DEVICE.box_public, (EPOCH, *many))], TABLE, drawn("grant"))


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ([[bytes(112)] * 4, bytes(104)], True),
        ([[bytes(112)] * 8, bytes(104)], True),
        ([[bytes(112)] * 3, bytes(104)], False),
        ([[bytes(112)] * 5, bytes(104)], False),
        ([[bytes(112)] * 2_048, bytes(104)], False),
        ([[bytes(112)] * 3 + [bytes(113)], bytes(104)], False),
        ([[bytes(111)] * 4, bytes(104)], False),
        ([[bytes(112)] * 4, bytes(103)], False),
        ([[bytes(112)] * 4, None], False),
        ([[bytes(112)] * 4], False),
        ([], False),
    ],
)
def test_the_outside_of_a_grant_needs_no_key_to_be_checked(value, fits):
    if fits:
        assert decode_grant_body_untrusted(encode(value)) == (value[0], value[1])
        return
    with pytest.raises(MalformedError):
        decode_grant_body_untrusted(encode(value))


def pairs(*secrets):
    return [[secret.number, secret.secret] for secret in secrets]


GOOD_BOX = ["cctm grant box", CHANNEL, 2, DEVICE.box_public, pairs(EPOCH, NEXT_EPOCH)]


def test_a_box_holds_what_the_specification_says():
    assert open_grant_untrusted(DEVICE, PLACE, body_with(encode(GOOD_BOX))).secrets == BOTH
    boxes, _ = decode_grant_body_untrusted(BODY)
    opened = []
    for boxed in boxes:
        try:
            opened.append(unbox(DEVICE.box_public, DEVICE.box_secret, boxed))
        except OpenError:
            continue
    assert [decode_untrusted(unframe_untrusted(framed), 1_000) for framed in opened] == [GOOD_BOX]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({0: "cctm grant"}, OpenError),
        ({1: OTHER_CHANNEL}, OpenError),
        ({2: 1}, OpenError),
        ({2: 3}, OpenError),
        ({2: 0}, MalformedError),
        ({3: OTHER_DEVICE.box_public}, OpenError),
        ({4: pairs(EPOCH)}, OpenError),
        ({4: pairs(EPOCH, EpochSecret(2, drawn("not what the key id commits to")))}, OpenError),
        ({4: []}, MalformedError),
        ({4: pairs(NEXT_EPOCH, EPOCH)}, MalformedError),
        ({4: pairs(EPOCH, EPOCH, NEXT_EPOCH)}, MalformedError),
        ({4: [[2, b"short"]]}, MalformedError),
        ({4: [[0, drawn("zero")], [2, NEXT_EPOCH.secret]]}, MalformedError),
    ],
)
def test_a_box_made_for_something_else_is_refused(changed, error):
    fields = [changed.get(index, value) for index, value in enumerate(GOOD_BOX)]
    with pytest.raises(error):
        open_grant_untrusted(DEVICE, PLACE, body_with(encode(fields)))


def test_a_box_alone_decodes():
    assert decode_box_untrusted(encode(GOOD_BOX), CHANNEL, DEVICE.box_public) == (2, BOTH)


A, B = sorted([HOST.public, MEMBER.public])
EARLY, LATE = (LogHead(LogId(bytes([n]) * 32), 1, Digest(drawn("head"))) for n in (1, 2))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (["cctm grant", 2, [[A, 3], [B, 1]], [list(EARLY), list(LATE)]], None),
        (["cctm grant", 2, [], []], None),
        (["cctm grant box", 2, [], []], OpenError),
        (["cctm grant", 1, [], []], OpenError),
        (["cctm grant", 0, [], []], MalformedError),
        (["cctm grant", 2, [[B, 1], [A, 3]], []], MalformedError),
        (["cctm grant", 2, [[A, 1], [A, 3]], []], MalformedError),
        (["cctm grant", 2, [[A, 0]], []], MalformedError),
        (["cctm grant", 2, [[A, 4]], []], MalformedError),
        (["cctm grant", 2, [[A[:31], 1]], []], MalformedError),
        (["cctm grant", 2, [], [list(LATE), list(EARLY)]], MalformedError),
        (["cctm grant", 2, [], [list(EARLY), list(EARLY)]], MalformedError),
        (["cctm grant", 2, []], MalformedError),
    ],
)
def test_a_table_is_read_only_if_it_is_the_one_of_its_epoch_in_order(fields, error):
    plain = encode(fields)
    if error is None:
        table = decode_table_untrusted(plain, 2)
        assert [[member, role] for member, role in table.roles.items()] == fields[2]
        assert [list(cut) for cut in table.cuts] == fields[3]
        return
    with pytest.raises(error):
        decode_table_untrusted(plain, 2)
