"""A session, as a person sees it: keys that reach the program, and what is left behind."""

import json

import pytest

from machine import CCTM, Machine, until
from outer import BASH, PROMPT, VIM, Outer, needs_tmux

pytestmark = needs_tmux


def test_leaving_puts_the_prompt_on_a_line_of_its_own_and_takes_nothing_away(outer: Outer) -> None:
    outer.enter("echo one; printf two")
    outer.until("twoinner$")
    outer.prefixed("d")
    lines = outer.until(PROMPT)
    at = next(number for number, line in enumerate(lines) if line == "twoinner$")
    assert lines[at + 1 : at + 3] == ["[detached from work]", PROMPT]


def test_an_end_is_said_on_a_line_of_its_own_even_behind_text_without_one(machine: Machine) -> None:
    with Outer(machine, "new", "-n", "short", "--", "sh", "-c", "printf unfinished; exit 3") as outer:
        lines = outer.until("[short ended: exit 3]")
        assert "unfinished" in lines
        assert "[short ended: exit 3]" in lines
        outer.until_last(PROMPT)
        outer.enter("echo status $?")
        outer.until("status 3")


def test_an_arrow_behind_the_prefix_types_nothing(outer: Outer) -> None:
    outer.prefixed("Left")
    outer.prefixed("F5")
    outer.prefixed("PageUp")
    outer.enter("echo clean")
    outer.until_match("^inner\\$ echo clean$", "^clean$")


def test_the_prefix_is_known_in_a_program_that_switches_key_forms_on(outer: Outer) -> None:
    outer.enter("printf '\\033[>4;2m\\033[>1u'; cat -v")
    outer.until("cat -v")
    outer.bytes(b"\x1b[98;5u\x1b[98;5u\r")
    outer.until("^[[98;5u")
    outer.bytes(b"\x1b[27;5;98~\x1b[27;5;98~\r")
    outer.until("^[[27;5;98~")
    outer.bytes(b"\x1b[98;5:1u\x1b[98;5:3u\x1b[100;1:1u")
    outer.until("[detached from work]")


def test_a_pasted_prefix_is_text(outer: Outer) -> None:
    outer.enter("printf '\\033[?2004h'; cat -v")
    outer.until("cat -v")
    outer.bytes(b"\x1b[200~a\x02d")
    outer.bytes(b"b\x1b[20")
    outer.bytes(b"1~\r")
    outer.until("^[[200~a^Bdb^[[201~")
    outer.prefixed("d")
    outer.until("[detached from work]")


def test_who_only_watches_is_told_and_types_nothing(machine: Machine) -> None:
    with Outer(machine, "attach", "--view", "work") as outer:
        outer.until("inner$")
        outer.type("echo x")
        outer.until("view only: keys do not reach the program")
        outer.type("more")
        outer.until_gone("view only")
        assert not outer.shows("echo x")
        outer.prefixed("d")
        outer.until("[detached from work]")
    assert b"echo x" not in machine.run("screen", "work").stdout


@pytest.mark.parametrize("mode", ["raw", "painted"])
def test_an_editor_looks_the_same_however_it_is_served(machine: Machine, mode: str) -> None:
    with Outer(machine, "attach", "--mode", mode, "work") as outer:
        outer.until("inner$")
        outer.edit_a_hundred_lines()
        outer.keys("G")
        outer.until("line 100")
        outer.type("ohello")
        outer.keys("Escape")
        outer.until("hello")
        outer.until_gone("INSERT")

        def screen():
            return json.loads(machine.run("screen", "work", "--json").stdout)

        shown = until(lambda: (now := screen())["lines"] == outer.lines() and now, "both show the same")
        assert shown["alternate"]
        outer.until_asked("cursor_y", str(shown["cursor"]["row"]))
        outer.prefixed("d")
        outer.until("[detached from work]")
        assert outer.ask("alternate_on") == "0"


def test_an_escape_reaches_an_editor_though_it_may_begin_the_prefix(outer: Outer) -> None:
    outer.enter(VIM)
    outer.until("~")
    outer.type("itext")
    outer.until("text")
    outer.keys("Escape")
    outer.enter(":set showmode?")
    outer.until("showmode")
    assert not outer.shows("text:set")


def test_a_terminal_is_not_attached_to_itself(machine: Machine, outer: Outer) -> None:
    cctm = " ".join(CCTM)
    outer.enter(f"clear; {cctm} attach work; {cctm} attach --nested work; echo both $((0))")
    lines = " ".join(outer.until("both 0"))
    assert "This is a terminal of CCTM already" in lines
    assert "This is that terminal already" in lines
    outer.enter(f"clear; {cctm} new --nested -n deep -- {' '.join(BASH)}")
    until(lambda: "deep" in machine.terminals())
    until(lambda: machine.terminals()["deep"]["clients"] == 1)
    outer.prefixed("C-b", "n")
    outer.until("There is no other terminal.")
    outer.keys("C-b", "C-b", "d")
    outer.until("[detached from deep]")
