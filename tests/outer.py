"""A real terminal emulator in front of the command: tmux, with a server of the test's own.

    with Outer(machine, "attach", "work") as outer:
        outer.keys("C-b", "?")
        outer.until("detach: leave it running")

What is captured is what a person would see: rows without the blanks at their ends.
"""

import contextlib
import re
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest

from machine import CCTM, Machine, until

TMUX = shutil.which("tmux")
needs_tmux = pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
PROMPT = "outer$"
BASH = ("bash", "--norc", "--noprofile")
VIM = "vim -u NONE -N -n"


class Outer:
    """One window of 80×24, with a shell that has run a command of ours."""

    def __init__(self, machine: Machine, *arguments: str, cols: int = 80, rows: int = 24) -> None:
        self._name = f"cctm-test-{uuid.uuid4().hex[:12]}"
        self._env = machine.env | {"LC_ALL": "C.UTF-8"}
        self._machine = machine
        size = ("-x", str(cols), "-y", str(rows))
        self._tmux("new-session", "-d", *size, "-s", "one", f"env PS1='{PROMPT} ' bash --norc --noprofile")
        try:
            self._tmux("set-option", "-g", "escape-time", "0")
            self._tmux("set-option", "-g", "window-size", "manual")
            self._tmux("resize-window", "-t", "one", *size)
            self.until(PROMPT)
            if arguments:
                self.command(*arguments)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> "Outer":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        assert TMUX is not None
        done = subprocess.run(
            [TMUX, "-u", "-L", self._name, "-f", "/dev/null", *arguments],
            env=self._env,
            cwd=self._machine.cwd,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    def command(self, *arguments: str) -> None:
        """Have the shell run a command of ours."""
        self.enter(f"clear; {shlex.join([*CCTM, *arguments])}")

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-t", "one", "-l", "--", text)

    def enter(self, text: str) -> None:
        """Type a line."""
        self.type(text)
        self.keys("Enter")

    def edit_a_hundred_lines(self) -> None:
        """Have the shell run an editor on line 1 to line 100; they are shown."""
        path = self._machine.cwd / "file.txt"
        path.write_text("".join(f"line {number}\n" for number in range(1, 101)))
        self.enter(f"{VIM} {path}")
        self.until("100L")
        self.until("line 23")

    def keys(self, *names: str) -> None:
        """Press keys, by their names in tmux."""
        self._tmux("send-keys", "-t", "one", *names)

    def prefixed(self, *names: str) -> None:
        self.keys("C-b", *names)

    def bytes(self, data: bytes) -> None:
        """Let the keyboard send *data*."""
        self._tmux("send-keys", "-t", "one", "-H", *(f"{byte:02x}" for byte in data))

    def resize(self, cols: int, rows: int) -> None:
        self._tmux("resize-window", "-t", "one", "-x", str(cols), "-y", str(rows))

    def lines(self, *, history: bool = False) -> list[str]:
        """What is shown; with *history*, also what has scrolled away."""
        shown = self._tmux("capture-pane", "-p", "-t", "one", *(("-S", "-") if history else ()))
        return [line.rstrip() for line in shown.split("\n")[:-1]]

    def coloured(self) -> str:
        return self._tmux("capture-pane", "-p", "-e", "-t", "one")

    def ask(self, variable: str) -> str:
        """What tmux knows of the window: cursor_y, alternate_on, mouse_any_flag, pane_title, …"""
        return self._tmux("display-message", "-p", "-t", "one", f"#{{{variable}}}").rstrip("\n")

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines())

    def until(self, text: str) -> list[str]:
        """Wait until *text* is shown; the rows of which it is one.

        More may be on its way then, which is not among them: what else is to be seen, must be waited for.
        """
        return self.until_rows(lambda rows: any(text in row for row in rows), f"{text!r} is shown")

    def until_match(self, *patterns: str) -> None:
        """Wait until each of the regular expressions is found in a row, all at once."""
        self.until_rows(
            lambda rows: all(any(re.search(it, row) for row in rows) for it in patterns),
            f"{patterns} are shown",
        )

    def until_equal(self, rows: list[str]) -> None:
        """Wait until exactly that is shown."""
        self.until_rows(lambda shown: shown == rows, "this is shown:\n" + "\n".join(rows))

    def until_rows(self, holds: Callable[[list[str]], bool], what: str) -> list[str]:
        """Wait until *holds* of what is shown; that."""
        rows: list[str] = []

        def is_shown() -> bool:
            rows[:] = self.lines()
            return holds(rows)

        with self._explained():
            until(is_shown, what)
        return rows

    def until_gone(self, text: str) -> None:
        self.until_rows(lambda rows: not any(text in row for row in rows), f"{text!r} is shown no more")

    def until_last(self, text: str) -> None:
        """Wait until the last row that is not blank is *text*."""
        self.until_rows(
            lambda rows: next(filter(None, reversed(rows)), "") == text, f"{text!r} is the last row"
        )

    def until_asked(self, variable: str, answer: str) -> None:
        """Wait until tmux knows that of the window."""
        with self._explained():
            until(lambda: self.ask(variable) == answer, f"{variable} is {answer}")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{error}; there was\n" + "\n".join(self.lines())) from None
