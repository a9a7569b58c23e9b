"""QR codes on a terminal: two modules a character, by half blocks."""

from itertools import zip_longest
from typing import Final

import segno

PEN: Final = "38;5;16;48;5;231"  # black on white, whatever the colours of the window
MARGIN: Final = 2  # modules; readers need less than the 4 of the standard, and windows are small
_HALVES: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
_INVERSE: Final = str.maketrans(" ▀▄█", "█▄▀ ")


def rows_of(text: str) -> list[str]:
    """Rows whose blocks are the dark modules: to be drawn dark on light."""
    code = segno.make_qr(text, error="l", boost_error=False)
    modules = [bytes(row) for row in code.matrix_iter(border=MARGIN)]
    blank = bytes(len(modules[0]))
    return [
        "".join(_HALVES[upper, lower] for upper, lower in zip(*pair, strict=True))
        for pair in zip_longest(modules[::2], modules[1::2], fillvalue=blank)
    ]


def inverse(rows: list[str]) -> list[str]:
    """*rows* for light letters on a dark ground."""
    return [row.translate(_INVERSE) for row in rows]
