"""The programs that run inside the terminals, the same for every contender.

Each announces itself with a marker put together by printf, so that a title, a status line or a command line that
shows the program's text is never mistaken for it. All but bash end at Ctrl-C.
"""

import random
from pathlib import Path

READY = b"bench-ready"
PROMPT = b"bench-prompt>"
CTRL_C = b"\x03"

ECHO = ["sh", "-c", "stty -icanon -echo; printf 'bench-%s' ready; exec cat"]
IDLE = ["cat"]
SHELL = ["bash", "--norc", "--noprofile"]  # its PS1 comes from the environment

# Each line typed floods once: NUMBER in, the file and `bench-flood-NUMBER-done` out.
FLOOD = (
    "stty -echo; printf 'bench-%s' ready; "
    'while read -r number; do cat "$1"; printf "\\nbench-%s-%s-done\\n" flood "$number"; done'
)
# Floods for as long as the file $2 exists; $3 grows by one byte per file printed.
FLOOD_WHILE = 'while [ -e "$2" ]; do cat "$1"; printf . >> "$3"; done'

WORDS = (
    "archive attach build cache channel client commit compile daemon debug déjà echo entry error event export "
    "fetch file flood fold grant header import index journal keeper kernel linker log main merge module naïve note "
    "object offset output parse queue read record relay replay screen segment signal socket source stream target "
    "terminal test trace update vector verify warning window write writer zone → ✓ …"
).split()
COLOURS = (
    "0",
    "1",
    "2",
    "1;31",
    "32",
    "33",
    "34",
    "35",
    "1;36",
    "90",
    "97;44",
    "38;5;208",
    "38;5;141",
    "38;2;120;180;90",
)


def flood_text(size: int) -> bytes:
    """Coloured lines such as a compiler, a test run or `ls` prints; always the same for the same *size*."""
    chance = random.Random(20)
    parts: list[bytes] = []
    length = 0
    while length < size:
        words = " ".join(
            f"\x1b[{colour}m{word}\x1b[0m" if chance.random() < 0.4 else word
            for word, colour in zip(
                chance.choices(WORDS, k=chance.randint(2, 14)), chance.choices(COLOURS, k=14), strict=False
            )
        )
        line = f"{chance.randrange(100_000):6d} {words} {chance.getrandbits(40):010x}\n".encode()
        parts.append(line)
        length += len(line)
    return b"".join(parts)


def flood_file(path: Path, size: int) -> Path:
    path.write_bytes(flood_text(size))
    return path


def flood_on_request(text: Path) -> list[str]:
    return ["sh", "-c", FLOOD, "sh", str(text)]


def flood_done(number: int) -> bytes:
    return b"bench-flood-%d-done" % number


def flood_while(text: Path, running: Path, count: Path) -> list[str]:
    return ["sh", "-c", FLOOD_WHILE, "sh", str(text), str(running), str(count)]
