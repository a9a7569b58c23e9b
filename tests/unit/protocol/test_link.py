"""cctm.protocol.link: what a person pastes."""

import pytest

from cctm.protocol.errors import MalformedError
from cctm.protocol.link import Link, decode_link_untrusted, encode_link
from cctm.protocol.origin import Origin, decode_origin_untrusted
from samples import CHANNEL, OTHER_CHANNEL, drawn

LINK = Link(Origin("https", "relay.example", 443), CHANNEL, drawn("link", 16), 3, 7)


@pytest.mark.parametrize(
    "origin",
    [
        Origin("https", "relay.example", 443),
        Origin("http", "127.0.0.1", 4222),
        Origin("http", "[::1]", 80),
        Origin("https", "a-b.c", 65535),
    ],
    ids=str,
)
def test_a_link_is_read_as_it_was_written(origin):
    link = Link(origin, CHANNEL, drawn("link", 16), 2**40, 1)
    assert decode_link_untrusted(encode_link(link)) == link


def test_the_secret_stands_behind_the_number_sign_and_nowhere_else():
    text = encode_link(LINK)
    before, token = text.split("#")
    assert before == "https://relay.example/t/" + before.rpartition("/")[2]
    assert len(text) < 110
    assert LINK.secret.hex() not in repr(LINK)
    assert repr(LINK.secret) not in repr(LINK)
    assert token not in str(LINK)


def test_each_slip_of_one_character_is_noticed():
    text = encode_link(LINK)
    start = text.index("/t/") + 3
    for at in range(start, len(text)):
        if text[at] != "#":
            slip = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
            with pytest.raises(MalformedError):
                decode_link_untrusted(slip)
    for at in range(start, len(text)):
        with pytest.raises(MalformedError):
            decode_link_untrusted(text[:at])


def test_the_device_of_a_link_is_its_channel_s():
    other = Link(LINK.origin, OTHER_CHANNEL, LINK.secret, 3, 7)
    assert LINK.device.sign_public != other.device.sign_public
    elsewhere = Link(Origin("http", "b", 80), CHANNEL, LINK.secret, 9, 9)
    assert LINK.device.sign_public == elsewhere.device.sign_public


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://relay.example",
        "https://relay.example/path",
        "https://re lay",
        "https://a:0",
        "https://a:65536",
        "https://a:123456",
        "https://user@a",
        "https://a\n",
        "https://[zz]",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(MalformedError):
        decode_origin_untrusted(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://Relay.Example/", "https://relay.example"),
        ("https://a:443", "https://a"),
        ("http://a:443", "http://a:443"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_address_has_one_form(text, shown):
    assert str(decode_origin_untrusted(text)) == shown
