"""A tour without a keyboard (`make demo`): a terminal is opened, used, left, survives its daemon, is checked, shared.

It works in a home of its own, drives the real command in a real terminal, prints what it did and what it saw, and stops
with exit status 1 at the first thing that is not as it should be.
"""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cctm.screen.fold import Fold
from cctm.screen.picture import text_of

CCTM = [sys.executable, "-P", "-m", "cctm.cli"]
PATIENCE_S = 30.0


def say(text: str) -> None:
    """One step of the tour."""
    sys.stdout.write(f"\n\x1b[1m{text}\x1b[0m\n" if sys.stdout.isatty() else f"\n## {text}\n")
    sys.stdout.flush()


def show(text: str) -> None:
    """What was seen."""
    sys.stdout.writelines(f"   | {line}\n" for line in text.replace("\r", "").splitlines())
    sys.stdout.flush()


class Tour:
    """A home and the terminal in front of it."""

    def __init__(self, home: str) -> None:
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("CCTM_", "TMUX"))
        }
        self.env |= {"CCTM_HOME": home, "TERM": "xterm-256color", "PS1": "$ "}

    def cctm(self, *arguments: str, fail: bool = True, shows: bool = True) -> str:
        """Run a command and show what it printed; *shows* False: only what it says beside that."""
        sys.stdout.write(f"   $ cctm {_shown(arguments)}\n")
        done = subprocess.run([*CCTM, *arguments], env=self.env, capture_output=True, text=True, check=False)
        show((done.stdout if shows else "") + done.stderr)
        if fail and done.returncode:
            sys.exit(f"cctm {arguments[0]} failed with status {done.returncode}")
        return done.stdout

    def status(self) -> dict[str, int]:
        """The daemon's status."""
        done = subprocess.run(
            [*CCTM, "daemon", "status", "--json"], env=self.env, capture_output=True, check=False
        )
        found: dict[str, int] = json.loads(done.stdout)
        return found

    def attached(self, arguments: list[str], *steps: tuple[bytes, bytes]) -> None:
        """Run a command in a terminal; type each first part and wait for the second on the screen."""
        with self.window(arguments) as window:
            for typed, wanted in steps:
                window.type(typed, wanted)

    @contextlib.contextmanager
    def window(self, arguments: list[str]) -> "Iterator[Window]":
        """A command in a terminal, left when the block ends; what it showed then is shown."""
        sys.stdout.write(f"   $ cctm {_shown(arguments)}\n")
        sys.stdout.flush()
        pid, master = pty.fork()
        if pid == 0:
            os.execve(CCTM[0], [*CCTM, *arguments], self.env)  # noqa: S606  this is the user's hand
        try:
            window = Window(master)
            yield window
            screen = Fold(80, 24)
            screen.feed(window.seen)
            show("\n".join(filter(None, map(text_of, screen.picture().lines))))
        finally:
            os.close(master)  # who still sits there hangs up, and starts no daemon again
            os.waitpid(pid, 0)


class Window:
    """A terminal with somebody in front of it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.seen = b""

    def type(self, typed: bytes, wanted: bytes) -> None:
        """Type, and wait for *wanted* on the screen."""
        start = len(self.seen)
        os.write(self._master, typed)
        self.wait(wanted, start)

    def wait(self, wanted: bytes, start: int = 0) -> None:
        """Wait for *wanted* behind the first *start* bytes of what was seen."""
        end = time.monotonic() + PATIENCE_S
        while wanted not in self.seen[start:]:
            if time.monotonic() > end or not select.select([self._master], [], [], PATIENCE_S)[0]:
                sys.exit(f"{wanted!r} did not appear; there was {self.seen!r}")
            try:
                self.seen += os.read(self._master, 65536)
            except OSError:
                sys.exit(f"the terminal ended; there was {self.seen!r}")


def _shown(arguments: Sequence[str]) -> str:
    """A command line; of a link only its beginning."""
    return " ".join(one if "#" not in one else f"{one.partition('/t/')[0]}/t/…" for one in arguments)


def main() -> None:
    """The tour."""
    with tempfile.TemporaryDirectory(prefix="cctm-demo-") as place:
        tour, friend = Tour(f"{place}/home"), Tour(f"{place}/friend")
        try:
            _walk(tour)
            with _relay(f"{place}/relay") as address:
                _share(tour, friend, address, Path(place, "relay"))
            say("End it.")
            tour.cctm("kill", "work")
            tour.cctm("ls")
            sys.stdout.write("\nThat was the tour. `make run` opens a terminal for you.\n")
        finally:
            for each in (tour, friend):
                subprocess.run(
                    [*CCTM, "daemon", "stop", "--all"], env=each.env, capture_output=True, check=False
                )


def _walk(tour: Tour) -> None:
    say("Open a terminal, use the shell in it, and leave it with Ctrl+B d.")
    tour.attached(
        ["new", "-n", "work", "--", "bash", "--norc"],
        (b"", b"$"),
        (b"x=$((6*7)); echo the answer is $x\r", b"the answer is 42"),
        (b"\x02d", b"[detached from work]"),
    )
    tour.cctm("ls")
    row = json.loads(
        subprocess.run([*CCTM, "ls", "--json"], env=tour.env, capture_output=True, check=True).stdout
    )[0]
    shell = row["pid"]

    say("Kill the daemon without warning (kill -9). The shell belongs to the keeper, and lives on.")
    daemon = tour.status()["daemon_pid"]
    os.kill(daemon, signal.SIGKILL)
    os.kill(shell, 0)
    sys.stdout.write(f"   daemon {daemon} killed; shell {shell} is alive\n")

    say("Attach again: the same shell, with its variables.")
    tour.attached(
        ["attach", "work"],
        (b"", b"the answer is 42"),
        (b"echo it still is $x\r", b"it still is 42"),
        (b"\x02d", b"[detached from work]"),
    )
    sys.stdout.write(f"   a new daemon, {tour.status()['daemon_pid']}, serves it\n")

    say("Everything it printed was recorded, encrypted, by both daemons. Export it, and verify the record.")
    printed = tour.cctm("export", "work", "-f", "txt")
    if "the answer is 42" not in printed or "it still is 42" not in printed:
        sys.exit("the record is not whole")
    tour.cctm("log", "verify", "work")
    for path in Path(tour.env["CCTM_HOME"]).rglob("*"):
        if path.is_file() and b"answer" in path.read_bytes():
            sys.exit(f"{path} can be read without a key")
    sys.stdout.write("   no file under the home contains a word of it in clear\n")

    say("Change one byte of the record: the place is named.")
    segment = min(Path(tour.env["CCTM_HOME"], "archive").rglob("*.seg"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    if not tour.cctm("log", "verify", "work", fail=False).strip():
        sys.exit("nothing was found")
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    tour.cctm("log", "verify", "work")


@contextlib.contextmanager
def _relay(place: str) -> Iterator[str]:
    """A relay on a free port; its address."""
    os.mkdir(place)
    command = [*CCTM, "relay", "serve", "--listen", "127.0.0.1:0", "--store", f"{place}/relay.sqlite"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as relay:
        try:
            assert relay.stderr is not None
            said = (json.loads(line) for line in relay.stderr)
            yield next(line["address"] for line in said if line["event"] == "listening")
        finally:
            relay.terminate()


def _share(tour: Tour, friend: Tour, address: str, relay: Path) -> None:
    say("Share it with somebody on another machine, through a relay. A friend joins, and both type.")
    tour.cctm("relay", "use", address)
    link = tour.cctm("share", "work", "--drive", shows=False).split()[0]
    with tour.window(["attach", "work"]) as here, friend.window(["join", link, "--as", "ana"]) as there:
        here.wait(b"it still is 42")
        here.type(b"echo hello ana, $((x+1))\r", b"hello ana, 43")
        there.wait(b"hello ana, 43")
        there.type(b"echo hello from ana, $((x+2))\r", b"hello from ana, 44")
        here.wait(b"hello from ana, 44")
        tour.cctm("who", "work")
        say("Show her the door. She has seen what she has seen; she sees no more.")
        tour.cctm("kick", "work", "ana")
        there.wait(b"nothing more comes")
        here.type(b"echo alone, $((x+3))\r", b"alone, 45")
        here.type(b"\x02d", b"[detached from work]")
        there.type(b"\x02d", b"[detached from work]")
    if "alone, 45" in friend.cctm("export", "work"):
        sys.exit("she saw it")
    for path in relay.rglob("*"):
        if path.is_file() and b"hello" in path.read_bytes():
            sys.exit(f"{path} can be read without a key")
    sys.stdout.write("   the relay stored all that passed, and contains not a word of it\n")


if __name__ == "__main__":
    main()
