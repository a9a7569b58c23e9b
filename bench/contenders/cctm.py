"""The product, as a user calls it: the `cctm` beside this Python, or else the one on the PATH."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from bench.contenders.base import Contender, Offer, first_line
from bench.errors import BenchError, RefusedError
from bench.programs import IDLE

SHARED: Final = "shared"


def executable() -> str | None:
    beside = os.path.join(os.path.dirname(sys.executable), "cctm")
    return beside if os.access(beside, os.X_OK) else shutil.which("cctm")


class Cctm(Contender):
    name = "cctm"
    program = "cctm"
    package = "cctm"
    offers: ClassVar[frozenset[Offer]] = frozenset(Offer)

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._home = scratch / "home"
        self._cctm = executable() or "cctm"
        self.env = {**self.env, "CCTM_HOME": str(self._home)}

    @classmethod
    def version(cls) -> str | None:
        found = executable()
        return None if found is None else first_line([found, "--version"])

    @classmethod
    def how_to_get(cls) -> str:
        return "not installed: cctm (make setup)"

    def warm(self) -> None:
        self.open_beside(IDLE)

    def attached(self, argv: Sequence[str]) -> list[str]:
        return [self._cctm, "new", "--", *argv]

    def attach_again(self) -> list[str]:
        return [self._cctm, "attach"]

    def open_beside(self, argv: Sequence[str]) -> None:
        self._call([self._cctm, "new", "-d", "--", *argv])

    def share_soon(self, relay: str, argv: Sequence[str]) -> str:
        """Run *argv* in a new terminal and share it through *relay*; the link to it."""
        self._call([self._cctm, "relay", "use", relay])
        self._call([self._cctm, "new", "-d", "-n", SHARED, "--", *argv])
        return self._call([self._cctm, "share", SHARED]).split()[0]

    def joining(self, link: str, label: str) -> list[str]:
        """The command line that joins what *link* shares, and attaches."""
        return [self._cctm, "join", link, "--as", label]

    def forget_joined(self) -> None:
        """Be as if one had never joined."""
        self._call([self._cctm, "rm", SHARED])

    def listing(self) -> list[str]:
        return [self._cctm, "ls"]

    def server_pids(self) -> dict[str, int]:
        status = self._call([self._cctm, "daemon", "status", "--json"])
        try:
            found = json.loads(status)
            return {"daemon": int(found["daemon_pid"]), "keeper": int(found["keeper_pid"])}
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError("cctm daemon status", f"its answer has no pids ({error!r})") from None

    def record_bytes(self) -> int:
        """The segment files (SPEC.md §6.1)."""
        return sum(segment.stat().st_size for segment in self._home.rglob("*.seg"))

    def _end(self) -> None:
        with contextlib.suppress(BenchError, OSError):  # what does not stop is ended by id
            self._call([self._cctm, "daemon", "stop", "--all"])


class Painted(Cctm):
    """The product, its client painted from the folded screen instead of passed the program's bytes."""

    name = "cctm-painted"
    offers: ClassVar[frozenset[Offer]] = frozenset()

    def attached(self, argv: Sequence[str]) -> list[str]:
        self._opened += 1
        terminal = f"painted{self._opened}"
        self._call([self._cctm, "new", "-d", "-n", terminal, "--", *argv])
        return [self._cctm, "attach", "--mode", "painted", terminal]
