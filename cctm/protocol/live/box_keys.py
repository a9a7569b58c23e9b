"""Box keys: what input is sealed to, and how long it can be opened (SPEC.md §16.6).

    drawn ──── 5 s: the next hail draws another ──── 10 s: the secret is forgotten ──── 30 s: so is the public key
      └─ words open ───────────────────────────────────┘                                  │
      └─ who names it has heard the host lately ──────────────────────────────────────────┘

**Invariants**

- At most the newest two secrets are known, none longer than 10 s: what was sealed earlier runs no more, and who
  takes the machine later cannot read it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nacl.bindings import crypto_scalarmult_base

from cctm.protocol.errors import LocalError
from cctm.protocol.seal import box, frame

RENEW_US: Final = 5_000_000
FORGET_US: Final = 10_000_000
RECENT_US: Final = 30_000_000
KEY_BYTES: Final = 32

_PROBE: Final = bytes(KEY_BYTES)


@dataclass(frozen=True, slots=True, eq=False)
class BoxKey:
    """An X25519 key pair of a few seconds."""

    public: bytes
    secret: bytes = field(repr=False)
    drawn_us: int


def make_box_key(secret: bytes, now_us: int) -> BoxKey:
    """
    Args:
        secret: 32 fresh random bytes.
    """
    return BoxKey(crypto_scalarmult_base(secret), secret, now_us)


def is_box_key(public: bytes) -> bool:
    """Whether something can be sealed to *public*: 32 bytes, and no point of small order."""
    try:
        box(public, frame(b""), _PROBE)
    except LocalError:
        return False
    return True


class BoxKeys:
    """A host's box keys."""

    def __init__(self, draw: Callable[[int], bytes]) -> None:
        self._draw = draw
        self._known: tuple[BoxKey, ...] = ()  # newest first
        self._recent: deque[tuple[int, bytes]] = deque()  # when drawn, public key

    def current(self, now_us: int) -> BoxKey:
        """The key to tell whoever hails; a new one if that of before is 5 s old."""
        self.forget(now_us)
        if not self._known or now_us - self._known[0].drawn_us >= RENEW_US:
            fresh = make_box_key(self._draw(KEY_BYTES), now_us)
            self._known = (fresh, *self._known[:1])
            self._recent.append((now_us, fresh.public))
        return self._known[0]

    def forget(self, now_us: int) -> None:
        """Forget what is too old."""
        if self._known and now_us - self._known[-1].drawn_us >= FORGET_US:
            self._known = tuple(key for key in self._known if now_us - key.drawn_us < FORGET_US)
        while self._recent and now_us - self._recent[0][0] >= RECENT_US:
            self._recent.popleft()

    def newest(self, now_us: int) -> BoxKey:
        """The newest key, however old: only a hail draws another."""
        return self._known[0] if self._known else self.current(now_us)

    def known(self, first: bytes = b"") -> tuple[BoxKey, ...]:
        """Those that words may be sealed to, the newest first; but *first*, if known, before it."""
        if len(self._known) == 2 and self._known[1].public == first:
            return self._known[::-1]
        return self._known

    def is_recent(self, public: bytes) -> bool:
        """Whether *public* was drawn in the last 30 s: who names it has heard this host since then."""
        return any(public == known for _, known in self._recent)
