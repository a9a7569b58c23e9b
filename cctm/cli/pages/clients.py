"""The page that says who is here."""

from typing import Final

from cctm.cli import words
from cctm.cli.client_rows import HEADS, ClientRow, cells
from cctm.cli.columns import fill
from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, REVERSE, Row, screenful
from cctm.cli.pages.choice import Choice
from cctm.cli.pages.effects import Closed, Effect, Throw
from cctm.cli.pages.page import Page

KEYS: Final = " d: detach the marked one · q: back"


class ClientsPage(Page):
    """Who is attached to the terminal."""

    def __init__(self, name: str, clients: list[ClientRow]) -> None:
        self._name = name
        self._clients = clients
        self._choice = Choice(len(clients))

    def draw(self, cols: int, rows: int) -> bytes:
        lines = [HEADS, *map(cells, self._clients)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]
        texts = [
            "  ".join(fill(cell, wide) for cell, wide in zip(line, widths, strict=True)) for line in lines
        ]
        count = words.count(len(self._clients), "client")
        body: list[Row] = [[(f" {self._name}: {count}", BOLD)], [(f"   {texts[0]}", BOLD)]]
        for number in self._choice.in_sight(rows - 3):
            pen = REVERSE if number == self._choice.at else PLAIN
            body.append([(fill(f"   {texts[number + 1]}", cols), pen)])
        return screenful(body, cols, rows, [(KEYS, FAINT)])

    def take(self, key: str) -> Effect | None:
        match key:
            case "q" | "escape" | "enter":
                return Closed()
            case "d" if self._clients:
                return Throw(self._clients[self._choice.at].number)
            case _:
                self._choice.move(key)
                return None
