"""The fold: what a terminal's output comes to.

    bytes ─► UTF-8 ─► clean text ─┬► clusters ─► emulator ─► cells
                                  └► whole sequences ─► modes, title;  the rest is pending

Invariants: any bytes are taken, in any pieces, and nothing raises; a fold's size is bounded by its columns and
rows, not by what it was fed. Invalid UTF-8 becomes U+FFFD. Feeding takes as long as an emulator takes for what is
asked of it: at worst a time in proportion to the screen's cells for every two bytes. `steps` does it in short steps.
"""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Self

from cctm.screen import marks
from cctm.screen.emulator import Emulator, Screen
from cctm.screen.emulators import new_emulator
from cctm.screen.mark_table import MARKS
from cctm.screen.marks import Clusters
from cctm.screen.modes import ORIGIN, Modes
from cctm.screen.picture import Cursor, Picture
from cctm.screen.placing import printed_over
from cctm.screen.sequences import (
    PARTS,
    bounded,
    changes_modes,
    cleaned,
    outlined,
    printed_end,
    unfinished,
    with_short_repeats,
)
from cctm.screen.skipping import without_scrolled_away
from cctm.screen.steps import LEAST_CHARS, ODD_NS, STEP_NS, Bounds, bounds_of, cut, parts_of, read_ns
from cctm.screen.title import Title

MIN_COLS: Final = 2  # a wide character must have room
MAX_COLS: Final = 1000
MAX_ROWS: Final = 1000
MAX_CELLS: Final = 128_000  # 640 by 200: a 4K display in characters of 6 by 10 pixels


def within_limits(cols: int, rows: int) -> tuple[int, int]:
    """A size that a fold can have."""
    cols = min(max(cols, MIN_COLS), MAX_COLS)
    return cols, min(max(rows, 1), MAX_ROWS, MAX_CELLS // cols)


class Fold:
    """One terminal's screen, modes and title."""

    def __init__(self, cols: int, rows: int, emulator: Callable[[int, int], Emulator] = new_emulator) -> None:
        self.cols, self.rows = within_limits(cols, rows)
        self.modes = Modes()
        self._titles = Title()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._last = ""  # the character, with its marks, that was printed last, if nothing came after it
        self._emulator = emulator(self.cols, self.rows)
        self._clusters = Clusters()
        self._screen: Screen | None = None
        self._picture: Picture | None = None

    @classmethod
    def from_dump(cls, cols: int, rows: int, dump: bytes) -> Self:
        """The fold of which *dump* was made, at the same size."""
        fold = cls(cols, rows)
        fold.feed(dump)
        return fold

    def feed(self, data: bytes) -> None:
        """Take the next output."""
        for _ in self.steps(data):
            pass

    def steps(self, data: bytes) -> Iterator[int]:
        """Take the next output in steps, each of which is told before by what it costs, in ns (steps.py).

        What is shown between them may be drawn; nothing else may be done with the fold before the last.
        """
        text = self._decoder.decode(data)
        plain = marks.is_plain(text)
        if not plain:
            text = marks.admitted(cleaned(text))
        if not text:
            return
        if not self._pending and not self.modes.margins:
            text = without_scrolled_away(text, self.rows)
        encoded = (self._pending + text).encode()
        outline = outlined(encoded)
        bounds = bounds_of(encoded, outline, self.cols, self.rows)
        cost = bounds.followed if plain else bounds.followed + (len(encoded) - len(text)) * ODD_NS
        if cost <= STEP_NS:
            yield cost
            yield from self._follow(text, outline, bounds, plain=plain)
            return
        for piece in cut(text, max(LEAST_CHARS, len(text) * STEP_NS // cost)):
            yield STEP_NS
            encoded = (self._pending + piece).encode()
            outline = outlined(encoded)
            yield from self._follow(
                piece, outline, bounds_of(encoded, outline, self.cols, self.rows), plain=plain
            )

    def _follow(self, text: str, outline: bytes, bounds: Bounds, *, plain: bool) -> Iterator[int]:
        """Print clean *text*, *plain* if it has no marks, and follow what its sequences change.

        Args:
            outline: of it, behind what is pending; so are *bounds*.
        """
        if not plain and self._clusters.many:
            yield read_ns(self.cols, self.rows)
            self._clusters.collect(self._emulator.all_text())
        if not plain and self._last and text[0] in MARKS:
            yield read_ns(self.cols, self.rows)
        cells = text if plain else self._with_clusters(text)
        text = self._pending + text
        yield from self._print(with_short_repeats(cells, outline), bounds)
        self._last = self._last_printed(text)
        if b"\x1b" not in outline:
            return
        end = unfinished(text)
        self._pending = bounded(text[end:])
        if changes_modes(outline):
            self.modes.feed(text[:end].encode())
            self._titles.feed(text[:end])

    def _print(self, text: str, bounds: Bounds) -> Iterator[int]:
        for cost, part in parts_of(text, bounds, self.cols, self.rows):
            yield cost
            self._picture = self._screen = None
            self._emulator.feed(part)

    def _with_clusters(self, text: str) -> str:
        """*text* with its clusters replaced, where it is printed and not part of a sequence."""
        if not self._pending and self._last:
            text = self._join_last(text)
        present = MARKS.intersection(text)
        if not present:
            return text
        parts = PARTS.finditer(self._pending + text)
        return "".join(self._clusters.joined(parts, present))[len(self._pending) :]

    def _join_last(self, text: str) -> str:
        """Print the last character again, with the marks that *text* begins with; the rest of *text*."""
        joining = marks.leading_marks(text)
        cluster = (self._last + joining)[: 1 + marks.MAX_MARKS]
        if cluster != self._last:
            stand_in = self._clusters.stand_in(cluster)
            self._emulator.feed(printed_over(self._emulator.screen(), self._last, stand_in))
            self._last = cluster
        return text[len(joining) :]

    def _last_printed(self, text: str) -> str:
        printed = printed_end(text)
        if self._last and printed == text and marks.leading_marks(text) == text:
            return self._last
        return marks.last_cluster(printed)

    def resize(self, cols: int, rows: int) -> None:
        """Take another size, cut to what a fold can have."""
        size = within_limits(cols, rows)
        if size != (self.cols, self.rows):
            self.cols, self.rows = size
            self._emulator.resize(*size)
            self._picture = self._screen = None
            self._last = ""

    @property
    def title(self) -> str:
        """The title, without control characters."""
        return self._titles.text

    @property
    def titles(self) -> Title:
        """The title and those below it on the stack."""
        return self._titles

    @property
    def last(self) -> str:
        """The character, with its marks, that was printed last, if nothing came after it: marks would join it."""
        return self._last

    @property
    def pending(self) -> bytes:
        """The bytes of an unfinished sequence, and of an unfinished UTF-8 character."""
        return self._pending.encode() + self._decoder.getstate()[0]

    @property
    def failure(self) -> BaseException | None:
        """What the emulator failed with: what it had been fed until then is not shown."""
        return self._emulator.failure

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        return self._emulator.cursor

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the cursor as a terminal reports them: from 1, in origin mode from the top margin."""
        cursor = self.cursor
        top = 0
        if ORIGIN in self.modes.private:  # else it was never in force, and the screen need not be asked
            screen = self.screen()
            top = screen.margins[0] if screen.origin and screen.margins is not None else 0
        return cursor.row - top + 1, min(cursor.col, self.cols - 1) + 1

    def screen(self) -> Screen:
        """Everything that the emulator keeps."""
        if self._screen is None:
            self._screen = self._read_screen()
        return self._screen

    def _read_screen(self) -> Screen:
        screen = self._emulator.screen()
        if not self._clusters:
            return screen
        expanded = self._clusters.expanded
        alternate = None if screen.alternate is None else expanded(screen.alternate)
        return replace(screen, primary=expanded(screen.primary), alternate=alternate)

    def picture(self) -> Picture:
        """What is shown. The same object as long as nothing is fed."""
        if self._picture is None:
            screen = self.screen()
            self._picture = Picture(
                self.cols, self.rows, screen.shown, screen.cursor, self.modes.client, self.title
            )
        return self._picture
