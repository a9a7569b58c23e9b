"""From one terminal to another without leaving."""

from machine import Machine, until
from outer import BASH, Outer, needs_tmux

pytestmark = needs_tmux


def test_terminals_are_opened_switched_renamed_and_ended_without_leaving(
    machine: Machine, outer: Outer
) -> None:
    outer.enter("echo in-$((1))-work")
    outer.until("in-1-work")
    outer.prefixed("c")
    outer.until_gone("in-1-work")
    until(lambda: machine.terminals()["0"]["clients"] == 1)
    outer.enter("echo in-$((0))-new")
    outer.until("in-0-new")
    assert not outer.shows("in-1-work")
    outer.prefixed("l")
    outer.until("in-1-work")
    outer.prefixed("0")
    outer.until("in-0-new")
    outer.prefixed("n")
    outer.until("in-1-work")
    outer.prefixed("p")
    outer.until("in-0-new")
    outer.prefixed("7")
    outer.until("There is no terminal 7.")
    outer.keys("Enter")
    outer.until_gone("There is no terminal 7.")
    outer.prefixed(",")
    outer.until("Rename to: 0")
    outer.keys("C-u")
    outer.enter("work")
    outer.until("is called")
    outer.prefixed(",")
    outer.keys("C-u")
    outer.type("näher 界")
    outer.until("Rename to: näher 界")
    outer.keys("Enter")
    until(lambda: "näher 界" in machine.terminals())
    outer.until("in-0-new")
    outer.prefixed("w")
    outer.until_match(r"\* näher 界", "^   work")
    outer.type("/wor")
    outer.until_gone("* näher 界")
    outer.keys("Enter")
    outer.until("in-1-work")
    outer.prefixed("x")
    outer.until("End work")
    outer.keys("y")
    outer.until("[work ended: SIGHUP]")
    outer.until_gone("(y/n)")
    assert machine.terminals()["näher 界"]["state"] == "running"


def test_a_switch_scrolls_nothing_into_the_windows_own_history(machine: Machine, outer: Outer) -> None:
    machine.run("new", "-d", "-n", "other", "--", *BASH)
    outer.enter("clear; echo in-$((1))-work")
    outer.until("in-1-work")
    before = outer.ask("history_size")
    for _ in range(5):
        outer.prefixed("n")
        outer.until_gone("in-1-work")
        outer.prefixed("?")
        outer.until("any key: back")
        outer.keys("q")
        outer.until_gone("any key: back")
        outer.prefixed("n")
        outer.until("in-1-work")
    assert outer.ask("history_size") == before
