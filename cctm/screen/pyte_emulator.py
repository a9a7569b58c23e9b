"""The emulator where avt has no wheel: pyte's screen, in plain Python. Also the second opinion in tests.

Sequences are told apart here, and pyte's screen (pyte_screen.py) is called directly: its parser prints what it does
not know.

Less is kept than by avt: soft wraps, the faint pen, numbers of the 256 colours (they are RGB). About 1 MB/s.
"""

import re
from collections.abc import Iterator
from typing import Final

from pyte import charsets, modes
from pyte.screens import Char, Savepoint
from wcwidth import wcwidth

from cctm.screen.emulator import SavedCursor, Screen
from cctm.screen.modes import ALTERNATE
from cctm.screen.picture import Cursor, Row, Run, trimmed
from cctm.screen.pyte_screen import Cells, Line, PyteScreen
from cctm.screen.sequences import PARTS, bounded, unfinished, without_controls

MAX_NUMBER: Final = 9999
PRIVATE: Final = frozenset({6, 7, 25})
PUBLIC: Final = frozenset({4, 20})

_CSI: Final = re.compile(r"\x1b\[([<=>?]?)([0-9:;]*)([ -/]*)([@-~])")
_METHODS: Final = {
    "@": "insert_characters",
    "A": "cursor_up",
    "B": "cursor_down",
    "C": "cursor_forward",
    "D": "cursor_back",
    "E": "cursor_down1",
    "F": "cursor_up1",
    "G": "cursor_to_column",
    "`": "cursor_to_column",
    "H": "cursor_position",
    "f": "cursor_position",
    "J": "erase_in_display",
    "K": "erase_in_line",
    "L": "insert_lines",
    "M": "delete_lines",
    "P": "delete_characters",
    "X": "erase_characters",
    "a": "cursor_forward",
    "d": "cursor_to_line",
    "e": "cursor_down",
    "g": "clear_tab_stop",
    "r": "set_margins",
    "s": "save_cursor",
    "u": "restore_cursor",
    "S": "scroll_up",
    "T": "scroll_down",
    "b": "repeat",
    "I": "tabs",
    "Z": "tabs_back",
}
_KNOWN_NUMBERS: Final = {"J": range(4), "K": range(3), "g": (0, 3)}
_TWO_NUMBERS: Final = frozenset("Hfr")
_ESCAPES: Final = {
    "7": "save_cursor",
    "8": "restore_cursor",
    "D": "index",
    "E": "next_line",
    "H": "set_tab_stop",
    "M": "reverse_index",
    "c": "reset",
    "#8": "alignment_display",
}
_CONTROLS: Final = {
    "\b": "backspace",
    "\t": "tab",
    "\n": "linefeed",
    "\v": "linefeed",
    "\f": "linefeed",
    "\r": "carriage_return",
    "\x0e": "shift_out",
    "\x0f": "shift_in",
}
_COLOURS: Final = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")
_NAMED: Final = {name: str(30 + number) for number, name in enumerate(_COLOURS)} | {
    f"bright{name}": str(90 + number) for number, name in enumerate(_COLOURS)
}
_DRAWING: Final = charsets.VT100_MAP


class PyteEmulator:
    """An Emulator."""

    failure: BaseException | None = None

    def __init__(self, cols: int, rows: int) -> None:
        self._screen = PyteScreen(cols, rows)
        self._held = ""

    def feed(self, text: str) -> None:
        """Take the next text."""
        text = self._held + text
        end = unfinished(text)
        self._held = bounded(text[end:])
        for match in PARTS.finditer(text[:end]):
            part = match[0]
            if match["printed"] is not None:
                self._screen.draw(part if part.isascii() else "".join(map(_printable, part)))
            else:
                for char in part:
                    if char in _CONTROLS and not part.startswith(
                        ("\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_")
                    ):
                        getattr(self._screen, _CONTROLS[char])()
                if part.startswith("\x1b"):
                    self._sequence(without_controls(part))

    def _sequence(self, sequence: str) -> None:
        match = _CSI.fullmatch(sequence)
        if match is None:
            self._escape(sequence[1:])
            return
        prefix, parameters, between, final = match.groups()
        if between:
            if (prefix, between, final) == ("", "!", "p"):
                self._screen.soft_reset()
        elif final in "hl" and prefix in {"", "?"}:
            self._set_modes(_numbers(parameters), prefix == "?", final == "h")
        elif prefix:
            return
        elif final == "m":
            self._screen.select_graphic_rendition(*_pen_numbers(parameters))
        elif final in _METHODS:
            numbers = _numbers(parameters)[: 2 if final in _TWO_NUMBERS else 1]
            if final in "su":
                numbers = []
            if final not in _KNOWN_NUMBERS or numbers[0] in _KNOWN_NUMBERS[final]:
                getattr(self._screen, _METHODS[final])(*numbers)

    def _escape(self, sequence: str) -> None:
        if sequence in _ESCAPES:
            getattr(self._screen, _ESCAPES[sequence])()
        elif sequence[:1] == "(" and sequence[1:]:
            self._screen.g0_charset = _DRAWING if sequence[1] == "0" else charsets.LAT1_MAP
        elif sequence[:1] == ")" and sequence[1:]:
            self._screen.g1_charset = _DRAWING if sequence[1] == "0" else charsets.LAT1_MAP

    def _set_modes(self, numbers: list[int], private: bool, on: bool) -> None:  # noqa: FBT001 - as in the sequence
        screen = self._screen
        change = screen.set_mode if on else screen.reset_mode
        for number in numbers:
            if number in (PRIVATE if private else PUBLIC):
                change(number, private=private)
            elif private and number == 1048:
                (screen.save_cursor if on else screen.restore_cursor)()
            elif private and number in ALTERNATE:
                if number == 1049 and on:
                    screen.save_cursor()
                (screen.show_alternate if on else screen.show_primary)()
                if number == 1049 and not on:
                    screen.restore_cursor()

    def resize(self, cols: int, rows: int) -> None:
        """Take another size."""
        before = self._screen.columns
        self._screen.resize(rows, cols)
        stops = {stop for stop in self._screen.tabstops if stop < cols}
        self._screen.tabstops = stops | {stop for stop in range(8, cols, 8) if stop >= before}
        self._screen.cursor.x = min(self._screen.cursor.x, cols)
        self._screen.cursor.y = min(self._screen.cursor.y, rows - 1)

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        cursor = self._screen.cursor
        return Cursor(cursor.x, cursor.y, not cursor.hidden)

    def screen(self) -> Screen:
        """What is kept now."""
        screen = self._screen
        primary, savepoints = screen.other or (screen.buffer, screen.savepoints)
        return Screen(
            size=(screen.columns, screen.lines),
            primary=self._rows(primary),
            alternate=None if screen.other is None else self._rows(screen.buffer),
            cursor=self.cursor,
            pen=_pen(screen.cursor.attrs),
            saved=_saved(savepoints),
            saved_alternate=None if screen.other is None else _saved(screen.savepoints),
            tabs=None
            if screen.tabstops == set(range(8, screen.columns, 8))
            else tuple(sorted(screen.tabstops)),
            margins=None if screen.margins is None else (screen.margins.top, screen.margins.bottom),
            drawing=(screen.g0_charset is _DRAWING, screen.g1_charset is _DRAWING),
            shifted=screen.charset == 1,
            origin=modes.DECOM in screen.mode,
            wrap=modes.DECAWM in screen.mode,
            insert=modes.IRM in screen.mode,
            newline=modes.LNM in screen.mode,
        )

    def all_text(self) -> str:
        """A text with all characters that are kept."""
        screen = self.screen()
        return "".join(run.text for row in (*screen.primary, *(screen.alternate or ())) for run in row.runs)

    def _rows(self, buffer: Cells) -> tuple[Row, ...]:
        return tuple(
            Row(trimmed(tuple(_runs(buffer[number], self._screen.columns))), wraps=False)
            for number in range(self._screen.lines)
        )


def _runs(line: Line, cols: int) -> Iterator[Run]:
    text: list[str] = []
    width = 0
    pen = ""
    col = 0
    while col < cols:
        char = line[col]
        whole = char.data != "" and wcwidth(char.data[0]) == 2 and col + 1 < cols and line[col + 1].data == ""
        # What was one half of a wide character is blank.
        data = char.data if whole or (len(char.data) == 1 and wcwidth(char.data) == 1) else " "
        if _pen(char) != pen:
            if text:
                yield Run("".join(text), width, pen)
            text, width, pen = [], 0, _pen(char)
        text.append(data)
        width += 2 if whole else 1
        col += 2 if whole else 1
    yield Run("".join(text), width, pen)


def _printable(char: str) -> str:
    return char if wcwidth(char) > 0 else "\ufffd"


def _numbers(parameters: str) -> list[int]:
    return [min(int(number or "0"), MAX_NUMBER) for number in parameters.replace(":", ";").split(";")]


def _pen_numbers(parameters: str) -> Iterator[int]:
    """Parameters of SGR as pyte takes them: none with parts, but for colours."""
    for parameter in parameters.split(";"):
        if ":" not in parameter:
            yield min(int(parameter or "0"), 255)
            continue
        numbers = [min(int(part or "0"), 255) for part in parameter.split(":")]
        if numbers[0] in {38, 48} and numbers[1] == 5:
            yield from numbers[:3]
        elif numbers[0] in {38, 48} and numbers[1] == 2 and len(numbers) >= 5:
            yield from (*numbers[:2], *numbers[-3:])


def _pen(char: Char) -> str:
    parts = []
    if char.fg != "default":
        parts.append(_NAMED.get(char.fg) or _rgb("38", char.fg))
    if char.bg != "default":
        name = _NAMED.get(char.bg)
        parts.append(_rgb("48", char.bg) if name is None else str(int(name) + 10))
    flags = (char.bold, char.italics, char.underscore, char.blink, char.reverse, char.strikethrough)
    parts += [number for number, is_set in zip("134579", flags, strict=True) if is_set]
    return ";".join(parts)


def _rgb(which: str, colour: str) -> str:
    return f"{which};2;" + ";".join(str(int(colour[place : place + 2], 16)) for place in (0, 2, 4))


def _saved(savepoints: list[Savepoint]) -> SavedCursor | None:
    if not savepoints:
        return None
    point = savepoints[-1]
    return SavedCursor(point.cursor.x, point.cursor.y, _pen(point.cursor.attrs), point.origin, point.wrap)
