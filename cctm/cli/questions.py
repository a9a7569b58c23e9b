"""Questions: what programs ask that only a real terminal can answer, asked of the user's own.

    NONE ──Query──► OPEN ──DA1's answer──► NONE        the answer, or none, goes to the daemon
                     └──500 ms──► LATE ──DA1's answer, or 10 s──► NONE

After each question the terminal is asked DA1, which every terminal answers, and in order: with that answer comes the
end of the answers to the question. What comes late, and the answer to DA1, is nobody's key.

Invariants: while nothing is open keys pass untouched, and at once.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cctm.protocol.control import replies, requests

if TYPE_CHECKING:
    from cctm.screen.answers import AnswerScanner

ANSWER_S: Final = 0.5
LATE_S: Final = 10.0  # a terminal at the other end of a bad line; then one that does not answer DA1
HOLD_S: Final = 0.05
MAX_OPEN: Final = 64
DA1: Final = b"\x1b[c"

_BEGINS: Final = re.compile(rb"\x1b(?:\[(?:\?[0-9;]*)?)?\Z")  # maybe an answer, and in any case DA1's
_DA1_ANSWER: Final = re.compile(rb"\x1b\[\?[0-9;]*c")


@dataclass(slots=True)
class _Open:
    number: int
    asked_at: float
    answer: bytes = b""
    is_settled: bool = False  # the daemon has been told


class Questions:
    """The questions that the user's terminal has not answered yet."""

    def __init__(self) -> None:
        self._scanner: AnswerScanner | None = (
            None  # until the first question: it is not there to attach faster
        )
        self._open: deque[_Open] = deque()
        self._begun = b""  # of what may become an answer; the scanner gets it whole
        self._held_since = 0.0

    def ask(self, query: replies.Query, now: float) -> bytes:
        """What to write to the terminal for *query*; nothing, if it has too many questions before it."""
        if len(self._open) >= MAX_OPEN:
            return b""
        if self._scanner is None:
            from cctm.screen.answers import AnswerScanner

            self._scanner = AnswerScanner()
        self._open.append(_Open(query.query, now))
        return query.data + DA1

    def forget(self) -> None:
        """Whoever asked is gone; late answers are still no keys."""
        for one in self._open:
            one.is_settled = True

    def receive(self, data: bytes, now: float) -> tuple[bytes, list[requests.Answer]]:
        """The keys in *data*; and what to tell the daemon."""
        if self._scanner is None or not (self._open or self._holds):
            return data, []
        data = self._begun + data
        begun = _BEGINS.search(data)
        self._begun = b"" if begun is None else begun[0]
        data = data[: len(data) - len(self._begun)]
        keys = bytearray()
        answers: list[requests.Answer] = []
        at = 0
        # Piece by piece up to each answer of DA1: what comes before it belongs to the question before it.
        for match in [*_DA1_ANSWER.finditer(data), None]:
            piece = data[at:] if match is None else data[at : match.end()]
            at += len(piece)
            keys += self._scan(self._scanner, piece, answers)
        self._held_since = now
        return bytes(keys), answers

    def _scan(self, scanner: "AnswerScanner", piece: bytes, answers: list[requests.Answer]) -> bytes:
        keys, found = scanner.feed(piece)
        if self._open:
            self._open[0].answer += b"".join(found)
        for _ in _DA1_ANSWER.findall(keys):
            if self._open:
                self._settle(self._open.popleft(), answers)
        return _DA1_ANSWER.sub(b"", keys)

    @staticmethod
    def _settle(one: _Open, answers: list[requests.Answer]) -> None:
        if not one.is_settled:
            one.is_settled = True
            answers.append(requests.Answer(one.number, one.answer))

    @property
    def _holds(self) -> bool:
        return self._begun != b"" or (self._scanner is not None and self._scanner.holds)

    def due(self) -> float | None:
        """When to call `expire`, if nothing comes before."""
        times = [one.asked_at + (LATE_S if one.is_settled else ANSWER_S) for one in self._open]
        if self._holds:
            times.append(self._held_since + HOLD_S)
        return min(times, default=None)

    def expire(self, now: float) -> tuple[bytes, list[requests.Answer]]:
        """Keys that were held back in vain; and what to tell the daemon of questions without an answer."""
        answers: list[requests.Answer] = []
        for one in self._open:
            if now >= one.asked_at + ANSWER_S:
                self._settle(one, answers)
        while self._open and now >= self._open[0].asked_at + LATE_S:
            self._open.popleft()
        if self._scanner is None or not self._holds or now < self._held_since + HOLD_S:
            return b"", answers
        held = self._scanner.flush() + self._begun
        self._begun = b""
        return held, answers
