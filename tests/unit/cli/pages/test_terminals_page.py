"""cctm.cli.pages.terminals: the list of terminals, and what is chosen from it."""

import pytest

from cctm.cli.pages.effects import Switch
from cctm.cli.pages.terminals import TerminalsPage
from pages_parts import NOW_US, TERMINALS, press, shown, terminal


def terminals():
    return TerminalsPage(TERMINALS, TERMINALS[1].channel, NOW_US)


def test_terminals_are_listed_with_the_current_one_marked():
    lines = shown(terminals())
    assert lines[0].split() == ["NAME", "STATE", "CLIENTS", "AGE", "COMMAND"]
    assert lines[1].split() == ["0", "running", "0", "0s", "bash"]
    assert lines[2].split() == ["*", "build", "attached", "2", "0s", "make", "-j8"]


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["enter"], 1),
        (["j", "enter"], 2),
        (["down", "down", "down", "down", "enter"], 3),
        (["k", "up", "up", "enter"], 0),
        (["G", "enter"], 3),
        (["G", "g", "enter"], 0),
        (["7"], 3),
        (["0"], 0),
        (["/", "v", "i", "enter"], 2),
        (["/", "M", "A", "K", "E", "enter"], 1),
        (["/", "b", "a", "x", "backspace", "enter"], 0),
        (["/", "m", "clear", "escape", "enter"], 1),
        (["/", "a", "down", "enter", "enter"], 1),
    ],
)
def test_a_terminal_is_chosen(keys, chosen):
    assert press(terminals(), *keys) == Switch(TERMINALS[chosen].channel)


def test_a_number_that_no_terminal_has_and_a_filter_that_nothing_meets_choose_nothing():
    page = terminals()
    assert press(page, "5", "/", "z", "enter", "enter") is None
    assert "none" in shown(page)[1]
    assert press(page, "escape", "enter") == Switch(TERMINALS[1].channel)


def test_a_long_list_shows_the_marked_one():
    rows = [terminal(number, f"t{number}") for number in range(100)]
    page = TerminalsPage(rows, rows[70].channel, NOW_US)
    assert any("* t70" in line for line in shown(page))
    press(page, "page down", "page down")
    assert any("t88" in line for line in shown(page))
    press(page, "G")
    assert any("t99" in line for line in shown(page))
