"""Attached, as a person sees it: in a window of tmux, with programs that people use."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from machine import CCTM, Machine, alive, until
from outer import PROMPT, Outer, needs_tmux

pytestmark = needs_tmux

BASH = ("bash", "--norc", "--noprofile")
VIM = ("vim", "-u", "NONE", "-N", "-n")


@pytest.fixture
def untraced(tmp_path: Path):
    """Without coverage, which makes each key of a person slow."""
    with Machine(tmp_path, {"PS1": "inner$ "}, traced=False) as one:
        yield one


@pytest.fixture
def machine(untraced: Machine) -> Machine:
    untraced.run("new", "-d", "-n", "work", "--size", "80x24", "--", *BASH)
    return untraced


def write_lines(machine: Machine, count: int) -> Path:
    path = machine.cwd / "file.txt"
    path.write_text("".join(f"line {number}\n" for number in range(1, count + 1)))
    return path


def test_leaving_puts_the_prompt_on_a_line_of_its_own_and_takes_nothing_away(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type("echo one; printf two")
        outer.keys("Enter")
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
        outer.type("echo status $?")
        outer.keys("Enter")
        outer.until("status 3")


def test_pages_leave_no_trace_on_an_editor(machine: Machine) -> None:
    path = write_lines(machine, 100)
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type(" ".join((*VIM, str(path))))
        outer.keys("Enter")
        outer.until("line 23")
        outer.keys("5", "j")
        until(lambda: outer.ask("cursor_y") == "5")
        before = outer.lines()
        for keys, shown in (("?", "any key: back"), ("w", "COMMAND"), ("i", "CLIENT"), ("[", "record,")):
            outer.prefixed(keys)
            outer.until(shown)
            outer.keys("q")
            outer.until("line 23")
            assert outer.lines() == before
            assert outer.ask("cursor_y") == "5"
        outer.prefixed(",")
        outer.until("Rename to: work")
        outer.keys("Escape")
        outer.until_gone("Rename to")
        assert outer.lines() == before
        outer.prefixed("x")
        outer.until("(y/n)")
        outer.keys("n")
        outer.until_gone("(y/n)")
        assert outer.lines() == before
        outer.keys("d", "d")
        outer.until_gone("line 6")
        outer.prefixed("d")
        outer.until("[detached from work]")
        assert outer.ask("alternate_on") == "0"


def test_an_arrow_behind_the_prefix_types_nothing(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.prefixed("Left")
        outer.prefixed("F5")
        outer.prefixed("PageUp")
        outer.type("echo clean")
        outer.keys("Enter")
        lines = outer.until("clean")
        until(lambda: "clean" in outer.lines())
        assert "inner$ echo clean" in lines


def test_the_prefix_is_known_in_a_program_that_switches_key_forms_on(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type("printf '\\033[>4;2m\\033[>1u'; cat -v")
        outer.keys("Enter")
        outer.until("cat -v")
        outer.bytes(b"\x1b[98;5u\x1b[98;5u\r")
        outer.until("^[[98;5u")
        outer.bytes(b"\x1b[27;5;98~\x1b[27;5;98~\r")
        outer.until("^[[27;5;98~")
        outer.bytes(b"\x1b[98;5:1u\x1b[98;5:3u\x1b[100;1:1u")
        outer.until("[detached from work]")


def test_a_pasted_prefix_is_text(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type("printf '\\033[?2004h'; cat -v")
        outer.keys("Enter")
        outer.until("cat -v")
        outer.bytes(b"\x1b[200~a\x02d")
        outer.bytes(b"b\x1b[20")
        outer.bytes(b"1~\r")
        outer.until("^[[200~a^Bdb^[[201~")
        outer.prefixed("d")
        outer.until("[detached from work]")


def test_terminals_are_opened_switched_renamed_and_ended_without_leaving(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type("echo in-$((1))-work")
        outer.keys("Enter")
        outer.until("in-1-work")
        outer.prefixed("c")
        outer.until_gone("in-1-work")
        until(lambda: machine.terminals()["0"]["clients"] == 1)
        outer.type("echo in-$((0))-new")
        outer.keys("Enter")
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
        outer.type("work")
        outer.keys("Enter")
        outer.until("is called")
        outer.prefixed(",")
        outer.keys("C-u")
        outer.type("näher 界")
        outer.until("Rename to: näher 界")
        outer.keys("Enter")
        until(lambda: "näher 界" in machine.terminals())
        outer.until("in-0-new")
        outer.prefixed("w")
        lines = outer.until("* näher 界")
        assert any(line.startswith("   work") for line in lines)
        outer.type("/wor")
        outer.until_gone("* näher 界")
        outer.keys("Enter")
        outer.until("in-1-work")
        outer.prefixed("x")
        outer.until("End work")
        outer.keys("y")
        outer.until("[work ended: SIGHUP]")
        assert not outer.shows("(y/n)")
        assert machine.terminals()["näher 界"]["state"] == "running"


def test_a_switch_scrolls_nothing_into_the_windows_own_history(machine: Machine) -> None:
    machine.run("new", "-d", "-n", "other", "--", *BASH)
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type("clear; echo in-$((1))-work")
        outer.keys("Enter")
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


def test_what_was_printed_is_scrolled_and_searched(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type("for i in 1 2 3; do seq 1 20000; printf '\\033[31mMar\\033[mker é %s\\n' $i; done")
        outer.keys("Enter")
        outer.until("Marker é 3")
        outer.prefixed("[")
        outer.until("work: record, 100%")
        outer.type("?marker é 1")
        outer.keys("Enter")
        outer.until("Marker é 1")
        until(lambda: {"20000", "1"} <= set(outer.lines()), "the rows around it are shown")
        outer.keys("g")
        outer.until("work: record, 0%")
        outer.until("for i in 1 2 3")
        outer.type("/19999")
        outer.keys("Enter")
        outer.until("19999")
        outer.keys("n")
        outer.until("work: record")
        outer.type("/no such text")
        outer.keys("Enter")
        outer.until("no such text: nothing below")
        outer.keys("G")
        outer.until("Marker é 3")
        outer.keys("PageUp")
        outer.until_gone("Marker é 3")
        outer.keys("q")
        outer.until_last("inner$")
        outer.type("echo goes on")
        outer.keys("Enter")
        outer.until("goes on")


def test_a_record_cannot_steer_the_window(machine: Machine) -> None:
    evil = "\\033]0;owned\\007\\033[?1000h\\302\\233?1003h\\033c\\342\\200\\256"
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        title = outer.ask("pane_title")
        machine.run("new", "-d", "-n", "evil", "--", "sh", "-c", f"printf 'before {evil}after\\n'; exec cat")
        until(lambda: b"after" in machine.export("evil"))
        outer.prefixed("d")
        outer.until("[detached from work]")
        outer.command("attach", "evil")
        outer.until("after")
        outer.prefixed("[")
        outer.until("evil: record")
        assert outer.shows("after")
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
        lines = first.until("100x30")
        assert any(re.search(r"0 +80x24 +raw +drive +\S+", line) for line in lines)
        assert any(re.search(r"1 +100x30 +painted +view +\S+", line) for line in lines)
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
    path = write_lines(machine, 100)
    with Outer(machine, "attach", "--mode", mode, "work") as outer:
        outer.until("inner$")
        outer.type(" ".join((*VIM, str(path))))
        outer.keys("Enter")
        outer.until("line 23")
        outer.keys("G")
        outer.until("line 100")
        outer.type("ohello")
        outer.keys("Escape")
        outer.until("hello")
        shown = json.loads(machine.run("screen", "work", "--json").stdout)
        assert shown["alternate"]
        until(lambda: outer.lines() == shown["lines"])
        assert int(outer.ask("cursor_y")) == shown["cursor"]["row"]
        outer.prefixed("d")
        outer.until("[detached from work]")
        assert outer.ask("alternate_on") == "0"


def test_an_escape_reaches_an_editor_though_it_may_begin_the_prefix(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type(" ".join(VIM))
        outer.keys("Enter")
        outer.until("~")
        outer.type("itext")
        outer.until("text")
        outer.keys("Escape")
        outer.type(":set showmode?")
        outer.keys("Enter")
        outer.until("showmode")
        assert not outer.shows("text:set")


def daemon_of(machine: Machine) -> int:
    pid = machine.daemon_pid
    assert alive(pid)
    return pid


def test_a_daemon_that_is_away_is_said_below_and_leaves_no_trace(machine: Machine) -> None:
    path = write_lines(machine, 100)
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type(" ".join((*VIM, str(path))))
        outer.keys("Enter")
        outer.until("line 23")
        before = outer.lines()
        keeper, daemon = machine.keeper_pid, daemon_of(machine)
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.kill(daemon, signal.SIGKILL)
            outer.until("[reconnecting…] Ctrl+B d leaves")
        finally:
            os.kill(keeper, signal.SIGCONT)
        outer.until_gone("[reconnecting…]")
        outer.until("line 23")
        until(lambda: outer.lines() == before)
        outer.keys("d", "d")
        outer.until("line 24")
        assert not outer.shows("line 1 ")


def test_one_leaves_while_the_daemon_is_away(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        keeper, daemon = machine.keeper_pid, daemon_of(machine)
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.kill(daemon, signal.SIGKILL)
            outer.until("[reconnecting…]")
            outer.prefixed("d")
            lines = outer.until("[detached from work]")
            assert not any("reconnecting" in line for line in lines)
        finally:
            os.kill(keeper, signal.SIGCONT)


def test_a_window_that_changes_its_size_under_a_page_is_drawn_right(machine: Machine) -> None:
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.prefixed("?")
        outer.until("any key: back")
        outer.resize(100, 30)
        until(lambda: outer.lines()[29:30] == [" any key: back"])
        outer.keys("q")
        outer.until_gone("any key")
        until(lambda: machine.terminals()["work"]["cols"] == 100)
        outer.type("stty size")
        outer.keys("Enter")
        outer.until("30 100")


def test_a_terminal_is_not_attached_to_itself(machine: Machine) -> None:
    cctm = " ".join(CCTM)
    with Outer(machine, "attach", "work") as outer:
        outer.until("inner$")
        outer.type(f"clear; {cctm} attach work; {cctm} attach --nested work; echo both $((0))")
        outer.keys("Enter")
        lines = " ".join(outer.until("both 0"))
        assert "This is a terminal of CCTM already" in lines
        assert "This is that terminal already" in lines
        outer.type(f"clear; {cctm} new --nested -n deep -- {' '.join(BASH)}")
        outer.keys("Enter")
        until(lambda: "deep" in machine.terminals())
        until(lambda: machine.terminals()["deep"]["clients"] == 1)
        outer.prefixed("C-b", "n")
        outer.until("There is no other terminal.")
        outer.keys("C-b", "C-b", "d")
        outer.until("[detached from deep]")


def test_a_screen_is_printed_as_text_in_colours_and_as_json(machine: Machine) -> None:
    machine.run(
        "new",
        "-d",
        "-n",
        "tint",
        "--",
        "sh",
        "-c",
        r"printf '\033]0;a title\007\033[1;31mred\033[m x\n'; exec cat",
    )
    until(lambda: b"red" in machine.run("screen", "tint").stdout)
    assert machine.run("screen", "tint").stdout == b"red x\n"
    coloured = machine.run("screen", "tint", "--ansi").stdout
    assert re.fullmatch(rb"\x1b\[(1;31|31;1)mred\x1b\[m x\n", coloured)
    shown = json.loads(machine.run("screen", "tint", "--json").stdout)
    assert shown["title"] == "a title"
    assert shown["lines"][:2] == ["red x", ""]
    assert shown["cursor"] == {"col": 0, "row": 1, "visible": True}
    assert machine.run("screen", "nothing", check=False).returncode == 1
    assert machine.run("screen", "tint", "--ansi", "--json", check=False).returncode == 2
