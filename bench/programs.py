"""The programs that run inside the terminals, the same for every contender.

Each announces itself with a marker put together by printf, so that a title, a status line or a command line
that shows the program's text is never mistaken for it. Floods are scripts in files, for screen expands `$` in
what it is asked to run. All but bash end at Ctrl-C.
"""

import random
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

READY: Final = b"bench-ready"
BEHIND: Final = b"bench-behind"
PROMPT: Final = b"bench-prompt>"
CTRL_C: Final = b"\x03"

ECHO: Final = ["sh", "-c", "stty -icanon -echo; printf 'bench-%s' ready; exec cat"]
IDLE: Final = ["cat"]
SHELL: Final = ["bash", "--norc", "--noprofile"]  # its PS1 comes from the environment

FLOOD_ON_REQUEST: Final = """\
stty -echo
printf 'bench-%s' ready
while read -r number; do
  cat {text}
  printf '\\nbench-%s-%s-done\\n' flood "$number"
done
"""
FLOOD_WHILE: Final = """\
while [ -e {running} ]; do
  cat {text}
  printf . >> {count}
done
"""

WORDS: Final = (
    *("archive", "attach", "build", "cache", "channel", "client", "commit", "compile", "daemon", "debug"),
    *("entry", "event", "export", "fetch", "flood", "fold", "grant", "header", "import", "index", "journal"),
    *("keeper", "log", "merge", "module", "object", "offset", "output", "parse", "queue", "read", "record"),
    *("relay", "replay", "screen", "segment", "signal", "socket", "stream", "target", "test", "trace"),
    *("vector", "verify", "window", "write", "zone"),
)
VERDICTS: Final = (
    *("\x1b[32mPASSED\x1b[0m", "\x1b[1;31mFAILED\x1b[0m", "\x1b[33mSKIPPED\x1b[0m", "\x1b[7m ok \x1b[27m"),
    *("\x1b[38;5;208mwarning\x1b[0m", "\x1b[1;36mnote\x1b[0m", "\x1b[38;2;120;180;90m✓\x1b[0m", "ok"),
)


def flood_text(size: int) -> bytes:
    """What a build or a test run prints: mostly ASCII, two colours a line; the same for the same *size*."""
    chance = random.Random(20)
    parts: list[bytes] = []
    length = 0
    while length < size:
        words = " ".join(chance.choices(WORDS, k=chance.randint(2, 12)))
        path = "/".join(chance.choices(WORDS, k=2))
        line = (
            f"{chance.randrange(100_000):6d} \x1b[35m{path}\x1b[0m:{chance.randrange(2000)} {words} "
            f"{chance.getrandbits(32):08x} {chance.choice(VERDICTS)}\n"
        ).encode()
        parts.append(line)
        length += len(line)
    return b"".join(parts)


def flood_file(path: Path, size: int) -> Path:
    path.write_bytes(flood_text(size))
    return path


def flood_on_request(text: Path) -> list[str]:
    """Each line typed floods once: NUMBER in; the file, then `bench-flood-NUMBER-done`, out."""
    script = text.with_suffix(".sh")
    script.write_text(FLOOD_ON_REQUEST.format(text=shlex.quote(str(text))))
    return ["sh", str(script)]


def long_history(text: Path, copies: int) -> list[str]:
    """Prints *text* so many times, then `bench-behind`, and stays."""
    script = text.with_suffix(f".{copies}.sh")
    script.write_text(
        f"n={copies}; while [ $n -gt 0 ]; do cat {shlex.quote(str(text))}; n=$((n - 1)); done\n"
        "printf 'bench-%s' behind; exec cat\n"
    )
    return ["sh", str(script)]


def flood_done(number: int) -> bytes:
    return b"bench-flood-%d-done" % number


@dataclass(frozen=True, slots=True)
class Flood:
    """A program that prints *text* again and again from `start` until `stop`."""

    text: Path
    base: Path

    @property
    def _running(self) -> Path:
        return self.base.with_suffix(".running")

    @property
    def _count(self) -> Path:
        """Grows by one byte for each time that the text was printed."""
        return self.base.with_suffix(".count")

    def start(self) -> list[str]:
        """The command line; from now on it may run."""
        script = self.base.with_suffix(".sh")
        places = {"text": self.text, "running": self._running, "count": self._count}
        script.write_text(
            FLOOD_WHILE.format(**{name: shlex.quote(str(path)) for name, path in places.items()})
        )
        self._count.touch()
        self._running.touch()
        return ["sh", str(script)]

    def stop(self) -> None:
        self._running.unlink()

    def printed_bytes(self) -> int:
        return self._count.stat().st_size * self.text.stat().st_size
