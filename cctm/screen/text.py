r"""Text: what a stream printed, as lines without escape sequences.

    bytes ─► UTF-8 ─► C0, ESC … ─► a line under the cursor ─► finished lines

A line discipline, not a screen: carriage return, backspace, tab, erase in line and cursor left/right act
within the line; sequences that leave the line end it where they move down, and are dropped otherwise; what is
shown on the alternate screen (editors, pagers) is left out, as it leaves nothing behind on a terminal either.

What is a string to a terminal (titles, the clipboard, pictures) is passed over, however long.

Most output is whole lines with at most colours in them: they are cut out without a look at each token.

Invariants: any bytes are taken; the lines do not depend on the pieces in which they come; of a line at most
MAX_LINE characters are kept (then it is handed out as a `Piece`, and goes on); memory is bounded by that.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Final

MAX_LINE: Final = 1024 * 1024
MAX_COLUMN: Final = 4096  # to which the cursor can be moved: a short sequence must not print a long line
MAX_SEQUENCE: Final = 1024
TAB: Final = 8

_PARAMETERS: Final = f"[0-?]{{0,{MAX_SEQUENCE}}}"
_INTERMEDIATES: Final = f"[ -/]{{0,{MAX_SEQUENCE}}}"
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    rf"|\x1b\[(?P<parameters>{_PARAMETERS}){_INTERMEDIATES}(?P<final>[@-~])"
    r"|(?P<string>\x1b[\]PX^_])"
    rf"|\x1b(?=[ -/]){_INTERMEDIATES}[0-~]"
    r"|\x1b[0-OQ-WYZ\\`-~]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
)
_UNFINISHED: Final = re.compile(rf"\x1b(?:\[{_PARAMETERS}{_INTERMEDIATES}|{_INTERMEDIATES})\Z")
# BEL, CAN, SUB, ST; and ESC, which begins the next sequence, mostly the ST of 7 bits.
_END_OF_STRING: Final = re.compile(r"[\x07\x18\x1a\x9c]|(?=\x1b)")
_ALTERNATE: Final = frozenset({"47", "1047", "1049"})
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]{0,64}m")
# Where a line begins that is more than text and colours.
_BUSY: Final = re.compile(rf"(?!\r?\n|{_COLOUR.pattern})[\x00-\x1f\x7f-\x9f]")


class Piece(str):
    """The beginning of a line that goes on in the next one."""

    __slots__ = ()


class TextLines:
    """Turns the output of one terminal into lines."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._line: list[str] = []
        self._column = 0
        self._alternate = False
        self._in_string = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that *data* finishes, without their ends; a line that is too long in pieces."""
        yield from self._feed(self._decode(data))

    def finish(self) -> Iterator[str]:
        """The last line, if it has no end."""
        yield from self._feed(self._decode(b"", final=True))
        if self._line:
            yield self._flush()

    def _feed(self, text: str) -> Iterator[str]:
        text = self._rest + text
        self._rest = ""
        at = looked_to = 0
        while at < len(text):
            if self._in_string:
                found = _END_OF_STRING.search(text, at)
                self._in_string = found is None
                at = len(text) if found is None else found.end()
                continue
            if at >= looked_to and not (self._line or self._column or self._alternate):
                end, looked_to = _end_of_plain(text, at)
                if end > at:
                    yield from _plain_lines(text[at:end])
                    at = end
                    continue
            match = _TOKEN.match(text, at)
            if match is not None:
                at = match.end()
                yield from self._take(match)
            elif _UNFINISHED.match(text, at):
                self._rest = text[at:]
                return
            else:
                at += 1  # an escape that begins nothing

    def _take(self, match: re.Match[str]) -> Iterator[str]:
        if match["final"] is not None:
            yield from self._sequence(match["parameters"], match["final"])
        elif match["string"] is not None:
            self._in_string = True
        elif self._alternate:
            return
        elif match["text"] is not None:
            yield from self._write(match["text"])
        elif match["control"] is not None:
            yield from self._control(match["control"])

    def _control(self, control: str) -> Iterator[str]:
        match control:
            case "\n" | "\v" | "\f" | "\x84" | "\x85":
                yield self._flush()
            case "\r":
                self._column = 0
            case "\b":
                self._column = max(0, self._column - 1)
            case "\t":
                self._move_to((self._column // TAB + 1) * TAB)
            case _:
                return

    def _sequence(self, parameters: str, final: str) -> Iterator[str]:
        if final in "hl" and parameters.startswith("?"):
            if _ALTERNATE & set(parameters[1:].split(";")):
                self._alternate = final == "h"
            return
        if self._alternate:
            return
        count = _number(parameters)
        match final:
            case "K":
                self._erase(parameters)
            case "C" | "a":
                self._move_to(self._column + max(1, count))
            case "D":
                self._column = max(0, self._column - max(1, count))
            case "G" | "`":
                self._column = min(max(1, count) - 1, max(len(self._line), MAX_COLUMN))
            case "P":
                del self._line[self._column : self._column + max(1, count)]
            case "B" | "E" | "H" | "f" | "d" | "J" if self._line:
                yield self._flush()
            case "E" | "H" | "f":
                self._column = 0
            case _:
                return

    def _move_to(self, column: int) -> None:
        """Move right: within the line, or up to MAX_COLUMN beyond its end."""
        self._column = max(self._column, min(column, max(len(self._line), MAX_COLUMN)))

    def _write(self, text: str) -> Iterator[str]:
        while text:
            if self._column >= MAX_LINE:
                yield Piece("".join(self._line))
                self._line.clear()
                self._column = 0
            line, column = self._line, self._column
            piece, text = text[: MAX_LINE - column], text[MAX_LINE - column :]
            if column > len(line):
                line.extend(" " * (column - len(line)))
            self._column = column + len(piece)
            line[column : self._column] = piece

    def _erase(self, parameters: str) -> None:
        match parameters:
            case "" | "0":
                del self._line[self._column :]
            case "1":
                end = min(self._column + 1, len(self._line))
                self._line[:end] = " " * end
            case "2":
                self._line.clear()
            case _:
                return

    def _flush(self) -> str:
        line = "".join(self._line).rstrip(" ")
        self._line.clear()
        self._column = 0
        return line


def _end_of_plain(text: str, at: int) -> tuple[int, int]:
    """The end of the last line, from *at* on, before which there is nothing but text and colours; 0 if there is none.

    And up to where that is so: between the two, no line ends.
    """
    busy = _BUSY.search(text, at, at + MAX_LINE)
    looked_to = min(at + MAX_LINE, len(text)) if busy is None else busy.start()
    return text.rfind("\n", at, looked_to) + 1, looked_to


def _plain_lines(text: str) -> list[str]:
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    lines = text.replace("\r\n", "\n").split("\n")
    lines.pop()  # what is behind the last end of a line: nothing
    return [line.rstrip(" ") for line in lines]


def _number(parameters: str) -> int:
    return int(parameters) if parameters.isdecimal() and len(parameters) < 7 else 0
