"""The page with the keys."""

from typing import Final

from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, Row, screenful
from cctm.cli.pages.effects import Closed, Effect
from cctm.cli.pages.page import Page

KEYS: Final = (
    ("d", "detach: leave it running"),
    ("c", "a new terminal"),
    ("n  p", "the next, the previous terminal"),
    ("l", "the terminal you came from"),
    ("0 … 9", "the terminal of that name"),
    ("w", "choose from a list"),
    (",", "rename it"),
    ("x", "end it"),
    ("[", "scroll and search what it printed"),
    ("i", "who is here; who types"),
    ("S", "share it: a link, a QR code"),
    ("r", "who has the keyboard: ask for it, pass it on"),
    ("?", "this help"),
    ("Ctrl+B", "send Ctrl+B to the program"),
)
LATER: Final = "Not in this version yet: P off the record."


class HelpPage(Page):
    """All keys; any key leaves."""

    def draw(self, cols: int, rows: int) -> bytes:
        body: list[Row] = [[(" Ctrl+B, then:", BOLD)], []]
        body += [[(f"   {key:8}", BOLD), (what, PLAIN)] for key, what in KEYS]
        body += [[], [(f" {LATER}", FAINT)]]
        if rows <= len(KEYS) + 1:
            body = body[2:]
        return screenful(body, cols, rows, [(" any key: back", FAINT)])

    def take(self, key: str) -> Effect | None:
        return Closed()
