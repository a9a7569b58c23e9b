"""Any page: keys in, effects and drawings out. What is drawn is read back through an emulator."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.cli.pages.effects import Closed
from cctm.cli.pages.help import KEYS, HelpPage
from cctm.cli.pages.here import HerePage
from cctm.cli.pages.keyboard import KeyboardPage
from cctm.cli.pages.links import LinkPage, LinksPage
from cctm.cli.pages.prompt import RenamePrompt, kill_question
from cctm.cli.pages.record import RecordPage
from cctm.cli.pages.terminals import TerminalsPage
from cctm.protocol.access import Role
from cctm.screen.fold import Fold
from pages_parts import (
    ALONE,
    CLIENTS,
    LINKS,
    NASTY,
    NASTY_PEOPLE,
    NOW_US,
    SHARED,
    TERMINALS,
    URL,
    List,
    numbered,
    press,
    shown,
    terminal,
)

PAGES = {
    "help": HelpPage,
    "terminals": lambda: TerminalsPage([*TERMINALS, terminal(9, NASTY, NASTY)], TERMINALS[1].channel, NOW_US),
    "no terminals": lambda: TerminalsPage([], b"", NOW_US),
    "here": lambda: HerePage(NASTY, CLIENTS, NASTY_PEOPLE, NOW_US),
    "nobody here": lambda: HerePage("x", [], ALONE, NOW_US),
    "links": lambda: LinksPage(NASTY, LINKS * 20, NOW_US),
    "no links": lambda: LinksPage("x", [], NOW_US),
    "link": lambda: LinkPage(NASTY, URL, Role.VIEWER),
    "a link that is none": lambda: LinkPage("x", NASTY, 99),
    "keyboard": lambda: KeyboardPage(NASTY, NASTY_PEOPLE),
    "everybody's keyboard": lambda: KeyboardPage("x", SHARED),
    "record": lambda: RecordPage("x", numbered(100)),
    "a record of wide text": lambda: RecordPage(NASTY, List(["界" * 300, "e\u0301" * 300])),
    "no record": lambda: RecordPage("x", List([])),
    "rename": lambda: RenamePrompt("编译" * 40),
    "kill": lambda: kill_question(NASTY * 20),
}


@pytest.mark.parametrize("name", PAGES)
@settings(deadline=None)
@given(st.integers(1, 120), st.integers(1, 40), st.lists(st.sampled_from("jkGg/n?N0 q"), max_size=6))
def test_any_page_in_any_window_stays_in_it_and_steers_nothing(name, cols, rows, keys):
    page = PAGES[name]()
    press(page, *keys)
    drawn = page.draw(cols, rows)
    fold = Fold(max(cols, 2), rows)
    fold.feed(drawn)
    assert fold.picture().title == ""
    assert not fold.modes.client.private
    text = drawn.decode()
    for sequence in ("\x07", "\x9b", "\u202e", "\n", "\r"):
        assert sequence not in text


@pytest.mark.parametrize("name", ["help", "terminals", "here", "links", "keyboard", "record"])
def test_escape_and_q_leave(name):
    assert press(PAGES[name](), "escape") == Closed()
    assert press(PAGES[name](), "q") == Closed()


def test_the_help_names_every_key():
    lines = " ".join(shown(HelpPage(), 80, 24))
    assert all(what in lines for _, what in KEYS)
