"""The multiplexers: one server for several terminals."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench.contenders.base import Contender, Offer, first_line
from bench.errors import BenchError
from bench.programs import IDLE


class Tmux(Contender):
    name = "tmux"
    program = "tmux"
    package = "tmux"
    offers: ClassVar[frozenset[Offer]] = frozenset({Offer.BESIDE, Offer.LIST, Offer.SERVER, Offer.ATTACH})

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._tmux = ["tmux", "-S", str(scratch / "socket"), "-f", "/dev/null"]

    @classmethod
    def version(cls) -> str | None:
        return None if super().version() is None else first_line(["tmux", "-V"])

    def warm(self) -> None:
        self.open_beside(IDLE)

    def attached(self, argv: Sequence[str]) -> list[str]:
        return [*self._tmux, "new-session", *argv]

    def attach_again(self) -> list[str]:
        return [*self._tmux, "attach-session"]

    def open_beside(self, argv: Sequence[str]) -> None:
        self._call([*self._tmux, "new-session", "-d", *argv])

    def listing(self) -> list[str]:
        return [*self._tmux, "ls"]

    def server_pids(self) -> dict[str, int]:
        return {"server": int(self._call([*self._tmux, "display-message", "-p", "#{pid}"]))}

    def _end(self) -> None:
        with contextlib.suppress(BenchError):  # it had ended with its last terminal
            self._call([*self._tmux, "kill-server"])


class Screen(Contender):
    """Each session has a server of its own; terminals beside an attached one are windows of its session."""

    name = "screen"
    program = "screen"
    package = "screen"
    offers: ClassVar[frozenset[Offer]] = frozenset({Offer.BESIDE, Offer.LIST, Offer.SERVER})

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        (scratch / "sockets").mkdir(mode=0o700)
        self.env = {**self.env, "SCREENDIR": str(scratch / "sockets"), "SYSSCREENRC": "/dev/null"}
        self._settings = scratch / "screenrc"
        self._settings.write_text("startup_message off\nmaxwin 200\ndeflogin off\n")
        self._sessions: list[str] = []

    def _new(self) -> str:
        self._sessions.append(f"bench{self._number()}")
        return self._sessions[-1]

    def warm(self) -> None:
        self.open_beside(IDLE)

    def attached(self, argv: Sequence[str]) -> list[str]:
        return ["screen", "-c", str(self._settings), "-U", "-S", self._new(), *argv]

    def open_beside(self, argv: Sequence[str]) -> None:
        """A window in the newest session, whose first window is then shown again; or else a session."""
        if not self._sessions:
            self._call(["screen", "-c", str(self._settings), "-U", "-dmS", self._new(), *argv])
            return
        session = ["screen", "-S", self._sessions[-1], "-X"]
        self._call([*session, "screen", *argv])
        self._call([*session, "select", "0"])

    def listing(self) -> list[str]:
        return ["screen", "-ls"]

    def server_pids(self) -> dict[str, int]:
        """Its sockets are named PID.SESSION."""
        names = [path.name for path in (self.scratch / "sockets").iterdir()]
        return {f"server {name}": int(name.split(".")[0]) for name in names}

    def _end(self) -> None:
        for session in self._sessions:
            try:
                self._call(["screen", "-S", session, "-X", "quit"])
            except BenchError:
                continue  # it had ended with its program
