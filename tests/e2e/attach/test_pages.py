"""Pages over a session: help, listings, clients, the record."""

import json

from machine import Machine, until
from outer import Outer, needs_tmux

pytestmark = needs_tmux

PAGES = (
    ("?", "any key: back"),
    ("w", "COMMAND"),
    ("i", "CLIENT"),
    ("S", "whoever has it watches"),
    ("[", "record,"),
)


def test_pages_leave_no_trace_on_an_editor(outer: Outer) -> None:
    outer.edit_a_hundred_lines()
    outer.keys("5", "j")
    outer.until_asked("cursor_y", "5")
    before = outer.lines()
    for keys, shown in PAGES:
        outer.prefixed(keys)
        outer.until(shown)
        outer.keys("q")
        outer.until_equal(before)
        outer.until_asked("cursor_y", "5")
    outer.prefixed(",")
    outer.until("Rename to: work")
    outer.keys("Escape")
    outer.until_equal(before)
    outer.prefixed("x")
    outer.until("(y/n)")
    outer.keys("n")
    outer.until_equal(before)
    outer.keys("d", "d")
    outer.until_gone("line 6")
    outer.prefixed("d")
    outer.until("[detached from work]")
    assert outer.ask("alternate_on") == "0"


def test_what_was_printed_is_scrolled_and_searched(outer: Outer) -> None:
    outer.enter("for i in 1 2 3; do seq 1 20000; printf '\\033[31mMar\\033[mker é %s\\n' $i; done")
    outer.until("Marker é 3")
    outer.prefixed("[")
    outer.until("work: record, 100%")
    outer.enter("?marker é 1")
    outer.until_match("Marker é 1", "^20000$", "^1$")
    outer.keys("g")
    outer.until("work: record, 0%")
    outer.until("for i in 1 2 3")
    outer.enter("/19999")
    outer.until_match("^19999$", "Marker é 1")  # a key before that would stop the search
    outer.keys("n")
    outer.until_match("^19999$", "Marker é 2")
    outer.enter("/no such text")
    outer.until("no such text: nothing below")
    outer.keys("G")
    outer.until("Marker é 3")
    outer.keys("PageUp")
    outer.until_gone("Marker é 3")
    outer.keys("q")
    outer.until_last("inner$")
    outer.enter("echo goes on")
    outer.until("goes on")


def test_a_record_cannot_steer_the_window(machine: Machine, outer: Outer) -> None:
    evil = "\\033]0;owned\\007\\033[?1000h\\302\\233?1003h\\033c\\342\\200\\256"
    title = outer.ask("pane_title")
    machine.run("new", "-d", "-n", "evil", "--", "sh", "-c", f"printf 'before {evil}after\\n'; exec cat")
    until(lambda: b"after" in machine.export("evil"))
    outer.prefixed("d")
    outer.until("[detached from work]")
    outer.command("attach", "evil")
    outer.until("after")
    outer.prefixed("[")
    outer.until_match("evil: record", "after")
    assert outer.ask("mouse_any_flag") == "0"
    assert outer.ask("pane_title") in {title, "owned"}
    outer.keys("q")
    outer.until_gone("evil: record")
    outer.prefixed("d")
    outer.until("[detached from evil]")
    assert outer.ask("mouse_any_flag") == "0"


def test_who_is_here_is_seen_and_can_be_detached(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as first, Outer(machine, cols=100, rows=30) as second:
        first.until("inner$")
        second.command("attach", "--view", "work")
        second.until("inner$")
        first.prefixed("i")
        first.until_match(r"0 +80x24 +raw +drive +\S+", r"1 +100x30 +painted +view +\S+")
        shown = json.loads(machine.run("clients", "work", "--json").stdout)
        assert [(row["terminal"], row["client"], row["rights"]) for row in shown] == [
            ("work", 0, "drive"),
            ("work", 1, "view"),
        ]
        assert b"100x30" in machine.run("clients").stdout
        first.keys("j", "d")
        second.until("[detached from work: another client detached it]")
        first.until_gone("100x30")
        first.keys("q")
        first.until_last("inner$")


def test_a_window_that_changes_its_size_under_a_page_is_drawn_right(machine: Machine, outer: Outer) -> None:
    outer.prefixed("?")
    outer.until("any key: back")
    outer.resize(100, 30)
    outer.until_rows(lambda rows: rows[29:30] == [" any key: back"], "the last row says how to leave")
    outer.keys("q")
    outer.until_gone("any key")
    until(lambda: machine.terminals()["work"]["cols"] == 100)
    outer.enter("stty size")
    outer.until("30 100")
