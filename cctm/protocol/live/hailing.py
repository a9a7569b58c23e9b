"""Hailing: a reader's hails, and what their answers prove (SPEC.md §16.5).

    hail ──nonce──► host ──pulse(nonce)──► fresh: what it says was so after the hail was sent
         └─ 30 s: confirmed live until then ─────────────────────────┘

**Invariants**

- Freshness counts from when a hail was *sent*: a relay that delays an answer gains nothing by it.
- An answer counts once, and only if no later hail was answered before.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cctm.protocol.events import LogHead
from cctm.protocol.ids import LogId
from cctm.protocol.live.messages import Hail
from cctm.protocol.live.pulse import NONCE_BYTES, Pulse

READER_EVERY_US: Final = 10_000_000
DRIVER_EVERY_US: Final = 2_500_000
SOONEST_US: Final = 300_000  # between two hails, whatever happens: the host takes four a second
CONFIRMED_US: Final = 30_000_000
FRESH_US: Final = 10_000_000  # how old the hail may be whose answer lets somebody type
WITHHELD_US: Final = 10_000_000
MOST_ASKED: Final = 32
MOST_TOLD: Final = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """A hail that was not answered yet."""

    sent_us: int
    begin: bool
    box_key: bytes  # that it named
    frames: int  # how many frames of the session went out before it


@dataclass(frozen=True, slots=True)
class Answered:
    """The newest answer."""

    pulse: Pulse
    asked: Asked
    round_trip_us: int


class Hailing:
    """One reader's hails."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw
        self._asked: dict[bytes, Asked] = {}  # in the order in which they were sent
        self._last_us: int | None = None  # when the newest was sent
        self._told: deque[tuple[int, tuple[LogHead, ...]]] = deque(maxlen=MOST_TOLD)
        self.answered: Answered | None = None
        self.is_wanted = True  # as soon as may be
        self._is_cut = True  # nothing was heard on this connection

    @property
    def box_key(self) -> bytes:
        return b"" if self.answered is None else self.answered.pulse.box_key

    def due_us(self, every_us: int) -> int:
        """When to hail next."""
        if self._last_us is None:
            return 0
        return self._last_us + (SOONEST_US if self.is_wanted else every_us)

    def hail(self, now_us: int, frames: int, *, begin: bool) -> Hail:
        """The next hail, sent now, after so many *frames*."""
        nonce = self._draw(NONCE_BYTES)
        # A key of long ago shows nobody that this hail is new.
        box_key = self.box_key if now_us < self.confirmed_until_us else b""
        self._asked[nonce] = Asked(now_us, begin, box_key, frames)
        if len(self._asked) > MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        self._last_us = now_us
        self.is_wanted = False
        round_trip_us = None if self.answered is None else self.answered.round_trip_us
        return Hail(nonce, box_key, begin, round_trip_us)

    def cut(self) -> None:
        """The connection is gone, and answers with it; hail as soon as there is one."""
        self._asked.clear()
        self._told.clear()
        self._last_us = None
        self.is_wanted = True
        self._is_cut = True

    def begins(self, now_us: int) -> bool:
        """Whether a hail that asks for a session may still be answered."""
        return any(asked.begin and now_us - asked.sent_us < FRESH_US for asked in self._asked.values())

    def take(self, pulse: Pulse, now_us: int) -> Answered | None:
        """What *pulse* answers, if that is news."""
        if pulse.hail not in self._asked:
            return None
        asked = self._asked.pop(pulse.hail)
        # What answers an earlier one is old news from here on.
        self._asked = {nonce: other for nonce, other in self._asked.items() if other.sent_us > asked.sent_us}
        self._is_cut = False
        self.answered = Answered(pulse, asked, now_us - asked.sent_us)
        if len(self._told) < MOST_TOLD:
            self._told.append((now_us, pulse.heads))
        # The box key that came is what shows the host that we are here now.
        self.is_wanted = self.is_wanted or asked.box_key == b""
        return self.answered

    # --- what the answers prove

    @property
    def confirmed_until_us(self) -> int:
        """Until then what is shown is known to be live; 0: it never was."""
        return 0 if self.answered is None else self.answered.asked.sent_us + CONFIRMED_US

    def is_fresh(self, now_us: int) -> bool:
        """Whether the host was heard of lately enough for somebody to type."""
        if self._is_cut or self.answered is None:
            return False
        return now_us - self.answered.asked.sent_us <= FRESH_US

    def withholds(self, sizes: Mapping[LogId, int], now_us: int) -> bool:
        """Whether a relay that has entries does not show them: what the host said 10 s ago to be on disk is not here.

        Args:
            sizes: of each log as far as it came.
        """
        if self.answered is None:
            return False
        current = {head.log for head in self.answered.pulse.heads}  # others have a successor
        while self._told and all(
            sizes.get(head.log, 0) >= head.size for head in self._told[0][1] if head.log in current
        ):
            self._told.popleft()
        return bool(self._told) and now_us - self._told[0][0] >= WITHHELD_US
