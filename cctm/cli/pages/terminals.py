"""The page from which a terminal is chosen."""

from typing import Final

from cctm.cli import words
from cctm.cli.columns import fill, width
from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, REVERSE, Row, screenful
from cctm.cli.pages.choice import Choice
from cctm.cli.pages.effects import Closed, Effect, Switch
from cctm.cli.pages.keystrokes import BACKSPACE, CLEAR, ENTER, ESCAPE
from cctm.cli.pages.page import Page
from cctm.protocol.control import replies

KEYS: Final = " Enter: go there · /: filter · 0-9: by name · q: back"
NAME_COLS: Final = 32


class TerminalsPage(Page):
    """Running terminals; the one that is shown is marked with *."""

    def __init__(self, rows: list[replies.Row], current: bytes, now_us: int) -> None:
        self._all = rows
        self._current = current
        self._now_us = now_us
        self._filter = ""
        self._is_typed = False  # the filter is
        self._shown = rows
        marked = [number for number, row in enumerate(rows) if row.channel == current]
        self._choice = Choice(len(rows), *marked[:1])

    def draw(self, cols: int, rows: int) -> bytes:
        lines = [self._columns(row) for row in self._shown]
        widths = [max((width(line[column]) for line in lines), default=0) for column in range(4)]
        heads = ("NAME", "STATE", "CLIENTS", "AGE")
        widths = [max(wide, len(head)) for wide, head in zip(widths, heads, strict=True)]
        head = "  ".join([*(fill(text, wide) for text, wide in zip(heads, widths, strict=True)), "COMMAND"])
        body: list[Row] = [[(f"   {head}", BOLD)]]
        for number in self._choice.in_sight(rows - 2):
            *cells, command = lines[number]
            text = "  ".join([*(fill(cell, wide) for cell, wide in zip(cells, widths, strict=True)), command])
            here = "*" if self._shown[number].channel == self._current else " "
            pen = REVERSE if number == self._choice.at else PLAIN
            body.append([(fill(f" {here} {text}", cols), pen)])
        if not self._shown:
            body.append([("   none", FAINT)])
        return screenful(body, cols, rows, self._footer())

    def _columns(self, row: replies.Row) -> tuple[str, str, str, str, str]:
        state = words.state(row) + (f" ({row.stalled})" if row.stalled else "")
        age = words.age((self._now_us - row.created_us) / 1e6)
        name = fill(row.name, NAME_COLS).rstrip()
        return name, words.printable(state), str(row.clients), age, words.printable(row.command)

    def _footer(self) -> Row:
        if self._is_typed:
            return [(f" /{self._filter}", BOLD), ("▏", PLAIN)]
        kept = f" · filter: {self._filter}" if self._filter else ""
        return [(KEYS + kept, FAINT)]

    def take(self, key: str) -> Effect | None:
        if self._is_typed:
            return self._take_filter(key)
        if key.isdecimal() and key.isascii():
            found = [row.channel for row in self._all if row.name == key]
            return Switch(found[0]) if found else None
        match key:
            case "escape" if self._filter:
                self._narrow("")
            case "escape" | "q":
                return Closed()
            case "/":
                self._is_typed = True
            case "enter":
                return self._chosen()
            case _:
                self._choice.move(key)
        return None

    def _chosen(self) -> Effect | None:
        return Switch(self._shown[self._choice.at].channel) if self._shown else None

    def _take_filter(self, key: str) -> Effect | None:
        match key:
            case _ if key == ENTER:
                self._is_typed = False
                return self._chosen() if len(self._shown) == 1 else None
            case _ if key == ESCAPE:
                self._is_typed = False
                self._narrow("")
            case _ if key == BACKSPACE:
                self._narrow(self._filter[:-1])
            case _ if key == CLEAR:
                self._narrow("")
            case _ if len(key) == 1:
                self._narrow(self._filter + key)
            case _:
                self._choice.move(key)
        return None

    def _narrow(self, text: str) -> None:
        marked = self._shown[self._choice.at].channel if self._shown else self._current
        self._filter = text
        wanted = text.casefold()
        self._shown = [
            row for row in self._all if wanted in row.name.casefold() or wanted in row.command.casefold()
        ]
        places = [number for number, row in enumerate(self._shown) if row.channel == marked]
        self._choice = Choice(len(self._shown), *places[:1])
