"""What a guest knows of a channel, in the catalogue."""

import pytest

from archive_fixtures import DEVICE
from cctm.archive.catalogue import Catalogue, CatalogueDamagedError, Joined
from cctm.archive.joined import decode_joined_untrusted, encode_joined
from cctm.protocol.codec import decode_untrusted, encode
from cctm.protocol.errors import MalformedError
from cctm.protocol.origin import decode_origin_untrusted
from samples import CHANNEL, OTHER_CHANNEL, drawn

ORIGIN = decode_origin_untrusted("https://relay.example")
JOINED = Joined(
    ORIGIN, drawn("secret", 16), 3, 2, drawn("seed"), "ann", is_enrolled=True, known=b"seen", parted=2
)


@pytest.fixture
def catalogue(tmp_path):
    found = Catalogue.open(str(tmp_path / "catalogue.sqlite"), DEVICE.wrap_key)
    yield found
    found.close()


def test_it_is_found_again(catalogue):
    catalogue.put_joined(CHANNEL, JOINED)
    assert catalogue.joined(CHANNEL) == JOINED
    assert catalogue.all_joined() == [CHANNEL]
    assert (catalogue.is_joined(CHANNEL), catalogue.is_joined(OTHER_CHANNEL)) == (True, False)
    assert catalogue.joined(OTHER_CHANNEL) is None


def test_it_is_forgotten_with_the_channel(catalogue):
    catalogue.put_joined(CHANNEL, JOINED)
    catalogue.forget(CHANNEL)
    assert catalogue.joined(CHANNEL) is None


def test_its_row_opens_for_no_other_channel(catalogue):
    catalogue.put_joined(CHANNEL, JOINED)
    catalogue._database.connection.execute("UPDATE joined SET channel = ?", (OTHER_CHANNEL,))
    with pytest.raises(CatalogueDamagedError):
        catalogue.joined(OTHER_CHANNEL)


def test_neither_secret_nor_seed_is_in_its_repr():
    for hidden in (JOINED.secret, JOINED.seed):
        assert repr(hidden) not in repr(JOINED)


@pytest.mark.parametrize("at", range(9))
def test_a_field_of_another_kind_is_malformed(at):
    data = encode_joined(JOINED)
    assert decode_joined_untrusted(data) == JOINED
    fields = decode_untrusted(data, 10_000)
    fields[at] = None
    with pytest.raises(MalformedError):
        decode_joined_untrusted(encode(fields))
