"""Placing: bring a cursor to where it is, also where only printing brings it: behind the last column.

A terminal remembers which character was printed last, for the marks that may follow it. So the cursor is placed by
printing that character once more, over itself.
"""

from typing import Final

from cctm.screen.emulator import Screen
from cctm.screen.picture import BLANK, Row, Run, cells
from cctm.screen.widths import width_of

# DEC special graphics, which programs draw lines with; from "`" on.
_DRAWING: Final = dict(zip(range(0x60, 0x7F), "♦▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£⋅", strict=True))


def drawn(screen: Screen, char: str) -> str:
    """What is shown where *char* is printed."""
    # A character with marks goes to the emulator as a stand-in, which no character set changes.
    return char.translate(_DRAWING) if screen.drawing[screen.shifted] and len(char) == 1 else char


def last_cell(screen: Screen) -> Run:
    """The cell that ends at the last column of the cursor's row; a blank one if there is none."""
    cols, _ = screen.size
    row = screen.shown[screen.cursor.row]
    found = BLANK
    end = 0
    for cell in cells(row):
        end += cell.width
        found = cell
    return found if end == cols else BLANK


def column_of_last(screen: Screen, last: str) -> int:
    """The column of the cell in which *last* was printed, right before now."""
    cols, _ = screen.size
    col = screen.cursor.col
    if col >= cols:
        return cols - last_cell(screen).width
    if not screen.wrap and col == cols - 1:
        # Without wrapping the cursor stays in the last column after printing there.
        cell = last_cell(screen)
        if cell.width == 2 or cell.text == drawn(screen, last):
            return cols - cell.width
    return max(0, col - width_of(last[0]))


def printed_over(screen: Screen, last: str, cluster: str) -> str:
    """Print *cluster* where *last* was printed."""
    replacing, inserting = ("\x1b[4l", "\x1b[4h") if screen.insert else ("", "")
    return f"{replacing}\x1b[{column_of_last(screen, last) + 1}G{cluster}{inserting}"


def row_without_last(screen: Screen, last: str) -> Row:
    """The cursor's row as it was before *last* was inserted: printing it again in insert mode gives the row of now."""
    row = screen.shown[screen.cursor.row]
    start = column_of_last(screen, last)
    kept: list[Run] = []
    col = 0
    for cell in cells(row):
        if col != start:
            kept.append(cell)
        col += cell.width
    if row.wraps:
        kept.append(Run(" " * width_of(last[0]), width_of(last[0]), ""))
    return Row(tuple(kept), row.wraps)
