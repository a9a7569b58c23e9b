"""A real terminal to compare with: a pane of a tmux of its own, that shows the bytes it is given.

    with TmuxPane(tmp_path) as pane:
        pane.resize(80, 24)
        pane.show(b"\x1b[31mred")          what was shown before is gone: a full reset comes first
        pane.picture()                     rows and cursor, as `cctm.screen` has them

The program in the pane writes what comes from a socket, and asks the terminal for its status: when that is
answered, everything before it is on the screen.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from cctm.screen.fold import Fold
from cctm.screen.picture import Cursor, Row

TMUX = shutil.which("tmux")
DEADLINE_S = 60

_WRITER = r"""
import os, socket, struct, sys, tty
tty.setraw(0)
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def read(count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            sys.exit()
        data += part
    return data
while True:
    data = read(struct.unpack(">I", read(4))[0])
    while data:
        data = data[os.write(1, data):]
    os.write(1, b"\x18\x1b\\\x1b[5n")
    answer = b""
    while not answer.endswith(b"\x1b[0n"):
        answer += os.read(0, 1)
    connection.sendall(b".")
"""


class Shown(NamedTuple):
    """What tmux shows."""

    lines: tuple[Row, ...]
    cursor: Cursor
    state: dict[str, str]


STATE = (
    *(
        "alternate_on",
        "cursor_x",
        "cursor_y",
        "cursor_flag",
        "insert_flag",
        "keypad_cursor_flag",
        "keypad_flag",
    ),
    *(
        "mouse_standard_flag",
        "mouse_button_flag",
        "mouse_all_flag",
        "mouse_sgr_flag",
        "origin_flag",
        "wrap_flag",
    ),
    *("scroll_region_upper", "scroll_region_lower", "pane_tabs", "pane_title"),
)


class TmuxPane:
    """One pane of a tmux server that nobody else uses."""

    def __init__(self, directory: Path) -> None:
        assert TMUX is not None
        self._socket = str(directory / "tmux")
        self._size = (80, 24)
        env = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")}
        self._env = env | {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(DEADLINE_S)
            port = listener.getsockname()[1]
            writer = (sys.executable, "-P", "-c", _WRITER, str(port))
            self._tmux("new-session", "-d", "-x", "80", "-y", "24", *writer)
            self._connection, _ = listener.accept()
        self._connection.settimeout(DEADLINE_S)
        self._tmux("set-option", "-g", "status", "off")
        self._tmux("set-option", "-g", "escape-time", "0")
        self._tmux("set-option", "-g", "history-limit", "100")
        self.resize(80, 24)

    def __enter__(self) -> "TmuxPane":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> bytes:
        command = (TMUX or "", "-u", "-S", self._socket, "-f", "/dev/null", *arguments)
        return subprocess.run(
            command, env=self._env, check=True, stdout=subprocess.PIPE, timeout=DEADLINE_S
        ).stdout

    def resize(self, cols: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(cols), "-y", str(rows))
        self._size = (cols, rows)

    def write(self, data: bytes) -> None:
        """Have the pane take *data*, to its end."""
        self._connection.sendall(struct.pack(">I", len(data)) + data)
        assert self._connection.recv(1) == b"."

    def show(self, *data: bytes) -> Shown:
        """What the pane shows of *data* after a full reset."""
        # What a reset leaves in tmux 3.3: the title, the alternate screen, the mouse.
        self.write(b"\x1b[?1049l\x1b[?1003;1006;1004;2004l\x1b]2;\x1b\\\x1bc\x1b[2J\x1b[3J" + b"".join(data))
        return self.shown()

    def shown(self) -> Shown:
        cols, rows = self._size
        captured = self._tmux("capture-pane", "-p", "-e", "-N").decode()
        told = self._tmux("display-message", "-p", "\n".join(f"#{{{name}}}" for name in STATE)).decode()
        state = dict(zip(STATE, told.split("\n"), strict=False))
        cursor = Cursor(int(state["cursor_x"]), int(state["cursor_y"]), state["cursor_flag"] == "1")
        return Shown(_rows(captured.split("\n")[:rows], cols), cursor, state)

    def joined(self) -> list[str]:
        """The lines on the screen, with those that wrap put together; without blanks at their ends."""
        captured = self._tmux("capture-pane", "-p", "-J").decode().split("\n")
        return [line.rstrip() for line in captured if line.strip()]

    def history(self) -> bytes:
        """Everything above the screen."""
        return self._tmux("capture-pane", "-p", "-S", "-", "-E", "-1")


def _rows(captured: list[str], cols: int) -> tuple[Row, ...]:
    """Lines of `capture-pane -e` as rows. The pen goes on from line to line, line drawing is in SO and SI."""
    reader = Fold(cols, max(1, len(captured)))
    reader.feed(b"\x1b)0\x1b[?7l")
    for number, line in enumerate(captured):
        reader.feed(f"\x1b[{number + 1}H{line}".encode())
    return reader.picture().lines
