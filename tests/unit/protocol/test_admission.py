"""cctm.protocol.admission: whom a relay lets in."""

import pytest

from cctm.protocol.admission import OWNER_VERBS, AccessList, Verb, decode_access_untrusted, sign_access
from cctm.protocol.codec import decode_untrusted, encode
from cctm.protocol.errors import MalformedError
from cctm.protocol.keys import channel_id, statement
from samples import CHANNEL, DEVICE, HOST, MEMBER, OTHER_DEVICE

MEMBERS = {
    MEMBER.public: Verb.READ | Verb.LIVE,
    DEVICE.sign_public: Verb.READ,
    OTHER_DEVICE.sign_public: Verb.APPEND,
}
ACCESS = AccessList(HOST.public, 5, MEMBERS, 1_000)


def signed_fields(fields):
    data = encode(fields)
    return encode((HOST.public, data, HOST.sign(statement("cctm access", CHANNEL, data))))


@pytest.mark.parametrize("access", [ACCESS, AccessList(HOST.public, 1, {}, None)])
def test_a_list_is_read_as_it_was_signed(access):
    assert decode_access_untrusted(sign_access(access, HOST)) == access
    assert access.channel == CHANNEL


def test_what_somebody_else_signed_is_no_list_of_the_owner_s():
    with pytest.raises(MalformedError):
        decode_access_untrusted(sign_access(ACCESS, MEMBER))
    own = AccessList(MEMBER.public, 5, MEMBERS, None)
    assert decode_access_untrusted(sign_access(own, MEMBER)).channel == channel_id(MEMBER.public) != CHANNEL


def test_no_byte_of_a_list_can_be_changed():
    data = sign_access(ACCESS, HOST)
    for at in range(len(data)):
        with pytest.raises(MalformedError):
            decode_access_untrusted(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize(
    "fields",
    [
        (0, [], None),
        (1, [(MEMBER.public, 0)], None),
        (1, [(MEMBER.public, 8)], None),
        (1, [(MEMBER.public[:31], 1)], None),
        (1, [(MEMBER.public, 1), (MEMBER.public, 2)], None),
        (1, sorted([(MEMBER.public, 1), (HOST.public, 1)], reverse=True), None),
        (1, [], -1),
        (1, []),
    ],
)
def test_what_no_owner_means_is_refused_though_it_is_signed(fields):
    with pytest.raises(MalformedError):
        decode_access_untrusted(signed_fields(fields))


def test_the_owner_may_do_everything_and_a_stranger_nothing():
    assert ACCESS.verbs_of(HOST.public) == OWNER_VERBS
    assert ACCESS.verbs_of(MEMBER.public) == Verb.READ | Verb.LIVE
    assert not AccessList(HOST.public, 1, {}, None).verbs_of(MEMBER.public)


def test_the_signature_covers_one_encoding():
    owner, fields, _ = decode_untrusted(sign_access(ACCESS, HOST), 10_000)
    assert owner == HOST.public
    assert decode_untrusted(fields, 10_000)[0] == ACCESS.version
