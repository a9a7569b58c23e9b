"""cctm.cli.pages.keyboard: who has the keyboard, and who gets it."""

import pytest

from cctm.cli.pages.keyboard import EVERYBODY, KeyboardPage
from cctm.cli.pages.together import Keyboard, Pass
from cctm.protocol.access import Role
from cctm.protocol.control.replies import PersonRow, Presence
from cctm.protocol.control.values import FloorAction
from pages_parts import ANA, BO, GUESTS, ONE_AT_A_TIME, SHARED, press, shown


def test_where_every_driver_types_nobody_is_asked_for_the_keyboard():
    page = KeyboardPage("work", SHARED)
    assert EVERYBODY in "".join(shown(page, 100))
    assert press(page, "t", "enter", "r", "l") is None


def test_who_has_the_keyboard_is_marked_among_those_who_may():
    lines = shown(KeyboardPage("work", ONE_AT_A_TIME))
    assert lines[2:5] == [" * me (you)", "   ana", ""]
    lines = shown(KeyboardPage("work", ONE_AT_A_TIME._replace(holder=ANA)))
    assert lines[2:4] == ["   me (you)", " * ana"]


def test_a_guest_sees_that_the_host_has_the_keyboard():
    host = PersonRow(b"", "", Role.OWNER, b"", 0, None, None)
    guests = Presence([host, *GUESTS], ANA, b"")
    assert shown(KeyboardPage("work", guests))[2:5] == [" * host", "   ana (you)", ""]
    assert shown(KeyboardPage("work", guests._replace(holder=ANA)))[2:5] == ["   host", " * ana (you)", ""]


@pytest.mark.parametrize(
    ("holder", "keys", "effect"),
    [
        (b"", ["j", "enter"], Pass(FloorAction.GRANT, ANA)),
        (b"", ["enter"], Pass(FloorAction.GRANT)),
        (ANA, ["t"], Pass(FloorAction.GRANT)),
        (ANA, ["enter"], Pass(FloorAction.GRANT, ANA)),
        (b"", ["r", "l"], None),
    ],
)
def test_the_host_passes_the_keyboard_on(holder, keys, effect):
    assert press(KeyboardPage("work", ONE_AT_A_TIME._replace(holder=holder)), *keys) == effect


@pytest.mark.parametrize(
    ("you", "holder", "keys", "effect"),
    [
        (ANA, b"", "r", Pass(FloorAction.REQUEST)),
        (ANA, b"", "lt", None),
        (ANA, ANA, "l", Pass(FloorAction.RELEASE)),
        (BO, b"", "rlt", None),  # who only watches
    ],
)
def test_a_guest_asks_for_the_keyboard_and_gives_it_back(you, holder, keys, effect):
    presence = ONE_AT_A_TIME._replace(you=you, holder=holder)
    assert press(KeyboardPage("work", presence), *keys, *["enter"]) == effect


def test_the_keyboard_is_asked_about_again_with_the_mark_where_it_was():
    page = KeyboardPage("work", ONE_AT_A_TIME)
    press(page, "j")
    assert page.renewal() == Keyboard(1)
    assert press(KeyboardPage("work", ONE_AT_A_TIME, 1), "enter") == Pass(FloorAction.GRANT, ANA)
