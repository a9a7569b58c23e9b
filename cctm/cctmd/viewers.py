"""Viewers: the clients that see one terminal, as it sees them.

Invariant: a bug that one of them meets costs that one, and no other, nor the terminal.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from cctm.cctmd.frames import UNSHOWN_TEXT
from cctm.cctmd.questions import Asked
from cctm.protocol.codec import Value

if TYPE_CHECKING:
    from cctm.cctmd.stage import Ending

LOG = logging.getLogger(__name__)


class Viewer(Asked, Protocol):
    """A client as its terminal sees it."""

    number: int  # among those that ever attached to the terminal, since the daemon started

    @property
    def drives(self) -> bool:
        """Whether its keys reach the program."""

    @property
    def can_be_asked(self) -> bool:
        """Whether its terminal has taken everything so far."""

    def output(self, data: bytes) -> None:
        """*data* was printed; it is not folded yet."""

    def changed(self) -> None:
        """What was printed is folded."""

    def draw_anew(self) -> None:
        """What was shown is void."""

    def aside(self, data: bytes) -> None:
        """Something for the client's terminal that has nothing to do with its screen."""

    def fit(self) -> None:
        """The terminal has another size."""

    def say(self, text: str) -> None:
        """Show *text* for a moment."""

    def tell(self, message: tuple[object, ...]) -> None:
        """Send *message*."""

    def row(self) -> list[Value]:
        """What a listing of clients says of it."""

    def terminal_ended(self, ending: "Ending") -> None:
        """Nothing more will come."""

    def release(self, why: str) -> None:
        """End the session; the terminal goes on."""


class Viewers(list[Viewer]):
    """Those that are attached now, in the order in which they came."""

    def __init__(self, name: str) -> None:
        """
        Args:
            name: the terminal, in log lines.
        """
        super().__init__()
        self._name = name

    def each(self, act: Callable[[Viewer], None]) -> None:
        """Do *act* for every one; one that it fails for is sent away."""
        for viewer in list(self):
            try:
                act(viewer)
            except Exception:
                LOG.exception("a client of terminal %s cannot be served", self._name)
                self._send_away(viewer)

    def _send_away(self, viewer: Viewer) -> None:
        try:
            viewer.release(UNSHOWN_TEXT)
        except Exception:
            LOG.exception("a client of terminal %s cannot be sent away", self._name)
        if viewer in self:
            self.remove(viewer)
