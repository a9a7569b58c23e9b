"""cctm.cli.pages.links: the links to a terminal, and one of them."""

import pytest

from cctm.cli.pages.effects import Closed
from cctm.cli.pages.links import LinkPage, LinksPage
from cctm.cli.pages.together import AskRevoke, MakeLink, ShowLink
from cctm.protocol.access import Role
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from pages_parts import LINKS, NOW_US, URL, press, shown


def test_the_links_to_a_terminal_are_listed():
    lines = shown(LinksPage("work", LINKS, NOW_US), 80)
    assert lines[0] == " Share work"
    assert [line.split()[:5] for line in lines[6:9]] == [
        ["LINK", "ROLE", "EXPIRES", "GUESTS", "STATE"],
        ["01010101", "drive", "never", "2", "connected"],
        ["02020202", "view", "in", "2h", "2m"],
    ]


@pytest.mark.parametrize(
    ("keys", "effect"),
    [
        ("v", MakeLink(Role.VIEWER)),
        ("d", MakeLink(Role.DRIVER)),
        (["enter"], ShowLink(LINKS[0])),
        (["j", "enter"], ShowLink(LINKS[1])),
        (["G", "x"], AskRevoke(LINKS[1])),
    ],
)
def test_a_link_is_made_shown_or_revoked(keys, effect):
    assert press(LinksPage("work", LINKS, NOW_US), *keys) == effect


def test_where_there_is_no_link_none_is_shown_or_revoked():
    assert press(LinksPage("work", [], NOW_US), "enter", "x", "j") is None


def test_a_link_is_shown_as_one_line_that_a_terminal_wraps_and_as_a_qr_code():
    page = LinkPage("work", URL, Role.DRIVER)
    fold = Fold(60, 40)
    fold.feed(page.draw(60, 40))
    lines = fold.picture().lines
    assert text_of(lines[0]).rstrip() == " work: whoever has this link watches and types"
    assert text_of(lines[2]) + text_of(lines[3]).rstrip() == URL
    assert lines[2].wraps
    assert any("█▀▀▀" in text_of(line) for line in lines[4:])
    assert press(page, "x", "q") == Closed()


def test_a_window_without_room_shows_no_part_of_a_qr_code():
    lines = shown(LinkPage("work", URL, Role.VIEWER), 80, 20)
    assert not any("▀" in line for line in lines)
    assert "A larger window has room" in "".join(lines)
    assert "".join(lines[2:4]) == URL
