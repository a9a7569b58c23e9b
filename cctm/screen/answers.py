"""Answers: what the daemon says to a program's questions, from the fold at that byte; and what it does not say.

Some questions only a real terminal can answer: one client is asked, and its answer found among its keys
(`AnswerScanner`), so that nobody else's and no late one reaches the program.
"""

import re
from enum import Enum
from typing import Final

from cctm.screen.fold import Fold
from cctm.screen.queries import Kind, Query


class Ask(Enum):
    """Who answers, if not the daemon."""

    ONE_CLIENT = 1
    NOBODY = 2


_FOR_A_CLIENT: Final = frozenset(
    {
        Kind.COLOUR,
        Kind.KITTY_KEYS,
        Kind.CAPABILITY,
        Kind.POINTER,
        Kind.GRAPHICS,
        Kind.KITTY_GRAPHICS,
    }
)


def answer(query: Query, fold: Fold, version: str) -> bytes | Ask:
    """The answer, or who is to be asked."""
    if query.kind in _FOR_A_CLIENT:
        return Ask.ONE_CLIENT
    match query.kind:
        case Kind.ATTRIBUTES:
            return b"\x1b[?62;22c"
        case Kind.STATUS:
            cursor = fold.picture().cursor
            return b"\x1b[%d;%dR" % (cursor.row + 1, min(cursor.col, fold.cols - 1) + 1)
        case Kind.VERSION:
            return b"\x1bP>|CCTM %s\x1b\\" % version.encode()
        case _:
            return Ask.NOBODY


_ANSWER: Final = re.compile(
    rb"\x1b\](?:4|5|1[0-9]|21|22|52);[^\x1b\x07]*(?:\x1b\\|\x07)"
    rb"|\x1bP[01]?[+$]r[^\x1b\x07]*\x1b\\"
    rb"|\x1b_G[^\x1b\x07]*\x1b\\"
    rb"|\x1b\[\?[0-9;]*[uS]"
)
_HELD: Final = re.compile(
    rb"\x1b(?:\][0-9]*(?:;[^\x1b\x07]*\x1b?)?|P[01]?[+$]?(?:r[^\x1b\x07]*\x1b?)?|_(?:G[^\x1b\x07]*\x1b?)?|\[\?[0-9;]*)\Z"
)
MAX_HELD: Final = 4096


class AnswerScanner:
    """Finds a terminal's answers among its keys."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def holds(self) -> bool:
        """Whether something is held back: `flush` it, unless more comes soon."""
        return self._held != b""

    def feed(self, data: bytes) -> tuple[bytes, list[bytes]]:
        """The keys; and the answers among them."""
        data = self._held + data
        self._held = b""
        answers = _ANSWER.findall(data)
        keys = _ANSWER.sub(b"", data)
        held = _HELD.search(keys)
        if held is not None and len(keys) - held.start() <= MAX_HELD:
            self._held = keys[held.start() :]
            keys = keys[: held.start()]
        return keys, answers

    def flush(self) -> bytes:
        """What was held back: keys after all."""
        held, self._held = self._held, b""
        return held
