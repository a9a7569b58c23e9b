"""Parts of a daemon to try things on: the real storage, catalogue and registry in a home of their own; no keeper."""

import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import trio

from archive_fixtures import DEVICE, make_home
from cctm.archive.catalogue import About, Catalogue
from cctm.archive.room import Limits
from cctm.archive.storage import Storage
from cctm.cctmd.clock import Clock
from cctm.cctmd.daemon import Daemon
from cctm.cctmd.opening import new_keys, store_keys
from cctm.cctmd.pty_input import PtyInput
from cctm.cctmd.recorder import Screen
from cctm.cctmd.services import Services, wait_for
from cctm.cctmd.sharing.sharing import Sharing
from cctm.cctmd.shown import Owner
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminal import Terminal
from cctm.cctmd.terminals import Terminals
from cctm.protocol.codec import Value
from cctm.protocol.events import Opened
from cctm.protocol.keys import StreamId


class SetClock(Clock):
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.wall = 1_700_000_000_000_000

    def now_us(self) -> int:
        return self.now

    def wall_us(self) -> int:
        return self.wall


def open_pty() -> tuple[int, int]:
    """Master (non-blocking, as the keeper makes it) and slave (raw)."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    tty.setraw(slave)
    return master, slave


@asynccontextmanager
async def running_daemon(
    place: Path, limits: Limits | None = None, clock: Clock | None = None
) -> AsyncIterator[Daemon]:
    """What a daemon consists of, without a keeper and a control socket."""
    home = make_home(place / "home")
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    storage = Storage(home.archive, on_stalled=lambda _: None, on_resumed=lambda: None)
    storage.start()
    try:
        async with trio.open_nursery() as nursery:
            services = Services(
                home, DEVICE, catalogue, storage, clock or Clock(), limits or Limits(0), nursery
            )
            with closing(Terminals(services)) as terminals:
                yield Daemon(services, terminals, Sharing(services, terminals))
            for terminal in terminals.running.values():
                terminal.pty.close()
            nursery.cancel_scope.cancel()
    finally:
        await trio.to_thread.run_sync(storage.close)
        catalogue.close()


async def opened(
    daemon: Daemon, name: str = "work", argv: tuple[bytes, ...] = (b"cat",)
) -> tuple[Terminal, int]:
    """A terminal as the registry has it after its program started, and its slave."""
    terminals = daemon.terminals
    master, slave = open_pty()
    keys = new_keys(terminals)
    about = About(name=name, argv=argv, cwd=b"/", created_us=terminals.services.clock.wall_us())
    await wait_for(terminals.services.storage.run_aside(lambda: store_keys(terminals, keys, about)))
    terminals.abouts[keys.channel] = about
    stream = StreamId(os.urandom(16))
    terminal = terminals.make(
        keys, Screen(stream, 80, 24, name), PtyInput(master, terminals.services.nursery), about
    )
    terminal.recorder.event(
        lambda dt_us: Opened(dt_us, argv, b"/", 80, 24, name, "xterm-256color", about.created_us, stream)
    )
    return terminal, slave


def screen_owner(**told: Callable[..., object]) -> Owner:
    """The owner of a screen of 80 by 24, which does nothing but what *told* says."""

    def nothing(*_: object) -> None:
        """Nothing."""

    known = {"level": lambda: 0, "size": lambda: (80, 24)}
    return Owner(**(dict.fromkeys(("asked", "lost", "drawn", "hold", "release"), nothing) | known | told))  # type: ignore[arg-type]


class Watcher:
    """A client of a terminal, as far as the terminal sees it, which remembers what it was told."""

    drives = True
    can_be_asked = True
    number = 0

    def __init__(self) -> None:
        self.printed = b""
        self.sizes = 0
        self.drawings = 0
        self.said: list[str] = []
        self.messages: list[tuple[object, ...]] = []
        self.asides: list[bytes] = []
        self.asked: list[tuple[int, bytes]] = []
        self.ending: Ending | None = None

    def output(self, data: bytes) -> None:
        self.printed += data

    def changed(self) -> None:
        """Nothing: it shows what it is sent."""

    def draw_anew(self) -> None:
        self.drawings += 1

    def aside(self, data: bytes) -> None:
        self.asides.append(data)

    def ask(self, number: int, question: bytes) -> None:
        self.asked.append((number, question))

    def fit(self) -> None:
        self.sizes += 1

    def say(self, text: str) -> None:
        self.said.append(text)

    def tell(self, message: tuple[object, ...]) -> None:
        self.messages.append(message)

    def row(self) -> list[Value]:
        return [self.number]

    def terminal_ended(self, ending: Ending) -> None:
        self.ending = ending

    def release(self, why: str) -> None:
        self.said.append(why)


async def until(fact: Callable[[], object]) -> None:
    """Let the other tasks run until *fact* is true."""
    with trio.fail_after(20):
        while not fact():
            await trio.lowlevel.checkpoint()
