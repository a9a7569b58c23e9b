"""Seats: what a host knows of each who speaks to it (SPEC.md §16.5, §16.6). In memory, for this daemon's life.

**Invariants**

- A session is one stream's and one driver's. Its frames run in order, each once; what is not the next frame ends it,
  and nothing brings it back.
- Whoever only repeats what another said long ago is not *here*: that takes a hail that names a box key of the last
  30 s, or a word.
"""

from dataclasses import dataclass, field
from typing import Final

from cctm.protocol.ids import StreamId, WriterId
from cctm.protocol.live.allowance import Allowance
from cctm.protocol.live.pulse import Life

HAILS: Final = 4  # a second
WORDS: Final = 500  # a second
INPUT_BYTES: Final = 256 * 1024  # a second
GOODBYES: Final = 4  # at once, and then one in 30 s: each coming and going is recorded
SILENCE_US: Final = 30_000_000  # who was not heard for so long has left


@dataclass(slots=True)
class Lease:
    """Who alone may type: a guest, or the host's own user (the host's key); empty: every driver."""

    holder: bytes = b""
    number: int = 0  # counts up whenever it changes hands


@dataclass(slots=True)
class Session:
    """One driver's input to one stream. *ran*: frames that ran, and so the number of the next."""

    id: bytes
    hail: bytes  # that it began with
    stream: StreamId
    ran: int = 0
    lives: bool = True


@dataclass(slots=True)
class Seat:
    """One link, or one guest."""

    who: WriterId
    spoke_us: int  # when it said anything, be it old
    heard_us: int = 0  # when it said something that was new for certain
    since_us: int | None = None  # here since then; None: not here
    typed_us: int | None = None
    round_trip_us: int | None = None
    session: Session | None = None
    told_ran: int = 0  # frames of the session that it was told of, unasked
    told_us: int = 0
    wished: int | None = None  # the number of the lease that it asked for
    box_key: bytes = b""  # to which its newest word was sealed
    hails: Allowance = field(default_factory=lambda: Allowance(HAILS, HAILS))
    goodbyes: Allowance = field(default_factory=lambda: Allowance(1e6 / SILENCE_US, GOODBYES))
    words: Allowance = field(default_factory=lambda: Allowance(WORDS, WORDS))
    typed: Allowance = field(default_factory=lambda: Allowance(INPUT_BYTES, INPUT_BYTES))

    @property
    def lives(self) -> bool:
        return self.session is not None and self.session.lives

    def life(self, hail: bytes) -> Life:
        """What to tell of its session, to whoever sent *hail*."""
        if self.session is None or not self.session.lives:
            return Life.ENDED
        return Life.BEGUN if self.session.hail == hail else Life.LIVES

    def begin(self, session: bytes, hail: bytes, stream: StreamId) -> None:
        """A new session; the one before is dead."""
        self.session = Session(session, hail, stream)
        self.told_ran = 0

    def kill(self) -> bool:
        """End its session; whether one lived."""
        lived = self.lives
        if self.session is not None:
            self.session.lives = False
        return lived

    def is_silent(self, now_us: int) -> bool:
        return now_us - self.heard_us >= SILENCE_US

    def owes(self, now_us: int, every_us: int) -> bool:
        """Whether its driver is to be told what ran."""
        session = self.session
        return (
            session is not None
            and session.lives
            and session.ran != self.told_ran
            and now_us - self.told_us >= every_us
        )
