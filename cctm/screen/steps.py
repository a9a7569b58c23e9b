r"""Steps: clean text in parts, none of which takes an emulator long.

Two bytes can ask for a whole screen. So what is asked for is counted, as it was measured of avt, in ns:

    a character                                   40     of which a pen's sequence has several
    a line end; a row erased, moved in, scrolled  20 for each column
    IL, DL, SU, SD                                14 for each column of so many rows
    ED                                            2.5 for each cell
    a reset                                       20 for each cell
    DECALN, a switch of screens                   12 for each cell
    REP (999 at most)                             50,000, and 170 for each column

and of what the fold itself does:

    a sequence that may change modes or title  10,000
    a byte of an odd character's form           1,700   in a text that has marks, or C1 characters
    what an answer may need of the emulator       200   for each cell

What inserting (IRM) takes in addition, 0.25 for each character and column, is bounded by PART_CHARS.

Invariants: the parts put together are the text. A part costs at most STEP_NS, or is one operation; an operation that
began before the text is not counted. Time is linear.
"""

import re
from collections.abc import Iterator
from typing import Final

from cctm.screen.mark_table import MARKS
from cctm.screen.sequences import CHANGES

STEP_NS: Final = 8_000_000
PART_CHARS: Final = 64 * 1024
CHAR_NS: Final = 40
ROW_NS: Final = 20  # for a column
MOVED_NS: Final = 14
ERASED_TENTHS_NS: Final = 25  # for a cell
SCREEN_NS: Final = 12
RESET_NS: Final = 20
REPEAT_NS: Final = 50_000
REPEATED_NS: Final = 170  # for a column
RESIZED_NS: Final = 12  # for a cell of what there was, and of what there is
READ_NS: Final = 200  # for a cell
CHANGE_NS: Final = 10_000
ODD_NS: Final = 1_700
LEAST_CHARS: Final = 256  # in a piece of a text that is cut
MAX_MARKS: Final = 64  # that a piece is made longer by, to end behind them

_C0: Final = "\x00-\x17\x19\x1c-\x1f"
_OPERATION: Final = re.compile(
    rf"[\n\v\f]|\x1b[{_C0}]*(?:\[(?P<numbers>[{_C0} -?]*)(?P<final>[JKLMPSTXIZ@bhl])|(?P<kind>[c#DEM]))"
)
_SCROLLING: Final = "\n\v\f"
_SCROLLS: Final = re.compile(f"[{_SCROLLING}]")
# The commonest sequences, in an outline (sequences.py), which cost what their characters do.
_CHEAP: Final = (b"\x1b[m", b"\x1b[H", b"\x1b[C", b"\x1b[A", b"\x1b(B", b"\x1b[G", b"\x1b[d")
# Alternate screens are 47, 1047, 1049; an emulator may take numbers from 65536 on modulo that.
_CHEAP_MODE: Final = re.compile(r"\?(?:2004|2026|10(?:0\d|1[56])|\d{1,2}(?<!47))")


def most_ns(text: str, outline: bytes, cols: int, rows: int) -> int:
    """What clean *text* costs at most, without looking at each sequence.

    Args:
        outline: of the text; it may be empty if the text has no ESC.
    """
    scrolls = sum(map(text.count, _SCROLLING))
    least = len(text) * CHAR_NS + scrolls * cols * ROW_NS
    dear = max(cols * rows * RESET_NS, REPEAT_NS + cols * REPEATED_NS)
    others = outline.count(b"\x1b")
    for cheap in _CHEAP:
        if least + others * dear <= STEP_NS:
            break
        others -= outline.count(cheap)
    return least + others * dear


def parts_of(text: str, outline: bytes, cols: int, rows: int) -> Iterator[tuple[int, str]]:
    """The parts of clean *text*, each behind what it costs."""
    most = most_ns(text, outline, cols, rows)
    if most <= STEP_NS and len(text) <= PART_CHARS:
        yield most, text
        return
    start = end = cost = 0
    for place, added in _costs(text, cols, rows):
        if start < end and (cost + added > STEP_NS or place - start > PART_CHARS):
            yield cost, text[start:end]
            start, cost = end, 0
        end = place
        cost += added
    yield cost, text[start:]


def _costs(text: str, cols: int, rows: int) -> Iterator[tuple[int, int]]:
    """The ends of short pieces of *text*, and what each costs."""
    at = 0
    for match in _OPERATION.finditer(text):
        yield from _printed(at, match.start())
        at = match.start()
        for inside in _SCROLLS.finditer(
            text, at + 1, match.end()
        ):  # C0 characters in a sequence are executed
            yield inside.end(), cols * ROW_NS + (inside.end() - at) * CHAR_NS
            at = inside.end()
        yield match.end(), _cost(match, cols, rows) + (match.end() - at) * CHAR_NS
        at = match.end()
    yield from _printed(at, len(text))


def _printed(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Characters from *start* to *end*, of which a sequence may end in a part of its own."""
    for place in range(start, end, PART_CHARS):
        stop = min(place + PART_CHARS, end)
        yield stop, (stop - place) * CHAR_NS


def _cost(match: re.Match[str], cols: int, rows: int) -> int:
    """What an operation costs besides its characters."""
    numbers = match["numbers"]
    match match["final"] or match["kind"]:
        case "J":
            return cols * rows * ERASED_TENTHS_NS // 10
        case "L" | "M" | "S" | "T" if numbers is not None:
            return (_count(numbers, rows) * MOVED_NS + ROW_NS) * cols
        case "b":
            return REPEAT_NS + cols * REPEATED_NS
        case "h" | "l":
            return 0 if "?" not in numbers or _CHEAP_MODE.fullmatch(numbers) else cols * rows * SCREEN_NS
        case "c":
            return cols * rows * RESET_NS
        case "#":
            return cols * rows * SCREEN_NS
        case _:
            return cols * ROW_NS


def _count(numbers: str, rows: int) -> int:
    """How many rows are moved, at most."""
    if not numbers:
        return 1
    return min(int(numbers), rows) if numbers.isdecimal() and len(numbers) <= 3 else rows


def followed_ns(outline: bytes, chars: int, encoded_bytes: int | None) -> int:
    """What it costs a fold to follow a text.

    Args:
        outline: of the text.
        chars: it has.
        encoded_bytes: of one that is not plain; None: it is.
    """
    odd = 0 if encoded_bytes is None else encoded_bytes - chars
    return len(CHANGES.findall(outline)) * CHANGE_NS + odd * ODD_NS


def cut(text: str, chars: int) -> Iterator[str]:
    """*text* in pieces of about so many characters, none of which begins with a mark, unless there are many."""
    start = 0
    while start < len(text):
        end = start + chars
        most = end + MAX_MARKS
        while end < min(most, len(text)) and text[end] in MARKS:
            end += 1
        yield text[start:end]
        start = end


def resized_ns(before: tuple[int, int], after: tuple[int, int]) -> int:
    """What a change of the size costs."""
    return (before[0] * before[1] + after[0] * after[1]) * RESIZED_NS


def read_ns(cols: int, rows: int) -> int:
    """What it costs to read all that an emulator keeps."""
    return cols * rows * READ_NS
