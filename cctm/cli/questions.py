"""Questions: what programs ask that only a real terminal can answer, asked of the user's own.

    NONE ──Query──► OPEN ──DA1's answer──► NONE        the answer, or none, goes to the daemon
                     └──500 ms──► LATE ──DA1's answer, or 10 s──► NONE

After each question the terminal is asked DA1, which every terminal answers, and in order: with that answer comes the
end of the answers to the question. What comes late, and the answer to DA1, is nobody's key. What looks like an answer
to a question of another kind is input, as it is while nothing is asked: a report that the program subscribed to, say.

Invariants: while nothing is open keys pass untouched, and at once. What is open is answered by its own kind only.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cctm.protocol.control import replies, requests

if TYPE_CHECKING:  # imported with the first question, to attach faster
    from cctm.screen.client_answers import Answer, AnswerScanner
    from cctm.screen.queries import Kind

ANSWER_S: Final = 0.5
LATE_S: Final = 10.0  # a terminal at the other end of a bad line; then one that does not answer DA1
HOLD_S: Final = 0.05
MAX_OPEN: Final = 64
DA1: Final = b"\x1b[c"
DA1_ANSWER: Final = b"\x1b[?"


@dataclass(slots=True)
class _Open:
    number: int
    kind: "Kind | None"  # None: of a newer daemon, whose answer nobody here knows
    asked_at: float
    answer: bytes = b""
    is_settled: bool = False  # the daemon has been told


class Questions:
    """The questions that the user's terminal has not answered yet."""

    def __init__(self) -> None:
        self._scanner: AnswerScanner | None = None
        self._open: deque[_Open] = deque()
        self._held_since = 0.0

    def ask(self, query: replies.Query, now: float) -> bytes:
        """What to write to the terminal for *query*; nothing, if it has too many questions before it."""
        if len(self._open) >= MAX_OPEN:
            return b""
        if self._scanner is None:
            from cctm.screen.client_answers import AnswerScanner

            self._scanner = AnswerScanner()
        self._open.append(_Open(query.query, _kind_of(query.data), now))
        return query.data + DA1

    def forget(self) -> None:
        """Whoever asked is gone; late answers are still no keys."""
        for one in self._open:
            one.is_settled = True

    def receive(self, data: bytes, now: float) -> tuple[bytes, list[requests.Answer]]:
        """The keys in *data*; and what to tell the daemon."""
        if self._scanner is None or not (self._open or self._scanner.holds):
            return data, []
        answers: list[requests.Answer] = []
        self._scanner.expecting = bool(self._open)
        keys = self._sort(self._scanner.feed(data), answers)
        self._held_since = now
        return keys, answers

    def _sort(self, pieces: "Sequence[bytes | Answer]", answers: list[requests.Answer]) -> bytes:
        """The keys among *pieces*."""
        keys = bytearray()
        for piece in pieces:
            if isinstance(piece, bytes):
                keys += piece
            elif self._open and piece.raw.startswith(DA1_ANSWER) and piece.raw.endswith(b"c"):
                self._settle(self._open.popleft(), answers)
            elif self._open and piece.kind is self._open[0].kind:
                self._open[0].answer += piece.raw
            else:
                keys += piece.raw
        return bytes(keys)

    @staticmethod
    def _settle(one: _Open, answers: list[requests.Answer]) -> None:
        if not one.is_settled:
            one.is_settled = True
            answers.append(requests.Answer(one.number, one.answer))

    def due(self) -> float | None:
        """When to call `expire`, if nothing comes before."""
        times = [one.asked_at + (LATE_S if one.is_settled else ANSWER_S) for one in self._open]
        if self._scanner is not None and self._scanner.holds:
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
        scanner = self._scanner
        if scanner is None or not scanner.holds or now < self._held_since + HOLD_S:
            return b"", answers
        return self._sort(scanner.flush(), answers), answers


def _kind_of(question: bytes) -> "Kind | None":
    from cctm.screen.queries import Query, QueryScanner

    match QueryScanner().feed(question):
        case [Query(kind)]:
            return kind
        case _:
            return None
