"""Records what real programs print, for the tests of screens: `python -m tests.record_programs [NAME…]`, as root.

Each program runs in namespaces of its own, under a host name that means nothing, with a home that is deleted;
keys are typed when it has been quiet for a moment. What it printed becomes `tests/data/programs/NAME.cast`,
asciicast v2 without times.
"""

# ruff: noqa: T201 - it tells what it does

import fcntl
import json
import os
import pty
import select
import struct
import sys
import tempfile
import termios
from pathlib import Path

TO = Path(__file__).parent / "data" / "programs"
QUIET_S = 0.7
CTRL_B = "\x02"

TEXT = "".join(
    f"{number:3}  the \x1b[1;3{number % 8}mquick\x1b[0m brown fox é 界 jumps over "
    f"\x1b[7mthe lazy\x1b[27m dog {'=' * (number % 40)}\n"
    for number in range(1, 90)
)
CODE = "".join(f"def function_{n}(value):  # naïve 界\n\treturn value * {n}\n\n" for n in range(40))

# name: size, command, keys ((cols, rows): a new size)
PROGRAMS: dict[str, tuple[tuple[int, int], str, list[str | tuple[int, int]]]] = {
    "vim": (
        (80, 24),
        "vim -u NONE -N --cmd 'set ruler showcmd hlsearch' --cmd 'syntax on' code.py",
        [
            *(
                "ihello wörld 界\x1b",
                "yyp",
                "\x04",
                "/value\r",
                ":split\r",
                "\x17w",
                "G",
                "gg",
                ":set number\r",
                "zz",
                "5dd",
            ),
            *("u", "vjjj", "\x1b", ":vsplit\r", (60, 18), (90, 26), ":only\r", ":help\r", ":q\r", ":q!\r"),
        ],
    ),
    "less": (
        (80, 24),
        "less -R text",
        [" ", " ", "b", "/fox\r", "n", "G", "g", "50g", "-S\r", "\x1b[C", (70, 20), (100, 30), "h", "q", "q"],
    ),
    "nano": (
        (80, 24),
        "nano -l code.py",
        [
            "hello wörld 界\r",
            "\x0b",
            "\x15",
            "\x16",
            "\x16",
            "\x17value\r",
            "\x07",
            "\x18",
            "\x1bA",
            "\x1b[B" * 3,
            (60, 20),
            "\x18",
            "n",
        ],
    ),
    "htop": ((100, 30), "htop -d 20", ["\x1b[B", "t", "\x1bOQ", "\x1b", "h", " ", (80, 20), "I", "q"]),
    "fish": (
        (80, 24),
        "fish --no-config --init-command "
        "'function fish_prompt; set_color green; echo -n \"demo> \"; set_color normal; end'",
        [
            *(
                "echo hello",
                " wörld 界\r",
                "ls -l\r",
                "cat te\t\r",
                "echo he",
                "\x1b[A",
                "\x1b[A",
                "\x03",
                "for i in 1 2 3\r",
            ),
            *(
                "echo $i\r",
                "end\r",
                "string repeat -n 30 abcde\r",
                (50, 20),
                "echo \x1b[D\x1b[D",
                "\x03",
                "clear\r",
                "exit\r",
            ),
        ],
    ),
    "bash": (
        (80, 24),
        "bash --norc --noprofile -i",
        [
            *(
                "PS1='\\[\\e[32m\\]demo\\$\\[\\e[0m\\] '\r",
                "ls -l --color=always\r",
                "cat text\r",
                "echo " + "long " * 30 + "\r",
            ),
            *(
                "printf '\\e]0;title\\a\\e[?2004h\\e[4mund\\e[24m e\\u0301 👍\\n'\r",
                "abcdef\x1b[D\x1b[D\x1b[DX",
                "\x03",
                "\x12cat",
                "\x07",
            ),
            *(
                "seq 100 | column\r",
                "tput smcup; tput cup 5 5; printf inside; sleep 0.2; tput rmcup\r",
                "exit\r",
            ),
        ],
    ),
    "tmux": (
        (80, 24),
        "tmux -u -L recorded -f tmux.conf new-session 'bash --norc --noprofile'",
        [
            *(
                "PS1='demo$ '\r",
                "ls --color=always\r",
                CTRL_B + "%",
                "PS1='$ '\r",
                "cat text\r",
                CTRL_B + '"',
                "echo 界é 👍\r",
            ),
            *(
                CTRL_B + "[",
                "\x1b[5~",
                "q",
                CTRL_B + "z",
                (100, 30),
                CTRL_B + "z",
                CTRL_B + "c",
                "vim -u NONE code.py\r",
                ":q\r",
            ),
            *(CTRL_B + "w", "q", CTRL_B + "&", "y", "exit\r", "exit\r", "exit\r"),
        ],
    ),
    "screen": (
        (80, 24),
        "screen -U -c /dev/null bash --norc --noprofile",
        [
            "PS1='demo$ '\r",
            "ls --color=always\r",
            "\x01c",
            "cat text\r",
            "\x01S",
            "\x01\t",
            "\x01c",
            "echo 界é\r",
            "\x01Q",
            "exit\r",
            "exit\r",
            "exit\r",
        ],
    ),
}


class Recording:
    """One program in a terminal."""

    def __init__(self, size: tuple[int, int], command: str, home: str) -> None:
        self.events: list[list[object]] = []
        self._rest = b""
        env = {
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "HOME": home,
            "PATH": "/usr/bin:/bin",
            "SHELL": "/bin/bash",
        }
        inside = f"mount -t tmpfs none /run 2>/dev/null; hostname demo; cd {home}; {command}"
        pid, self._master = pty.fork()
        if pid == 0:
            os.execve("/usr/bin/unshare", ["unshare", "-pfum", "--mount-proc", "sh", "-c", inside], env)
        self._resize(*size)
        self._take()

    def _resize(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def give(self, what: str | tuple[int, int]) -> None:
        if isinstance(what, tuple):
            self._resize(*what)
            self.events.append([0, "r", f"{what[0]}x{what[1]}"])
        else:
            try:
                os.write(self._master, what.encode())
            except OSError:
                return
        self._take()

    def _take(self) -> None:
        """Take what is printed until it is quiet."""
        while select.select([self._master], [], [], QUIET_S)[0]:
            try:
                data = self._rest + os.read(self._master, 4096)
            except OSError:
                return
            text = data.decode(errors="ignore")
            self._rest = data[len(text.encode()) :]
            self.events.append([0, "o", text])


def main(names: list[str]) -> None:
    for name in names or PROGRAMS:
        size, command, keys = PROGRAMS[name]
        with tempfile.TemporaryDirectory(prefix="demo") as home:
            for file, content in (
                ("text", TEXT),
                ("code.py", CODE),
                ("tmux.conf", "set -g status-right ''\n"),
            ):
                (Path(home) / file).write_text(content)
                os.utime(Path(home) / file, (0, 0))
            recording = Recording(size, command, home)
            for what in keys:
                recording.give(what)
        header = {"version": 2, "width": size[0], "height": size[1]}
        lines = [json.dumps(line, ensure_ascii=False) for line in (header, *recording.events)]
        (TO / f"{name}.cast").write_text("\n".join(lines) + "\n")
        print(name, sum(len(line) for line in lines), len(recording.events))


if __name__ == "__main__":
    main(sys.argv[1:])
