"""Painting rows: the bytes that turn one row into another, on a terminal that does not wrap.

The pen is the default one before and after. Only what differs is printed; what is blank to the end is erased.
"""

from typing import Final

from cctm.screen.picture import BLANK, Row, Run, cells

# Emoji, and signs that are emoji in some terminals: here, and where there are marks, widths are disputed.
_DISPUTED_FROM: Final = 0x1F000
_DISPUTED_SIGNS: Final = range(0x2600, 0x2800)
_WRAPPING: Final = "\x1b[?7h"
_NO_WRAPPING: Final = "\x1b[?7l"


def sgr(pen: str) -> str:
    """The sequence that sets *pen*, whatever was set before."""
    return f"\x1b[0;{pen}m" if pen else "\x1b[m"


def place(col: int, row: int) -> str:
    """The sequence that moves the cursor."""
    return f"\x1b[{row + 1};{col + 1}H"


def row_change(number: int, before: Row, after: Row) -> str:
    """Turn row *number* from *before* into *after*."""
    col, old, new = _difference(list(before.runs), list(after.runs))
    if not old and not new:
        return ""
    text = place(col, number)
    pen = ""
    for run in new:
        if run.pen != pen:
            pen = run.pen
            text += sgr(pen)
        text += run.text if run.text.isascii() else _printed(run, col)
        col += run.width
    if pen:
        text += "\x1b[m"
    if sum(run.width for run in new) < sum(run.width for run in old):
        text += "\x1b[K"
    return text


def _difference(old: list[Run], new: list[Run]) -> tuple[int, list[Run], list[Run]]:
    """Where the rows begin to differ; and what is there of each, without what is the same in the same place again."""
    col = same = 0
    for run, other in zip(old, new, strict=False):
        if run != other:
            break
        col += run.width
        same += 1
    old, new = old[same:], new[same:]
    if old and new and _alike(old[0], new[0]):
        length = _common(old[0].text, new[0].text)
        col += length
        old[0], new[0] = _without_begin(old[0], length), _without_begin(new[0], length)
    if sum(run.width for run in old) == sum(run.width for run in new):
        while old and new and old[-1] == new[-1]:
            del old[-1], new[-1]
        if old and new and _alike(old[-1], new[-1]):
            length = _common(old[-1].text[::-1], new[-1].text[::-1])
            old[-1], new[-1] = _without_end(old[-1], length), _without_end(new[-1], length)
    return col, [run for run in old if run.width], [run for run in new if run.width]


def _alike(run: Run, other: Run) -> bool:
    return run.pen == other.pen and run.text.isascii() and other.text.isascii()


def _common(text: str, other: str) -> int:
    """How many characters both begin with."""
    for place, (char, another) in enumerate(zip(text, other, strict=False)):
        if char != another:
            return place
    return min(len(text), len(other))


def _without_begin(run: Run, length: int) -> Run:
    return Run(run.text[length:], run.width - length, run.pen)


def _without_end(run: Run, length: int) -> Run:
    return Run(run.text[: len(run.text) - length], run.width - length, run.pen)


def _disputed(cell: Run) -> bool:
    first = ord(cell.text[0])
    return len(cell.text) > 1 or first >= _DISPUTED_FROM or first in _DISPUTED_SIGNS


def _printed(run: Run, col: int) -> str:
    """Text of *run* from *col* on: disputed characters on erased ground, and the cursor placed again behind each."""
    parts = []
    for cell in cells(Row((run,), wraps=False)):
        if _disputed(cell):
            parts.append(f"\x1b[{cell.width}X{cell.text}\x1b[{col + cell.width + 1}G")
        else:
            parts.append(cell.text)
        col += cell.width
    return "".join(parts)


def soft_wrap(number: int, row: Row, following: Row) -> str:
    """Have row *number* go on in the next, as one line to whoever selects it: print across the edge."""
    *_, last = cells(row)
    first = next(cells(following), BLANK)
    if _disputed(last) or _disputed(first):
        return ""
    col = sum(run.width for run in row.runs) - last.width
    over = f"{sgr(last.pen)}{last.text}{sgr(first.pen)}{first.text}\x1b[m"
    return f"{place(col, number)}{_WRAPPING}{over}{_NO_WRAPPING}"
