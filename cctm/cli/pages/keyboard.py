"""The page that says who has the keyboard of a shared terminal, and passes it on."""

from typing import Final

from cctm.cli import people_rows
from cctm.cli.columns import fill
from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, REVERSE, Row, screenful
from cctm.cli.pages.choice import Choice
from cctm.cli.pages.effects import Closed, Effect
from cctm.cli.pages.page import Page
from cctm.cli.pages.together import Keyboard, Pass
from cctm.protocol.access import Role
from cctm.protocol.control.replies import PersonRow, Presence
from cctm.protocol.control.values import FloorAction

EVERYBODY: Final = "Every driver types. With `cctm share --drive --floor` one at a time does."
HOST_KEYS: Final = " Enter: give it to the marked one · t: take it · q: back"
HOLDER_KEYS: Final = " l: give it back · q: back"
DRIVER_KEYS: Final = " r: ask for it · q: back"
KEYS: Final = " q: back"


class KeyboardPage(Page):
    """Who has the keyboard, marked with *, among those who may; asked for again each second."""

    renewal_s = 1.0

    def __init__(self, name: str, presence: Presence, at: int | None = None) -> None:
        """
        Args:
            at: which row is marked; nil: whoever has the keyboard.
        """
        self._name = name
        self._presence = presence
        self._drivers = [
            person for person in presence.rows if person.role >= Role.DRIVER and person.seen_us is None
        ]
        holders = [number for number, person in enumerate(self._drivers) if self._holds(person)]
        self._choice = Choice(len(self._drivers), *holders[:1])
        if at is not None:
            self._choice.at = at
            self._choice.recount(len(self._drivers))

    def _holds(self, person: PersonRow) -> bool:
        return person.who == self._presence.holder

    def draw(self, cols: int, rows: int) -> bytes:
        body: list[Row] = [[(f" {self._name}: the keyboard", BOLD)], []]
        if self._presence.holder is None:
            return screenful([*body, [(f"   {EVERYBODY}", PLAIN)]], cols, rows, [(KEYS, FAINT)])
        for number in self._choice.in_sight(rows - len(body) - 1):
            person = self._drivers[number]
            mark = "*" if self._holds(person) else " "
            name = people_rows.name(person, self._presence)
            pen = REVERSE if self._is_host and number == self._choice.at else PLAIN
            body.append([(fill(f" {mark} {name}", cols), pen)])
        return screenful(body, cols, rows, [(self._keys(), FAINT)])

    def _keys(self) -> str:
        if self._is_host:
            return HOST_KEYS
        if self._presence.holder == self._presence.you:
            return HOLDER_KEYS
        return DRIVER_KEYS if self._may_ask else KEYS

    @property
    def _is_host(self) -> bool:
        return not self._presence.you

    @property
    def _may_ask(self) -> bool:
        return any(person.who == self._presence.you for person in self._drivers)

    def take(self, key: str) -> Effect | None:
        if key in {"q", "escape"}:
            return Closed()
        if self._presence.holder is None:
            return None
        return self._pass(key) if self._is_host else self._ask(key)

    def _pass(self, key: str) -> Effect | None:
        match key:
            case "t":
                return Pass(FloorAction.GRANT)
            case "enter" | "g" if self._drivers:
                return Pass(FloorAction.GRANT, self._drivers[self._choice.at].who)
            case _:
                self._choice.move(key)
                return None

    def _ask(self, key: str) -> Effect | None:
        match key:
            case "r" if self._may_ask:
                return Pass(FloorAction.REQUEST)
            case "l" if self._presence.holder == self._presence.you:
                return Pass(FloorAction.RELEASE)
            case _:
                return None

    def renewal(self) -> Effect:
        return Keyboard(self._choice.at)
