"""Clients' answers: what a terminal answers, found among the keys of whoever sits at it.

    keys ─► AnswerScanner ─► keys, for the prefix and the PTY
                         └─► Answer(kind, raw): for the PTY if this client was asked and is not too late

What no key sends is an answer, asked for or not: so another client's, or a late one, is never typed into a shell.

Invariants: the pieces of a stream, put together again, are the stream. At most MAX_HELD bytes are held back. An ESC
alone, which is a key, is held only while an answer is expected.
"""

import re
from dataclasses import dataclass
from typing import Final

from cctm.screen.queries import Kind

MAX_HELD: Final = 4096

_STRING: Final = rb"[^\x1b\x07]{0,%d}" % MAX_HELD
_ST: Final = rb"(?:\x1b\\|\x07)"
_PATTERNS: Final = (
    (Kind.COLOUR, rb"\x1b\](?:4|5|1[0-9]|21);" + _STRING + _ST),
    (Kind.POINTER, rb"\x1b\]22;" + _STRING + _ST),
    (Kind.CLIPBOARD, rb"\x1b\]52;" + _STRING + _ST),
    (Kind.KITTY_KEYS, rb"\x1b\[\?[0-9]+u"),
    (Kind.CAPABILITY, rb"\x1bP[01]?\+r" + _STRING + _ST),
    (Kind.SETTING, rb"\x1bP[01]?\$r" + _STRING + _ST),
    (Kind.VERSION, rb"\x1bP>\|" + _STRING + _ST),
    (Kind.KITTY_GRAPHICS, rb"\x1b_G" + _STRING + _ST),
    (Kind.GRAPHICS, rb"\x1b\[\?[0-9;]+S|\x1b\[>[0-9;]+m"),
    (Kind.WINDOW, rb"\x1b\[[0-9]+(?:;[0-9]+)*t"),
    (Kind.TITLE, rb"\x1b\][lL]" + _STRING + _ST),
    (Kind.STATUS, rb"\x1b\[\?[0-9;]+n|\x1b\[[03]n|\x1b\[\?[0-9;]+R"),
    (Kind.ATTRIBUTES, rb"\x1b\[[?>=][0-9;]*c|\x1bP!\|" + _STRING + _ST),
    (Kind.MODE, rb"\x1b\[\??[0-9;]+\$y"),
)
_ANSWER: Final = re.compile(b"|".join(b"(%b)" % pattern for _, pattern in _PATTERNS))

# What is begun here is not begun by a key, but for Alt with one of ] P _.
_BEGUN: Final = re.compile(
    rb"\x1b(?:\](?:[0-9lL][^\x1b\x07]*\x1b?)?|P(?:[0-9]?[+$>!][^\x1b\x07]*\x1b?|[0-9])?|_(?:G[^\x1b\x07]*\x1b?)?"
    rb"|\[[?>=][0-9;]*\$?)\Z"
)
_BEGUN_OR_KEY: Final = re.compile(_BEGUN.pattern.replace(rb")\Z", rb"|\[[0-9;]*\$?)?\Z"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a terminal answered, and to what kind of question."""

    kind: Kind
    raw: bytes


class AnswerScanner:
    """Finds one client's answers. *expecting*: whether it was asked something and has not answered yet."""

    def __init__(self) -> None:
        self.expecting = False
        self._held = b""

    @property
    def holds(self) -> bool:
        """Whether something is held back: `flush` it, unless more comes soon."""
        return self._held != b""

    def feed(self, data: bytes) -> list[bytes | Answer]:
        """Keys and answers, in their order."""
        data = self._held + data
        self._held = b""
        if b"\x1b" not in data:
            return [data] if data else []
        end = self._held_from(data)
        data, self._held = data[:end], data[end:]
        return _pieces(data)

    def _held_from(self, data: bytes) -> int:
        begun = _BEGUN_OR_KEY if self.expecting else _BEGUN
        end = len(data)
        last = data.rfind(b"\x1b")
        # An ESC at the very end may be the first half of what ends a string.
        before = data.rfind(b"\x1b", 0, last) if last == end - 1 and last > 0 else -1
        for place in (before, last):
            if place >= 0 and begun.match(data, place):
                return place if end - place <= MAX_HELD else end
        return end

    def flush(self) -> list[bytes | Answer]:
        """What was held back: keys after all."""
        held, self._held = self._held, b""
        return [held] if held else []


def _pieces(data: bytes) -> list[bytes | Answer]:
    pieces: list[bytes | Answer] = []
    at = 0
    for match in _ANSWER.finditer(data):
        if match.start() > at:
            pieces.append(data[at : match.start()])
        number = match.lastindex
        assert number is not None
        pieces.append(Answer(_PATTERNS[number - 1][0], match[0]))
        at = match.end()
    if at < len(data):
        pieces.append(data[at:])
    return pieces
