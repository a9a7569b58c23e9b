"""Questions: what a program asks its terminal, answered once each and in order.

    Query ─► answered from the fold at that byte ─────────────┐
          └► one client is asked ─► its answer, or 500 ms ────┴► in the order of asking ─► the PTY

A program asks "do you know X?" and then something that every terminal answers, to learn that no answer to the first
will come. So an answer that is there waits for those that were asked before it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from cctm import __version__
from cctm.screen.answers import Who, answer
from cctm.screen.fold import Fold
from cctm.screen.queries import Query

ANSWER_S: Final = 0.5
MAX_OPEN: Final = 64  # whoever answers; a program that asks without end is answered that many at a time
MAX_ANSWER_BYTES: Final = 4096


class Asked(Protocol):
    """A client whose terminal can be asked."""

    def ask(self, number: int, question: bytes) -> None:
        """Send the question; the answer comes to `Questions.answered`."""


@dataclass(slots=True)
class _Open:
    number: int
    asked: Asked | None
    answer: bytes | None = None


class Questions:
    """One terminal's open questions."""

    def __init__(
        self, respond: Callable[[bytes], None], client: Callable[[], Asked | None], nursery: trio.Nursery
    ) -> None:
        """
        Args:
            respond: to the program.
            client: the one to be asked now; None if nobody is here.
        """
        self._respond = respond
        self._client = client
        self._nursery = nursery
        self._open: deque[_Open] = deque()
        self._number = 0

    def ask(self, query: Query, fold: Fold) -> None:
        """Answer *query*, which the program asked with the screen being *fold*."""
        if len(self._open) >= MAX_OPEN:
            return
        found = answer(query, fold, __version__)
        if isinstance(found, bytes):
            self._open.append(_Open(0, None, found))
            self._flush()
        elif found is Who.ONE_CLIENT and (client := self._client()) is not None:
            self._number += 1
            self._open.append(_Open(self._number, client))
            self._nursery.start_soon(self._give_up, self._number)
            client.ask(self._number, query.raw)

    def answered(self, client: Asked, number: int, data: bytes) -> None:
        """What *client*'s terminal answered; nothing, if it did not."""
        for one in self._open:
            if one.number == number and one.asked is client and one.answer is None:
                one.answer = data[:MAX_ANSWER_BYTES]
        self._flush()

    def left(self, client: Asked) -> None:
        """*client* is gone and answers nothing more."""
        for one in self._open:
            if one.asked is client and one.answer is None:
                one.answer = b""
        self._flush()

    async def _give_up(self, number: int) -> None:
        await trio.sleep(ANSWER_S)
        for one in self._open:
            if one.number == number and one.answer is None:
                one.answer = b""
        self._flush()

    def _flush(self) -> None:
        while self._open and self._open[0].answer is not None:
            found = self._open.popleft().answer
            if found:
                self._respond(found)
