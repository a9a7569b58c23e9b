"""The frame: a picture as a window of another size shows it, with overlays on top.

picture larger:   cropped, the cursor stays in view
picture smaller:  at the top left, the rest filled with a dim mark
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cctm.screen.picture import EMPTY, Cursor, Picture, Row, Run

MARK: Final = "·"
MARK_PEN: Final = "2"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Rows painted over the picture, from *col*, *row* of the client's screen; with a cursor of its own, or none."""

    col: int
    row: int
    lines: Sequence[Row]
    cursor: tuple[int, int] | None = None


class Frame(NamedTuple):
    """Rows of the client's size, and its cursor."""

    lines: tuple[Row, ...]
    cursor: Cursor


def framed(picture: Picture, size: tuple[int, int], overlays: Sequence[Overlay]) -> Frame:
    """*picture* in a window of *size*."""
    if size == (picture.cols, picture.rows) and not overlays:
        return Frame(picture.lines, picture.cursor)
    cols, rows = size
    lines = (*picture.lines[:rows], *(EMPTY,) * (rows - picture.rows))
    col, row, visible = picture.cursor
    inside = col < cols and row < rows
    return Frame(lines, Cursor(min(col, cols - 1), min(row, rows - 1), visible and inside))


def mark(width: int) -> Run:
    """What fills *width* columns beside a picture."""
    return Run(MARK * width, width, MARK_PEN)
