r"""Steps: clean text in parts, none of which takes an emulator long.

Two bytes can ask for a whole screen. So what is asked for is counted, as it was measured of avt, in ns:

    a character                                   30     of which a pen's sequence has several
    a line end                                    10 for each column
    EL; ICH, DCH, ECH and the like             4; 20 for each column
    IL, DL, SU, SD                                14 for each column of so many rows
    ED                                            2.5 for each cell
    a reset                                       20 for each cell
    DECALN, a switch of screens                   12 for each cell
    REP (999 at most)                             50,000, and 170 for each column

and of what the fold itself does:

    a sequence that may change modes or title   5,000
    a byte of an odd character's form           1,700   in a text that has marks, or C1 characters
    what an answer may need of the emulator       200   for each cell

What inserting (IRM) takes in addition, 0.25 for each character and column, is bounded by PART_CHARS.

Invariants: the parts put together are the text. A part costs at most STEP_NS, or is one operation; an operation that
began before the text is not counted. Time is linear.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cctm.screen.mark_table import MARKS
from cctm.screen.sequences import outlined

STEP_NS: Final = 8_000_000
PART_CHARS: Final = 128 * 1024
WALKED_CHARS: Final = 2048
CHAR_NS: Final = 30
ROW_NS: Final = 10  # for a column
ERASED_ROW_NS: Final = 4
INSERTED_NS: Final = 20
MOVED_NS: Final = 14
ERASED_TENTHS_NS: Final = 25  # for a cell
SCREEN_NS: Final = 12
RESET_NS: Final = 20
REPEAT_NS: Final = 50_000
REPEATED_NS: Final = 170  # for a column
RESIZED_NS: Final = 12  # for a cell of what there was, and of what there is
READ_NS: Final = 200  # for a cell
CHANGE_NS: Final = 5_000
ODD_NS: Final = 1_700
LEAST_CHARS: Final = 256  # in a piece of a text that is cut
MAX_MARKS: Final = 64  # that a piece is made longer by, to end behind them

_C0: Final = "\x00-\x17\x19\x1c-\x1f"
_OPERATION: Final = re.compile(
    rf"[\n\v\f]|\x1b[{_C0}]*(?:\[(?P<numbers>[{_C0} -?]*)(?P<final>[JKLMPSTXIZ@bhl])|(?P<kind>[c#DEM]))"
)
_SCROLLS: Final = re.compile(r"[\n\v\f]")
_SCROLLING: Final = (b"\n", b"\v", b"\f")
# The cursor is hidden and shown: printed most of what might change much.
_BLINKS: Final = (b"\x1b[?25h", b"\x1b[?25l")
# The commonest sequences, in an outline (sequences.py), and what they cost for a column, and for ten cells.
_COMMON: Final = (
    *((b"\x1b[m", 0, 0), (b"\x1b[H", 0, 0), (b"\x1b[K", ERASED_ROW_NS, 0)),
    *((blink, 0, 0) for blink in _BLINKS),
    *((b"\x1b[J", 0, ERASED_TENTHS_NS), (b"\x1b(B", 0, 0), (b"\x1b[C", 0, 0), (b"\x1b[A", 0, 0)),
)
# Alternate screens are 47, 1047, 1049; an emulator may take numbers from 65536 on modulo that.
_CHEAP_MODE: Final = re.compile(r"\?(?:2004|2026|10(?:0\d|1[56])|\d{1,2}(?<!47))")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a text costs at most, in ns: an emulator that prints it; a fold that follows what it changes."""

    printed: int
    followed: int


def bounds_of(encoded: bytes, outline: bytes, cols: int, rows: int) -> Bounds:
    """The bounds of a clean text, by counting alone: most of what is printed is soon told to be cheap.

    Args:
        outline: of the text (sequences.py).
    """
    known = len(encoded) * CHAR_NS + sum(map(encoded.count, _SCROLLING)) * cols * ROW_NS
    dear = max(cols * rows * RESET_NS, REPEAT_NS + cols * REPEATED_NS)
    others = outline.count(b"\x1b")
    for common, for_column, for_cell in _COMMON:
        if known + others * (dear + CHANGE_NS) <= STEP_NS:
            break
        if common in _BLINKS:
            others -= encoded.count(common)
            continue
        count = outline.count(common)
        others -= count
        known += count * cols * (for_column + rows * for_cell // 10)
    return Bounds(known + others * dear, others * CHANGE_NS)


def parts_of(text: str, bounds: Bounds, cols: int, rows: int) -> Iterator[tuple[int, str]]:
    """The parts of clean *text*, each behind what it costs an emulator."""
    if bounds.printed <= STEP_NS and len(text) <= PART_CHARS:
        yield bounds.printed, text
    elif len(text) > WALKED_CHARS:  # looking at each sequence takes longer than most cost
        middle = len(text) // 2
        half = (
            max(text.rfind("\x1b", 0, middle), 0) or middle
        )  # what is cut by the end of a part is not counted
        for part in (text[:half], text[half:]):
            encoded = part.encode()
            yield from parts_of(part, bounds_of(encoded, outlined(encoded), cols, rows), cols, rows)
    else:
        yield from _walked(text, cols, rows)


def _walked(text: str, cols: int, rows: int) -> Iterator[tuple[int, str]]:
    start = end = cost = 0
    for place, added in _costs(text, cols, rows):
        if start < end and cost + added > STEP_NS:
            yield cost, text[start:end]
            start, cost = end, 0
        end = place
        cost += added
    yield cost, text[start:]


def _costs(text: str, cols: int, rows: int) -> Iterator[tuple[int, int]]:
    """The ends of short pieces of *text*, and what each costs."""
    at = 0
    for match in _OPERATION.finditer(text):
        if match.start() > at:
            yield match.start(), (match.start() - at) * CHAR_NS
        at = match.start()
        for inside in _SCROLLS.finditer(
            text, at + 1, match.end()
        ):  # C0 characters in a sequence are executed
            yield inside.end(), cols * ROW_NS + (inside.end() - at) * CHAR_NS
            at = inside.end()
        yield match.end(), _cost(match, cols, rows) + (match.end() - at) * CHAR_NS
        at = match.end()
    yield len(text), (len(text) - at) * CHAR_NS


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
        case "K":
            return cols * ERASED_ROW_NS
        case "@" | "P" | "X" | "I" | "Z":
            return cols * INSERTED_NS
        case _:
            return cols * ROW_NS


def _count(numbers: str, rows: int) -> int:
    """How many rows are moved, at most."""
    if not numbers:
        return 1
    return min(int(numbers), rows) if numbers.isdecimal() and len(numbers) <= 3 else rows


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
