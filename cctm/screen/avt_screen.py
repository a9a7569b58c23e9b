"""Reading what avt keeps from its dump, the one place where it tells everything.

    dump  = rows of the primary screen, tabs, saved cursor, [?1047h, rows of the alternate, saved cursor, [?1047l]],
            origin, margins, cursor, pen, visibility, charsets, modes, unfinished sequence
    rows  = (text | SGR | REP)… split by CR LF, except where a row wraps softly into the next

In the dump, state is set by sequences that begin with U+009B (and ESC 7, ESC ( 0, …), rows by ESC [ only.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import avt

from cctm.screen.emulator import SavedCursor, Screen
from cctm.screen.picture import EMPTY, Cursor, Row, Run, split_run, trimmed
from cctm.screen.widths import width_of

_TOKEN: Final = re.compile(r"\x1b\[([0-9:;]*)([mb])")
_STATE_TOKEN: Final = re.compile(
    r"\x9b([?0-9;]*)([A-Za-z`])|\x1b\[()(W)|\x1b\[([0-9:;]*)(m)|\x1b(7|\([0B]|\)[0B])|(\x0e)|([^\x00-\x1f\x7f-\x9f]+)"
)
_TO_ALTERNATE: Final = "\x9b?1047h"
_TO_PRIMARY: Final = "\x9b?1047l"
_HOME: Final = "\x9b1;1H"


def canonical_pen(parameters: str) -> str:
    """The pen of an SGR sequence of avt's, which always begins with a reset."""
    return parameters.removeprefix("0").removeprefix(";").replace(":", ";")


class RowReader:
    """Reads rows, and remembers those of the last reading: what has not changed is not read again."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, int, str], tuple[tuple[Row, ...], str]] = {}
        self._now: dict[tuple[str, int, str], tuple[tuple[Row, ...], str]] = {}

    def begin(self) -> None:
        """A new reading begins."""
        self._before, self._now = self._now, {}

    def read(self, text: str, cols: int, rows: int) -> tuple[Row, ...]:
        """The rows of a part of a dump, filled up to *rows*."""
        pen = ""
        lines: list[Row] = []
        for segment in text.split("\r\n"):
            key = (pen, cols, segment)
            known = self._now.get(key) or self._before.get(key) or _read_segment(segment, pen, cols)
            self._now[key] = known
            group, pen = known
            lines += group
        return tuple(lines) + (EMPTY,) * (rows - len(lines))


def _read_segment(segment: str, pen: str, cols: int) -> tuple[tuple[Row, ...], str]:
    """The rows between two line ends; and the pen behind them."""
    runs: list[Run] = []
    printed, *behind = _TOKEN.split(segment)
    for parameters, final, text in zip(behind[::3], behind[1::3], behind[2::3], strict=True):
        if final == "b":
            printed += printed[-1] * int(parameters) + text
        elif canonical_pen(parameters) == pen:
            printed += text
        else:
            if printed:
                runs.append(Run(printed, _width(printed), pen))
            pen, printed = canonical_pen(parameters), text
    if printed:
        runs.append(Run(printed, _width(printed), pen))
    lines = [Row(tuple(line), wraps=True) for line in _split(runs, cols)]
    lines[-1] = Row(trimmed(lines[-1].runs), wraps=False)
    return tuple(lines), pen


def _width(text: str) -> int:
    return len(text) if text.isascii() else sum(map(width_of, text))


def _split(runs: list[Run], cols: int) -> Iterator[list[Run]]:
    """*runs* in lines of *cols* columns."""
    line: list[Run] = []
    room = cols
    for run in runs:
        while run.width > room:
            part, run = split_run(run, room)
            yield [*line, part] if part.width else line
            line, room = [], cols
        line.append(run)
        room -= run.width
    yield line


def read_screen(vt: avt.Vt, reader: RowReader) -> Screen:
    """What *vt* keeps."""
    cols, rows = vt.size
    cursor = vt.cursor
    dump = vt.dump()
    reader.begin()
    end = dump.find("\x9b")
    primary = reader.read(dump[:end], cols, rows)
    alternate: tuple[Row, ...] | None = None
    state = dump[end:]
    switched = dump.find(_TO_ALTERNATE, end)
    if switched >= 0 and dump.find(_TO_PRIMARY, switched) < 0:
        begin = switched + len(_TO_ALTERNATE) + len(_HOME)
        behind = dump.find("\x9b", begin)
        alternate = reader.read(dump[begin:behind], cols, rows)
        state = dump[end:begin] + dump[behind:]
    return _read_state(
        state, Cursor(cursor.col, cursor.row, cursor.visible), (cols, rows), primary, alternate
    )


def _last_rows(lines: tuple[Row, ...], rows: int) -> tuple[tuple[Row, ...], int]:
    """The last *rows* of *lines*, empty ones at the end aside; and how many are above them."""
    count = len(lines)
    while count > rows and lines[count - 1] == EMPTY:
        count -= 1
    above = max(0, count - rows)
    return lines[above : above + rows], above


def _fitted(saved: SavedCursor, size: tuple[int, int], above: int) -> SavedCursor:
    cols, rows = size
    row = min(max(0, saved.row - above), rows - 1)
    return replace(saved, col=min(saved.col, cols - 1), row=row)


class _State:
    """What the sequences behind the rows of a dump say."""

    def __init__(self) -> None:
        self.col = self.row = 0
        self.pen = ""
        self.saved: list[SavedCursor | None] = [None, None]
        self.buffer = 0
        self.tabs: list[int] | None = None
        self.margins: tuple[int, int] | None = None
        self.drawing = [False, False]
        self.shifted = self.insert = self.newline = self.origin = False
        self.wrap = True

    def read(self, state: str) -> None:
        at = 0
        while match := _STATE_TOKEN.match(state, at):
            at = match.end()
            self._take(match)

    def _take(self, match: re.Match[str]) -> None:
        parameters, final, _, tab, sgr, _, escape, shift, _text = match.groups()
        if sgr is not None:
            self.pen = canonical_pen(sgr)
        elif tab is not None:
            assert self.tabs is not None
            self.tabs.append(self.col)
        elif escape == "7":
            self.saved[self.buffer] = SavedCursor(self.col, self.row, self.pen, self.origin, self.wrap)
        elif escape is not None:
            self.drawing[escape[0] == ")"] = escape[1] == "0"
        elif shift is not None:
            self.shifted = True
        elif final in {"h", "l"}:
            self._set_mode(parameters, on=final == "h")
        else:
            self._place(parameters, final)

    def _set_mode(self, mode: str, *, on: bool) -> None:
        match mode:
            case "?6":
                self.origin = on
            case "?7":
                self.wrap = on
            case "?1047":
                self.buffer = int(on)
            case "4":
                self.insert = on
            case "20":
                self.newline = on
            case _:  # the cursor is known; cursor keys are followed by `modes`
                pass

    def _place(self, parameters: str, final: str | None) -> None:
        match final:
            case "H":
                self.row, self.col = (int(number) - 1 for number in parameters.split(";"))
            case "`":
                self.col = int(parameters) - 1
            case "W":
                self.tabs = []
            case "r":
                top, bottom = (int(number) - 1 for number in parameters.split(";"))
                self.margins = (top, bottom)
            case _:  # text
                pass


def _read_state(
    text: str,
    cursor: Cursor,
    size: tuple[int, int],
    primary: tuple[Row, ...],
    alternate: tuple[Row, ...] | None,
) -> Screen:
    state = _State()
    state.read(text)
    # Behind the alternate screen avt keeps the primary one at its old size: what will be shown of it are the last rows.
    primary, above = _last_rows(primary, size[1])
    saved, saved_alternate = state.saved
    return Screen(
        size=size,
        primary=primary,
        alternate=alternate,
        cursor=cursor,
        pen=state.pen,
        saved=saved and _fitted(saved, size, above),
        saved_alternate=saved_alternate,
        tabs=None if state.tabs is None else tuple(state.tabs),
        margins=state.margins,
        drawing=(state.drawing[0], state.drawing[1]),
        shifted=state.shifted,
        origin=state.origin,
        wrap=state.wrap,
        insert=state.insert,
        newline=state.newline,
    )
