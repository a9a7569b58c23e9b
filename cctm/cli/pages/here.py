"""The page that says who is here: clients on this machine, and the people of a shared terminal."""

from collections.abc import Sequence
from typing import Final

from cctm.cli import people_rows, table, words
from cctm.cli.client_rows import HEADS, ClientRow, cells
from cctm.cli.columns import fill
from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, REVERSE, Row, screenful
from cctm.cli.pages.choice import Choice
from cctm.cli.pages.effects import Closed, Effect, Throw
from cctm.cli.pages.page import Page
from cctm.cli.pages.together import AskKick, Here
from cctm.protocol.control.replies import PersonRow, Presence

KEYS: Final = " d: detach the marked one · q: back"
HOST_KEYS: Final = " d: detach or remove the marked one · q: back"
HEAD_ROWS: Final = 6  # title, two headings, a line between them, the footer


class HerePage(Page):
    """Who is here; asked for again each second, while it is shown."""

    renewal_s = 1.0

    def __init__(
        self, name: str, clients: list[ClientRow], presence: Presence, now_us: int, at: int = 0
    ) -> None:
        """
        Args:
            at: which row is marked.
        """
        self._name = name
        self._clients = clients
        self._presence = presence
        self._now_s = now_us / 1e6
        self._choice = Choice(len(clients) + len(presence.rows))
        self._choice.at = at
        self._choice.recount(self._choice.count)

    def draw(self, cols: int, rows: int) -> bytes:
        people = self._presence.rows
        counts = [words.count(len(self._clients), "client")]
        here = sum(person.seen_us is None for person in people)
        counts += [words.count(here, "person", "people")] if people else []
        counts += [f"{len(people) - here} away"] if here < len(people) else []
        visible = self._choice.in_sight(rows - HEAD_ROWS)
        first = len(self._clients)
        body: list[Row] = [[(f" {self._name}: {', '.join(counts)}", BOLD)]]
        lines = table.align([HEADS, *map(cells, self._clients)])
        body += self._rows(lines, [number for number in visible if number < first], 0, cols)
        if people:
            described = (people_rows.cells(person, self._presence, self._now_s) for person in people)
            lines = table.align([people_rows.HEADS, *described])
            body.append([])
            body += self._rows(lines, [number for number in visible if number >= first], first, cols)
        return screenful(body, cols, rows, [(HOST_KEYS if self._is_host and people else KEYS, FAINT)])

    def _rows(self, lines: Sequence[str], shown: Sequence[int], first: int, cols: int) -> list[Row]:
        """The rows numbered *shown*, below a heading: the first of *lines*; the second has the number *first*."""
        rows: list[Row] = [[(f"   {lines[0]}", BOLD)]]
        for number in shown:
            pen = REVERSE if number == self._choice.at else PLAIN
            rows.append([(fill(f"   {lines[number - first + 1]}", cols), pen)])
        return rows

    @property
    def _is_host(self) -> bool:
        return not self._presence.you

    def take(self, key: str) -> Effect | None:
        match key:
            case "q" | "escape" | "enter":
                return Closed()
            case "d":
                return self._remove()
            case _:
                self._choice.move(key)
                return None

    def _remove(self) -> Effect | None:
        at = self._choice.at
        if at < len(self._clients):
            return Throw(self._clients[at].number)
        people = self._presence.rows[at - len(self._clients) :]
        return self._kick(people[0]) if people and self._is_host else None

    @staticmethod
    def _kick(person: PersonRow) -> Effect | None:
        return AskKick(person.who, people_rows.label(person)) if person.who else None

    def renewal(self) -> Effect:
        return Here(self._choice.at)
