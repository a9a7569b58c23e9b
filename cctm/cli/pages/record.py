"""The page that shows what a terminal printed: scroll and search.

READING ──/ or ?──► TYPING ──Enter──► SEARCHING ──found, none, or a key──► READING
   │ ▲                └──Esc──► READING   └──the beginning──► LOADING ──► SEARCHING
   │ └─ it came, or cannot come: the last row says why ──┐
   └──up, at the beginning──► LOADING ───────────────────┘

LOADING is what lies before the record of a joined terminal. Keys count meanwhile.
"""

from typing import TYPE_CHECKING, Final, Protocol

from cctm.cli.errors import UserError
from cctm.cli.pages.canvas import BOLD, FAINT, PLAIN, REVERSE, Row, Span, screenful
from cctm.cli.pages.effects import Closed, Effect
from cctm.cli.pages.keystrokes import BACKSPACE, CLEAR, ENTER, ESCAPE
from cctm.cli.pages.page import Page
from cctm.cli.pages.scroll import Scroll, Shown, Spot
from cctm.cli.pages.search import Search, Towards, places_of

if TYPE_CHECKING:
    from cctm.cli.record import Lines
    from cctm.protocol.control.replies import Recalled

KEYS: Final = "PgUp PgDn g G: scroll · / ?: search, n N: again · q: back"
LOADING: Final = "loading what was printed before … · q: back"
SEARCH_KEYS: Final = {"/": Towards.END, "?": Towards.BEGINNING}


class Before(Protocol):
    """Fetches what lies before a record."""

    def ask(self) -> None:
        """Ask for more.

        Raises:
            UserError: that cannot be.
        """

    @property
    def descriptor(self) -> int | None:
        """What can be read when there is an answer."""

    def take(self) -> "Recalled | None":
        """What came of it; None: nothing yet."""

    def close(self) -> None:
        """What was asked is of no interest any more."""


class RecordPage(Page):
    """The record of one terminal; at first its end."""

    def __init__(self, name: str, source: "Lines", earlier: "Before | None" = None) -> None:
        """
        Args:
            earlier: fetches what lies before *source*; None: there is nothing before.
        """
        self._earlier = earlier
        self._is_loading = False
        # Why nothing more can be loaded; None: more may be.
        self._ending: str | None = None if earlier else ""
        self._wish_rows = 0  # so far up, once it came
        self._goes_on = False  # with the search, once it came
        self._name = name
        self._source = source
        self._height = 1
        self._scroll = Scroll(source, 80)
        self._top: Spot | None = None  # None: the end, whatever the height
        self._typed: str | None = None
        self._wanted = ""
        self._towards = Towards.BEGINNING
        self._looked = Towards.BEGINNING  # in the last search; `N` turns it round
        self._match: Spot | None = None
        self._search: Search | None = None
        self._note = ""

    # --- drawing

    def draw(self, cols: int, rows: int) -> bytes:
        self._height = max(1, rows - 1)
        if cols != self._scroll.cols:
            self._scroll = Scroll(self._source, max(1, cols))
            self._top = None if self._top is None else self._top._replace(row=0)
        shown = self._scroll.rows(self._from(), self._height)
        body = [self._row(row) for row in shown]
        return screenful(body, cols, rows, self._footer())

    def _row(self, shown: Shown) -> Row:
        places = places_of(self._wanted, shown.line)
        spans: list[Span] = []
        at = shown.start
        for start, end in places:
            start, end = max(start, at), min(end, shown.end)
            if start < end:
                spans += [(shown.line[at:start], PLAIN), (shown.line[start:end], REVERSE)]
                at = end
        return [*spans, (shown.line[at : shown.end], PLAIN)]

    def _footer(self) -> Row:
        if self._typed is not None:
            return [(f" {'/' if self._towards is Towards.END else '?'}{self._typed}", BOLD), ("▏", PLAIN)]
        if self._search is not None:
            part = self._source.part(self._search.block)
            return [(f" searching for {self._wanted} … at {part:.0%} · any key stops", BOLD)]
        if self._is_loading:
            return [(f" {LOADING}", BOLD)]
        if self._note:
            return [(f" {self._note}", BOLD)]
        part = self._source.part(self._from().block) if self._top is not None else 1.0
        return [(f" {self._name}: record, {part:.0%} ", REVERSE), (f" {KEYS}", FAINT)]

    # --- where the window is

    def _end(self) -> Spot:
        return self._scroll.up(self._scroll.last(), self._height - 1)

    def _from(self) -> Spot:
        return self._end() if self._top is None else self._top

    def _to(self, spot: Spot) -> None:
        """Show *spot* on the first row, unless the record would end above the last one."""
        is_end = len(self._scroll.rows(spot, self._height + 1)) <= self._height
        self._top = None if is_end else spot

    def _move(self, rows: int) -> None:
        spot = self._from()
        to = self._scroll.up(spot, -rows) if rows < 0 else self._scroll.down(spot, rows)
        self._to(to)
        if rows < 0 and to == spot:
            self._load(-rows)

    # --- what lies before

    def _load(self, rows: int) -> None:
        """Have more loaded, and go so many *rows* up then."""
        if self._ending is not None:
            self._note = self._ending
            return
        assert self._earlier is not None  # otherwise there is an ending
        self._wish_rows = rows
        if not self._is_loading:
            self._ask(self._earlier)

    def _ask(self, earlier: "Before") -> None:
        try:
            earlier.ask()
            self._is_loading = True
        except UserError as error:
            self._is_loading = False
            self._note = error.message

    @property
    def waits_for(self) -> int | None:
        return self._earlier.descriptor if self._earlier is not None and self._is_loading else None

    def arrived(self) -> None:
        assert self._earlier is not None  # it was waited for
        recalled = self._earlier.take()
        if recalled is None:
            return
        self._is_loading = False
        self._ending = None if recalled.more else recalled.why
        self._note = recalled.why
        first = self._source.extend()
        if self._top is not None and self._top.block >= first:
            self._top = Spot(first - 1, 0) if first else None
        if not recalled.bytes and recalled.more:
            self._ask(self._earlier)
        elif self._goes_on and recalled.bytes:
            self._goes_on = False
            self._search = Search(self._source, self._wanted, Towards.BEGINNING, Spot(first, 1 << 60))
        elif self._goes_on:
            self._goes_on = False
            self._say_not_found()
        elif recalled.bytes:
            rows, self._wish_rows = self._wish_rows, 0
            self._move(-rows)

    def leave(self) -> None:
        if self._earlier is not None:
            self._earlier.close()

    # --- keys

    def take(self, key: str) -> Effect | None:
        self._note = ""
        if self._goes_on:
            self._goes_on = False
            self._note = "stopped"
        elif self._search is not None:
            self._search = None
            self._note = "stopped"
        elif self._typed is not None:
            self._type(key, self._typed)
        elif key in {"q", ESCAPE}:
            return Closed()
        else:
            self._read(key)
        return None

    def _read(self, key: str) -> None:
        page = max(1, self._height - 1)
        match key:
            case "up" | "k":
                self._move(-1)
            case "down" | "j" | "enter":
                self._move(1)
            case "page up" | "b":
                self._move(-page)
            case "page down" | " " | "f":
                self._move(page)
            case "u" | "clear":
                self._move(-(page // 2))
            case "d" | "half down":
                self._move(page // 2)
            case "g" | "home":
                first = self._scroll.first()
                if first == self._from():
                    self._load(1)
                self._to(first)
            case "G" | "end":
                self._top = None
            case "/" | "?":
                self._towards = SEARCH_KEYS[key]
                self._typed = ""
            case "n" if self._wanted:
                self._begin_search(self._towards)
            case "N" if self._wanted:
                self._begin_search(self._towards.other)
            case _:
                return

    def _type(self, key: str, typed: str) -> None:
        match key:
            case _ if key == ESCAPE or (key == BACKSPACE and not typed):
                self._typed = None
            case _ if key == ENTER:
                self._typed = None
                self._wanted = typed or self._wanted
                self._match = None
                if self._top is None:
                    self._towards = Towards.BEGINNING  # at the end there is nothing else
                if self._wanted:
                    self._begin_search(self._towards)
            case _ if key == BACKSPACE:
                self._typed = typed[:-1]
            case _ if key == CLEAR:
                self._typed = ""
            case _ if len(key) == 1:
                self._typed = typed + key
            case _:
                return

    # --- searching

    def _begin_search(self, towards: Towards) -> None:
        rows = self._scroll.rows(self._from(), self._height)
        if not rows and self._ending is None:
            self._looked = Towards.BEGINNING
            self._goes_on = True
            self._load(0)
            return
        if not rows:
            self._note = self._ending or "nothing was printed yet"
            return
        seen = [row.spot for row in rows]
        step = 1 if towards is Towards.END else -1
        if self._match is not None and self._match[:2] in {spot[:2] for spot in seen}:
            start = self._match._replace(line=self._match.line + step)
        else:
            start = seen[0] if towards is Towards.END else seen[-1]
        if start.line < 0:
            start = Spot(start.block + 1, 1 << 60)
        self._search = Search(self._source, self._wanted, towards, start)
        self._looked = towards

    @property
    def is_busy(self) -> bool:
        return self._search is not None

    def work(self) -> None:
        search = self._search
        if search is None:
            return
        search.step()
        if not search.is_over:
            return
        self._search = None
        if search.found is None and self._looked is Towards.BEGINNING and self._ending is None:
            self._goes_on = True
            self._load(0)
        elif search.found is None:
            self._say_not_found()
        else:
            self._match = search.found
            self._to(self._scroll.up(search.found, self._height // 3))

    def _say_not_found(self) -> None:
        where = "below" if self._looked is Towards.END else "above"
        other = "n" if self._looked is not self._towards else "N"
        self._note = f"{self._wanted}: nothing {where}; {other} looks the other way"
        if self._looked is Towards.BEGINNING and self._ending:
            self._note += f". {self._ending}"
