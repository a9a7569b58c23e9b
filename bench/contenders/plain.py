"""Contenders without a server for several terminals: the bare PTY, dtach, and the recorders."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from bench import processes
from bench.contenders.base import Contender, Offer
from bench.errors import BenchError
from bench.programs import CTRL_C


class Bare(Contender):
    """The program on the outer PTY itself: what the kernel and the bench cost."""

    name = "bare"
    program = "sh"
    package = "dash"

    @classmethod
    def version(cls) -> str | None:
        return "the program on the outer PTY itself"

    def attached(self, argv: Sequence[str]) -> list[str]:
        return list(argv)


class Dtach(Contender):
    """One process and one socket per terminal, no screen of its own."""

    name = "dtach"
    program = "dtach"
    package = "dtach"
    offers: ClassVar[frozenset[Offer]] = frozenset({Offer.BESIDE, Offer.SERVER})

    def _socket(self) -> str:
        return str(self.scratch / f"{self._number()}.sock")

    def attached(self, argv: Sequence[str]) -> list[str]:
        return ["dtach", "-A", self._socket(), "-E", "-z", *argv]

    def open_beside(self, argv: Sequence[str]) -> None:
        self._call(["dtach", "-n", self._socket(), "-E", "-z", *argv])

    def server_pids(self) -> dict[str, int]:
        return {
            f"master {pid}": pid
            for pid in processes.living_in(str(self.scratch))
            if processes.name(pid) == "dtach"
        }

    def _end(self) -> None:
        for socket in self.scratch.glob("*.sock"):
            try:
                self._call(["dtach", "-p", str(socket)], stdin=CTRL_C)
            except BenchError:
                socket.unlink(missing_ok=True)  # nobody listens on it any more


class Recorder(Contender):
    """Writes what is printed to a file while passing it on; the terminal ends with it."""

    offers: ClassVar[frozenset[Offer]] = frozenset({Offer.RECORD})

    def _record(self) -> Path:
        return self.scratch / f"{self._number()}.record"

    def record_bytes(self) -> int:
        return sum(record.stat().st_size for record in self.scratch.glob("*.record"))


class Script(Recorder):
    name = "script"
    program = "script"
    package = "bsdutils"

    @classmethod
    def version(cls) -> str | None:
        """Only util-linux's: the BSD one takes other options and calls itself nothing."""
        found = super().version()
        return found if found is not None and "util-linux" in found else None

    def attached(self, argv: Sequence[str]) -> list[str]:
        return ["script", "-q", "-e", "-c", shlex.join(argv), str(self._record())]


class Asciinema(Recorder):
    name = "asciinema"
    program = "asciinema"
    package = "asciinema"

    def attached(self, argv: Sequence[str]) -> list[str]:
        return ["asciinema", "rec", "-q", "-c", shlex.join(argv), str(self._record())]
