"""Pictures: what a screen shows, as values that are cheap to compare.

    Picture ─ Row… ─ Run…      a run: text of one pen side by side, with its width in columns

A row ends at its last cell that is not a blank in the default pen. A pen is the parameters of the SGR sequence
that sets it after a reset, in one order: `1;31`; the default pen is empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from cctm.screen.mark_table import clusters_of
from cctm.screen.modes import ClientModes
from cctm.screen.widths import width_of


class Run(NamedTuple):
    """Cells side by side that share a pen. Text may have more characters (marks) or fewer (wide) than columns."""

    text: str
    width: int
    pen: str


class Row(NamedTuple):
    """One row; whether its text goes on in the next one, as a line too long for the screen."""

    runs: tuple[Run, ...]
    wraps: bool


class Cursor(NamedTuple):
    """Where the cursor is, from 0; col is the number of columns when the next character would wrap."""

    col: int
    row: int
    visible: bool


BLANK: Final = Run(" ", 1, "")
EMPTY: Final = Row((), wraps=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a client's terminal should show, and how it should behave."""

    cols: int
    rows: int
    lines: tuple[Row, ...]
    cursor: Cursor
    modes: ClientModes
    title: str


def cells(row: Row) -> Iterator[Run]:
    """The cells of *row*, each a run of its own."""
    for text, _, pen in row.runs:
        if text.isascii():
            for char in text:
                yield Run(char, 1, pen)
        else:
            for cluster in clusters_of(text):
                yield Run(cluster, width_of(cluster[0]), pen)


def split_run(run: Run, width: int) -> tuple[Run, Run]:
    """*run* divided behind *width* columns, or before the wide character that lies there."""
    if run.text.isascii():
        return Run(run.text[:width], width, run.pen), Run(run.text[width:], run.width - width, run.pen)
    taken = length = 0
    for cell in cells(Row((run,), wraps=False)):
        if taken + cell.width > width:
            break
        taken += cell.width
        length += len(cell.text)
    return Run(run.text[:length], taken, run.pen), Run(run.text[length:], run.width - taken, run.pen)


def text_of(row: Row) -> str:
    """The row's text, without pens."""
    return "".join(run.text for run in row.runs)
