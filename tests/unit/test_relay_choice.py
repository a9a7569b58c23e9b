"""Which relay a home uses."""

import os
import stat

import pytest

from archive_fixtures import make_home
from cctm.home import HomeError
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice, forget_choice, load_choice, save_choice

CHOICE = RelayChoice(decode_origin_untrusted("https://relay.example"), b"m0re-secret")


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


def test_none_is_chosen_to_begin_with(home):
    assert load_choice(home) is None


def test_what_was_chosen_is_found_again_until_it_is_forgotten(home):
    save_choice(home, CHOICE)
    assert load_choice(home) == CHOICE
    assert stat.S_IMODE(os.stat(home.relay_choice).st_mode) == 0o600
    forget_choice(home)
    assert load_choice(home) is None
    forget_choice(home)


def test_a_choice_replaces_the_one_before_whole(home):
    save_choice(home, CHOICE)
    with open(home.relay_choice, encoding="utf-8") as before:
        other = RelayChoice(decode_origin_untrusted("http://10.0.0.2:4222"))
        save_choice(home, other)
        assert "m0re-secret" in before.read()  # who reads it meanwhile has all of the one before
    assert load_choice(home) == other


def test_the_invite_is_in_no_repr():
    assert "m0re" not in repr(CHOICE)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", '"x"', "{}", "\udcff"),
        '{"url": "relay.example", "invite": null}',
        '{"url": 7, "invite": null}',
        '{"url": "https://relay.example", "invite": 7}',
        '{"url": "https://relay.example"}',
    ],
)
def test_what_says_nothing_of_a_relay_is_named(home, text):
    with open(home.relay_choice, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    with pytest.raises(HomeError) as caught:
        load_choice(home)
    assert home.relay_choice in caught.value.what


def test_a_home_that_cannot_be_written_is_said(home):
    os.mkdir(home.relay_choice)
    with pytest.raises(HomeError):
        save_choice(home, CHOICE)
    with pytest.raises(HomeError):
        load_choice(home)
    with pytest.raises(HomeError):
        forget_choice(home)
