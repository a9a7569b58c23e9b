"""The frame: a picture as a window of another size shows it, with overlays on top.

    picture larger:   cropped; the view moves when the cursor leaves it
    picture smaller:  at the top left, the rest filled with a dim mark

Never reflowed: every client sees the same rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cctm.screen.picture import EMPTY, Cursor, Picture, Row, Run, cells

MARK: Final = "·"
MARK_PEN: Final = "2"


class View(NamedTuple):
    """The column and row of a picture that a window shows at its top left."""

    col: int
    row: int


@dataclass(frozen=True, slots=True)
class Overlay:
    """Rows painted over the picture, from *col*, *row* of the window; and where the cursor goes, if they want it."""

    col: int
    row: int
    lines: tuple[Row, ...]
    cursor: tuple[int, int] | None = None


class Frame(NamedTuple):
    """Rows of the window's size, and its cursor."""

    lines: tuple[Row, ...]
    cursor: Cursor


def moved(view: View, picture: Picture, size: tuple[int, int]) -> View:
    """The view that shows the cursor, moved from *view* as little as possible."""
    cols, rows = size
    col, row, visible = picture.cursor
    if not visible:
        col, row = view
    return View(
        _moved(view.col, min(col, picture.cols - 1), cols, picture.cols),
        _moved(view.row, row, rows, picture.rows),
    )


def _moved(start: int, place: int, window: int, whole: int) -> int:
    return max(0, min(max(start, place - window + 1), place, whole - window))


class Framer:
    """Makes frames of one window. Rows that are as in the frame before are not made again."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._before: dict[tuple[Row, int, int], Row] = {}

    def frame(self, picture: Picture, view: View, overlays: Sequence[Overlay]) -> Frame:
        """*picture* from *view* on, under *overlays*."""
        cols, rows = self._size
        if (cols, rows) == (picture.cols, picture.rows):
            lines = picture.lines
        else:
            shown = picture.lines[view.row : view.row + rows]
            lines = self._fitted(shown, view.col, picture.cols) + (_marks(cols),) * (rows - len(shown))
        cursor = self._cursor(picture, view)
        for overlay in overlays:
            lines = _overlaid(lines, overlay, cols)
            if overlay.cursor is not None:
                cursor = Cursor(*overlay.cursor, visible=True)
        return Frame(lines, cursor)

    def _fitted(self, lines: Iterable[Row], start: int, picture_cols: int) -> tuple[Row, ...]:
        now: dict[tuple[Row, int, int], Row] = {}
        fitted = []
        for row in lines:
            key = (row, start, picture_cols)
            if key not in now:
                now[key] = self._before.get(key) or self._fit(row, start, picture_cols)
            fitted.append(now[key])
        self._before = now
        return tuple(fitted)

    def _fit(self, row: Row, start: int, picture_cols: int) -> Row:
        cols, _ = self._size
        part = cut(row, start, start + cols)
        beside = cols - (picture_cols - start)
        if beside <= 0:
            return part
        return joined(filled(part, picture_cols - start), _marks(beside))

    def _cursor(self, picture: Picture, view: View) -> Cursor:
        cols, rows = self._size
        col = min(picture.cursor.col, picture.cols - 1) - view.col
        row = picture.cursor.row - view.row
        inside = 0 <= col < cols and 0 <= row < rows
        return Cursor(col, row, picture.cursor.visible) if inside else Cursor(0, 0, visible=False)


def _marks(width: int) -> Row:
    return Row((Run(MARK * width, width, MARK_PEN),), wraps=False)


def _overlaid(lines: tuple[Row, ...], overlay: Overlay, cols: int) -> tuple[Row, ...]:
    over = list(lines)
    for number, line in enumerate(overlay.lines, overlay.row):
        if 0 <= number < len(over):
            width = sum(run.width for run in line.runs)
            left = filled(cut(over[number], 0, overlay.col), overlay.col)
            right = cut(over[number], overlay.col + width, cols)
            over[number] = cut(joined(left, line, right), 0, cols)
    return tuple(over)


def cut(row: Row, start: int, end: int) -> Row:
    """Columns *start* to *end* of *row*; of a wide character that is cut, a blank is left."""
    runs: list[Run] = []
    col = 0
    for run in row.runs:
        behind = col + run.width
        if start <= col and behind <= end:
            runs.append(run)
        elif behind > start and col < end:
            runs += _cut_run(run, start - col, end - col)
        col = behind
    return Row(tuple(runs), wraps=False)


def _cut_run(run: Run, start: int, end: int) -> Iterable[Run]:
    if run.text.isascii():
        text = run.text[max(0, start) : max(0, end)]
        return (Run(text, len(text), run.pen),)
    parts: list[str] = []
    width = col = 0
    for cell in cells(Row((run,), wraps=False)):
        inside = min(col + cell.width, end) - max(col, start)
        if inside > 0:
            parts.append(cell.text if inside == cell.width else " " * inside)
            width += inside
        col += cell.width
    return (Run("".join(parts), width, run.pen),)


def filled(row: Row, width: int) -> Row:
    """*row* with blanks up to *width*."""
    lacking = width - sum(run.width for run in row.runs)
    return Row((*row.runs, Run(" " * lacking, lacking, "")), row.wraps) if lacking > 0 else row


def joined(*rows: Row) -> Row:
    """Rows side by side; runs of one pen become one."""
    runs: list[Run] = []
    for run in (run for row in rows for run in row.runs):
        if runs and runs[-1].pen == run.pen:
            runs[-1] = Run(runs[-1].text + run.text, runs[-1].width + run.width, run.pen)
        else:
            runs.append(run)
    return Row(tuple(runs), wraps=False)


def row_of(text: str, pen: str = "") -> Row:
    """A row of *text* for an overlay, without control characters."""
    kept = "".join(char for char in text if char.isprintable() or char == " ")
    runs = tuple(cells(Row((Run(kept, 0, pen),), wraps=False)))
    return joined(Row(runs, wraps=False)) if runs else EMPTY
