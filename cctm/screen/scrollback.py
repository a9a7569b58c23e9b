"""Scrollback: the lines that some output pushed out of the top of the screen, as a terminal can print them.

Made of cells, so that nothing in them moves a cursor, asks or rings. Each line begins and ends in the default pen;
where a line wrapped, two lines are left.
"""

from collections import deque
from typing import Final

import avt

from cctm.screen.fold import within_limits
from cctm.screen.queries import without_queries
from cctm.screen.sequences import cleaned, outlined, with_short_repeats
from cctm.screen.steps import bounds_of, parts_of

MAX_LINES: Final = 1000
PIECE: Final = 256  # characters: the emulator hands out what each piece pushed away, and blank lines are many

_ATTRIBUTES: Final = (
    ("bold", "1"),
    ("faint", "2"),
    ("italic", "3"),
    ("underline", "4"),
    ("blink", "5"),
    ("inverse", "7"),
    ("strikethrough", "9"),
)


# From 38 or 48 to what names the first sixteen colours, which terminals show in their own way.
_NAMED: Final = (*range(-8, 0), *range(52, 60))


def lines_before_screen(output: bytes, cols: int, rows: int) -> bytes:
    """The lines that *output*, printed on an empty screen of that size, leaves above it."""
    size = within_limits(cols, rows)
    emulator = avt.Vt(*size, 0)
    text = cleaned(without_queries(output).decode("utf-8", "replace"))
    text = with_short_repeats(text, outlined(text.encode()))
    lines: deque[avt.Line] = deque(maxlen=MAX_LINES)
    try:
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            encoded = piece.encode()
            for _, part in parts_of(piece, bounds_of(encoded, outlined(encoded), *size), *size):
                _, gone = emulator.feed_str(part)
                lines.extend(gone)
    except BaseException as error:  # what Rust panics with is no Exception
        if type(error).__name__ != "PanicException":
            raise
    return b"".join(_drawn(line).encode() + b"\r\n" for line in lines)


def _drawn(line: avt.Line) -> str:
    parts: list[str] = []
    pen = ""
    for cell in line.cells:
        if cell.width == 0:  # the second half of a wide character
            continue
        wanted = _sgr(cell.pen)
        if wanted != pen:
            parts.append(f"\x1b[0;{wanted}m" if wanted else "\x1b[m")
            pen = wanted
        parts.append(cell.char)
    if pen:
        return "".join(parts) + "\x1b[m"
    return "".join(parts).rstrip(" ")


def _sgr(pen: avt.Pen) -> str:
    if pen.is_default():
        return ""
    found = [number for name, number in _ATTRIBUTES if getattr(pen, name)]
    found += _colour(pen.foreground, "38") + _colour(pen.background, "48")
    return ";".join(found)


def _colour(colour: avt.Color | None, which: str) -> list[str]:
    match colour:
        case avt.Color.Indexed() if colour[0] < len(_NAMED):
            return [str(int(which) + _NAMED[colour[0]])]
        case avt.Color.Indexed():
            return [f"{which};5;{colour[0]}"]
        case avt.Color.RGB():
            return [f"{which};2;{colour[0]};{colour[1]};{colour[2]}"]
        case _:
            return []
