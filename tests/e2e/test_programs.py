"""Programs that people use: left and come back to, at three sizes, however the client is served.

What the outer terminal shows, with its colours, cursor and modes, is the same before leaving and after coming back;
and after leaving, the outer terminal is in the state in which it was before.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cctm.screen.fold import Fold
from machine import Machine, until
from outer import TMUX, Outer, needs_tmux
from screens import looks

pytestmark = needs_tmux

SIZES: Final = [(80, 24), (41, 12), (130, 40)]
# What tmux knows of the state of a window's terminal.
STATE: Final = [
    "alternate_on",
    "cursor_flag",
    "keypad_cursor_flag",
    "keypad_flag",
    "mouse_any_flag",
    "mouse_button_flag",
    "mouse_sgr_flag",
    "mouse_standard_flag",
    "mouse_utf8_flag",
    "origin_flag",
    "insert_flag",
    "wrap_flag",
    "scroll_region_upper",
    "scroll_region_lower",
    "cursor_shape",
]
PLACE: Final = ("cursor_x", "cursor_y")
# The program, its command line behind which a file's path is put, keys that make it interesting, and what is shown then
# and not before.
PROGRAMS: Final = {
    "vim": ("vim -u NONE -N -n -c 'set number mouse=a hlsearch'", ("G", "/e 5$", "Enter"), "line 5"),
    "less": ("less -R", ("G", "?e 5$", "Enter"), "line 5"),
    "nano": ("nano --ignorercfiles --mouse", ("M-/",), "line 100"),
    "htop": ("htop -d 1000 #", ("F2",), "[Setup]"),
    "fish": ("env HOME=/nonexistent fish --no-config --private #", ("echo $COLUM", "Tab"), "COLUMNS"),
    "tmux": (
        "tmux -L {socket} -f /dev/null new-session less",
        ("G", "C-b", "C-b", "?"),
        "Send the prefix key",
    ),
}


@pytest.fixture
def machine(tmp_path: Path):
    with Machine(tmp_path, {"PS1": "inner$ ", "LC_ALL": "C.UTF-8"}, traced=False) as one:
        yield one


@pytest.fixture
def inner_socket(tmp_path: Path) -> Iterator[str]:
    """Of a tmux that is run inside, whose server would outlive its terminal."""
    name = f"cctm-test-inner-{tmp_path.name[-40:]}"
    yield name
    subprocess.run([TMUX, "-L", name, "kill-server"], capture_output=True, check=False)


def state_of(outer: Outer, names=STATE) -> dict[str, str]:
    shown = outer.ask("};#{".join(names))
    return dict(zip(names, shown.split(";"), strict=True))


def settled(outer: Outer, size: tuple[int, int]) -> tuple[list[list[object]], dict[str, str]]:
    """What is shown once it stands still: cells with their colours, cursor and modes.

    tmux tells blanks that were printed from those that never were, and what colour a blank's text would have:
    nobody sees a difference.
    """
    seen: list[tuple[str, dict[str, str]]] = []

    def is_still() -> bool:
        seen.append((outer.coloured(), state_of(outer, (*STATE, *PLACE))))
        return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3] == seen[-4]

    until(is_still, "the screen stands still")
    coloured, state = seen[-1]
    cells = Fold(*size)
    cells.feed(coloured.removesuffix("\n").replace("\n", "\r\n").encode())
    return looks(cells.picture().lines, size[0]), state


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("mode", ["raw", "painted"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_found_as_it_was_left_and_leaves_no_trace(
    machine: Machine, tmp_path: Path, inner_socket: str, name: str, mode: str, size: tuple[int, int]
) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    cols, rows = size
    text = tmp_path / "text"
    text.write_text("".join(f"line {number}\n" for number in range(1, 101)))
    command, keys, sign = PROGRAMS[name]
    command = command.format(socket=inner_socket)
    with Outer(machine, cols=cols, rows=rows) as outer:
        before = state_of(outer)
        machine.run(
            "new", "-d", "-n", "work", "--size", f"{cols}x{rows}", "--", "sh", "-c", f"{command} {text}"
        )
        attach = ("attach", "--mode", mode, "work")
        outer.command(*attach)
        until(lambda: machine.terminals()["work"]["clients"] == 1, "it is attached")
        settled(outer, size)
        for key in keys:
            outer.keys(key)
        outer.until(sign)
        shown = settled(outer, size)
        outer.prefixed("d")
        outer.until("[detached from work]")
        assert state_of(outer) == before
        outer.command(*attach)
        until(lambda: machine.terminals()["work"]["clients"] == 1, "it is attached again")
        until(lambda: settled(outer, size) == shown, "what was shown before is shown again")
        outer.prefixed("d")
        outer.until("[detached from work]")
        assert state_of(outer) == before
    machine.run("kill", "work")
