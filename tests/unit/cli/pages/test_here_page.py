"""cctm.cli.pages.here: who is here, and who is shown out."""

from cctm.cli.pages.effects import Throw
from cctm.cli.pages.here import HerePage
from cctm.cli.pages.together import AskKick, Here
from pages_parts import ALONE, ANA, CLIENTS, HOST, NOW_US, SHARED, press, shown


def test_clients_are_listed_and_the_marked_one_detached():
    page = HerePage("work", CLIENTS, ALONE, NOW_US)
    lines = shown(page, 80)
    assert lines[0] == " work: 2 clients"
    assert lines[2].split() == ["0", "80x24", "raw", "drive", "xterm", "-"]
    assert press(page, "j", "d") == Throw(1)
    assert press(HerePage("work", [], ALONE, NOW_US), "d") is None


def here(presence=SHARED, at=0):
    return HerePage("work", CLIENTS, presence, NOW_US, at)


def test_people_are_listed_with_what_they_may_and_when_they_typed():
    lines = shown(here(), 80, 20)
    assert lines[0] == " work: 2 clients, 3 people"
    assert [line.split() for line in lines[5:9]] == [
        ["WHO", "ID", "ROLE", "HERE", "TYPED", "ROUND", "TRIP"],
        ["me", "(you)", "-", "owner", "1m", "now", "-"],
        ["ana", "a0a0a0a0", "drive", "5s", "now", "24", "ms"],
        ["薄", "b0b0b0b0", "view", "2h", "-", "-"],
    ]


def test_the_host_is_asked_before_a_guest_is_removed():
    assert press(here(), "j", "j", "j", "d") == AskKick(ANA, "ana")
    assert press(here(), "j", "j", "d") is None  # oneself
    assert "remove" in shown(here(), 80)[-1]


def test_a_guest_removes_nobody():
    page = here(SHARED._replace(you=ANA))
    assert press(page, "G", "d") is None
    assert "remove" not in shown(page, 80)[-1]
    assert press(page, "g", "d") == Throw(0)  # a client of one's own


def test_who_is_here_is_asked_for_again_with_the_mark_where_it_was():
    page = here()
    press(page, "j", "j", "j")
    assert page.renewal() == Here(3)
    assert press(here(at=3), "d") == AskKick(ANA, "ana")
    assert press(here(SHARED._replace(rows=[HOST]), at=9), "d") is None  # whom it marked has left
