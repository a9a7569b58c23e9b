"""A session whose daemon is away."""

from machine import Machine
from outer import Outer, needs_tmux

pytestmark = needs_tmux


def test_a_daemon_that_is_away_is_said_below_and_leaves_no_trace(machine: Machine, outer: Outer) -> None:
    outer.edit_a_hundred_lines()
    before = outer.lines()
    with machine.without_daemon():
        outer.until("[reconnecting…] Ctrl+B d leaves")
    outer.until_equal(before)
    outer.keys("d", "d")
    outer.until_match("^line 24$")
    assert "line 1" not in outer.lines()


def test_one_leaves_while_the_daemon_is_away(machine: Machine, outer: Outer) -> None:
    with machine.without_daemon():
        outer.until("[reconnecting…]")
        outer.prefixed("d")
        lines = outer.until("[detached from work]")
        assert not any("reconnecting" in line for line in lines)
