"""cctm.relay.addresses: who is at the other end, and as what a relay is known."""

import pytest

from cctm.relay.addresses import client_of, is_loopback, limited_as, own_names


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("what a client made up", "unknown"),
        ("", "unknown"),
    ],
)
def test_an_address_is_counted_as_one_customer_s(address, counted):
    assert limited_as(address) == counted


def test_what_a_client_says_of_its_address_is_believed_behind_a_proxy_alone():
    assert client_of("192.0.2.1", ["198.51.100.9"], behind_proxy=False) == "192.0.2.1"
    assert client_of("127.0.0.1", [], behind_proxy=True) == "127.0.0.1"


def test_of_the_forwarded_addresses_the_proxy_s_own_word_counts():
    forwarded = ["203.0.113.5", "10.9.8.7, 198.51.100.9"]
    assert client_of("127.0.0.1", forwarded, behind_proxy=True) == "198.51.100.9"


@pytest.mark.parametrize(
    ("local", "names"),
    [
        ("192.0.2.1", {"http://192.0.2.1:4222"}),
        ("127.0.0.1", {"http://127.0.0.1:4222", "http://localhost:4222"}),
        ("::1", {"http://[::1]:4222", "http://localhost:4222"}),
        ("::ffff:127.0.0.1", {"http://127.0.0.1:4222", "http://localhost:4222"}),
        ("no address", set()),
    ],
)
def test_a_relay_is_known_by_what_the_operator_says_and_by_the_address_that_was_dialled(local, names):
    assert own_names("http", local, 4222, ["https://relay.example"]) == names | {"https://relay.example"}


def test_a_port_that_goes_without_saying_is_not_said():
    assert own_names("https", "192.0.2.1", 443, []) == {"https://192.0.2.1"}


@pytest.mark.parametrize(
    ("address", "verdict"), [("127.3.2.1", True), ("::1", True), ("10.0.0.1", False), ("", False)]
)
def test_loopback_is_this_machine(address, verdict):
    assert is_loopback(address) is verdict
