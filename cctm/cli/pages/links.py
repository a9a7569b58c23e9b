"""The page from which a terminal is shared, and the page that shows a link."""

from typing import Final

from cctm.cli import qr, table, words
from cctm.cli.columns import fill
from cctm.cli.link_rows import HEADS, cells
from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, REVERSE, Row, screenful
from cctm.cli.pages.choice import Choice
from cctm.cli.pages.effects import Closed, Effect
from cctm.cli.pages.page import Page
from cctm.cli.pages.together import AskRevoke, MakeLink, ShowLink
from cctm.protocol.access import Role
from cctm.protocol.control.replies import LinkRow

NEW: Final = (
    ("v", "a new link: whoever has it watches"),
    ("d", "a new link: whoever has it watches and types"),
)
MORE: Final = "With an end, the past, or one keyboard for all: `cctm share --help`."
KEYS: Final = " q: back"
LIST_KEYS: Final = " Enter: show the marked link · x: revoke it · q: back"
CAN: Final = {Role.VIEWER: "watches", Role.DRIVER: "watches and types"}


class LinksPage(Page):
    """The links to a terminal, and new ones."""

    def __init__(self, name: str, links: list[LinkRow], now_us: int) -> None:
        self._name = name
        self._links = links
        self._now_s = now_us / 1e6
        self._choice = Choice(len(links))

    def draw(self, cols: int, rows: int) -> bytes:
        body: list[Row] = [[(f" Share {self._name}", BOLD)], []]
        body += [[(f"   {key:4}", BOLD), (what, PLAIN)] for key, what in NEW]
        body += [[(f"   {MORE}", FAINT)], []]
        texts = table.align([HEADS, *(cells(row, self._now_s) for row in self._links)])
        if self._links:
            body.append([(f"   {texts[0]}", BOLD)])
        for number in self._choice.in_sight(rows - len(body) - 1):
            pen = REVERSE if number == self._choice.at else PLAIN
            body.append([(fill(f"   {texts[number + 1]}", cols), pen)])
        return screenful(body, cols, rows, [(LIST_KEYS if self._links else KEYS, FAINT)])

    def take(self, key: str) -> Effect | None:
        match key:
            case "q" | "escape":
                return Closed()
            case "v":
                return MakeLink(Role.VIEWER)
            case "d":
                return MakeLink(Role.DRIVER)
            case "enter" if self._links:
                return ShowLink(self._links[self._choice.at])
            case "x" if self._links:
                return AskRevoke(self._links[self._choice.at])
            case _:
                self._choice.move(key)
                return None


class LinkPage(Page):
    """One link, to be copied, or read by a camera."""

    def __init__(self, name: str, url: str, role: int) -> None:
        self._name = name
        self._url = words.printable(url)
        self._role = role
        self._code = qr.rows_of(url)

    def draw(self, cols: int, rows: int) -> bytes:
        can = CAN.get(Role(self._role), "") if self._role in set(Role) else ""
        body: list[Row] = [[(f" {self._name}: whoever has this link {can or 'joins'}", BOLD)], []]
        at = len(body) + 1
        link_rows = -(-len(self._url) // max(1, cols))
        has_room = at + link_rows < rows
        if has_room:
            body += [[]] * (link_rows + 1)
        else:
            body += [[(self._url, PLAIN)]]
        if len(body) + len(self._code) < rows and len(self._code[0]) < cols:
            body += [[(" ", PLAIN), (row, qr.PEN)] for row in self._code]
        else:
            body += [[(" A larger window has room for its QR code.", FAINT)]]
        drawn = screenful(body, cols, rows, [(KEYS, FAINT)])
        if not has_room:
            return drawn
        # In one piece: where it wraps, the terminal knows that it is one line, and copies it as one.
        return drawn + b"\x1b[%d;1H" % at + self._url.encode()

    def take(self, key: str) -> Effect | None:
        # To the terminal, not to the page before: there a letter makes another link.
        return Closed() if key in {"q", "escape", "enter"} else None
