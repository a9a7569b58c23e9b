r"""Canvas: rows of text, each in pens of its own, as bytes that draw them.

    row = (text, pen)…        a pen is the parameters of an SGR sequence: "" plain, "7" reverse, "2" faint, "1" bold

Invariants: a row never reaches the next one; no control character of a text is drawn.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from cctm.cli.columns import clip, width

Span = tuple[str, str]
Row = Sequence[Span]

PLAIN: Final = ""
BOLD: Final = "1"
FAINT: Final = "2"
REVERSE: Final = "7"

HIDE_CURSOR: Final = b"\x1b[?25l"
SHOW_CURSOR: Final = b"\x1b[?25h"


def screenful(body: Iterable[Row], cols: int, rows: int, footer: Row) -> bytes:
    """A whole screen: *body* from the top, *footer* on the last row."""
    lines = [*body][: max(0, rows - 1)]
    lines += [()] * (rows - 1 - len(lines))
    drawn = [HIDE_CURSOR]
    drawn += [row_at(number, row, cols) for number, row in enumerate([*lines, footer], start=1)]
    return b"".join(drawn)


def row_at(number: int, row: Row, cols: int) -> bytes:
    """*row* on the row *number*, counted from 1; the rest of it is blank."""
    parts = [f"\x1b[{number};1H\x1b[0m\x1b[2K"]
    left = cols
    for text, pen in row:
        clipped = clip(text, left)
        left -= width(clipped)
        parts.append(f"\x1b[0;{pen}m{clipped}" if pen else f"\x1b[0m{clipped}")
    parts.append("\x1b[0m")
    return "".join(parts).encode("utf-8", "replace")
