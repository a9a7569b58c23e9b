"""One held terminal, and how much all of them may hold (SPEC.md §7.1, §7.2). No system calls.

    PREPARED --START--> STARTING --exec'd--> RUNNING --leader reaped, master drained--> ENDED --FORGET--> gone
        |                   |
        +--daemon gone      +--FAILED--> gone

Offsets count the bytes of the stream; what lies between `base` and `end` is held:

    0 ───────── base ──────────── sent ──────────── end
      forgotten   |  sent, waits    |  read, to be    |         `sent` is of this connection
       (stored)   |  for its ACK    |  sent           |

**Invariants**

- base ≤ sent ≤ end; `held` is exactly the bytes from `base` to `end`; `base` moves by acknowledgement only.
- Output flows (is sent) only to a daemon that said from where: by START or by RESUME, in this connection.
- ENDED is sent after the last byte, once per connection in which the output flows.
"""

import enum
from typing import Final

from cctm.keeper.wire import Ended, Exit, StreamId

TURN_BYTES: Final = 65536  # read and sent at once, before it is another terminal's turn
TERMINAL_BYTES: Final = 4 * 1024 * 1024
TOTAL_BYTES: Final = 64 * 1024 * 1024
LEAST_BYTES: Final = 4096  # what each terminal may hold at any rate; less room than this is none


class State(enum.Enum):
    PREPARED = "prepared"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class OffsetError(Exception):
    """The daemon named an offset behind what was read of this terminal."""


class Terminal:
    __slots__ = (
        "adopted", "base", "exit", "flowing", "held", "id", "master", "pid", "queued", "sent",
        "slave", "span_began", "span_bytes", "started", "state", "tag", "told_end", "watched",
    )  # fmt: skip

    def __init__(self, id_: StreamId, tag: str, master: int, state: State) -> None:
        self.id = id_
        self.tag = tag
        self.master = master
        self.slave: int | None = None  # until the program has it
        self.state = state
        self.pid = 0
        self.started = 0
        self.adopted = False  # the program is another process's child: its end is seen, not its exit status
        self.exit: Exit | None = None
        self.held = bytearray()
        self.base = 0
        self.watched = False  # the master is in the selector
        self.span_began = 0.0  # for Pacing
        self.span_bytes = 0
        self.forget_connection()

    @property
    def end(self) -> int:
        return self.base + len(self.held)

    def forget_connection(self) -> None:
        """The daemon went: nothing flows until the next one says from where."""
        self.flowing = False
        self.sent = self.base
        self.queued = False  # among those that wait for their turn to send
        self.told_end = False

    def resume(self, offset: int) -> int:
        """Let the output flow from *offset* on; before it everything is stored. Return how much that freed.

        An offset before `base` asks for what is gone: the output then begins at `base`, and says so.

        Raises:
            OffsetError: it lies behind what was read.
        """
        if offset > self.end:
            raise OffsetError(offset)
        freed = self._forget_before(offset)
        self.sent = self.base
        self.flowing = True
        self.told_end = False
        return freed

    def acknowledge(self, offset: int) -> int:
        """Everything before *offset* is stored. Return how many bytes that freed.

        It may be more than was sent in this connection: an earlier one sent it, and storing takes its time.

        Raises:
            OffsetError: it lies behind what was read.
        """
        if offset > self.end:
            raise OffsetError(offset)
        freed = self._forget_before(offset)
        self.sent = max(self.sent, self.base)
        return freed

    def _forget_before(self, offset: int) -> int:
        freed = offset - self.base
        if freed <= 0:
            return 0
        del self.held[:freed]
        self.base = offset
        return freed

    @property
    def has_news(self) -> bool:
        """Whether the daemon is owed output or the end of it."""
        return self.flowing and (self.sent < self.end or (self.state is State.ENDED and not self.told_end))

    def last_words(self) -> Ended | None:
        """ENDED, once its place in the stream has come."""
        if self.exit is None or self.state is not State.ENDED or self.told_end or self.sent < self.end:
            return None
        return Ended(self.id, self.exit.how, self.exit.code, self.end)


class Room:
    """How much may be held. Half of the total is for whoever comes first, half is divided equally.

    So one flood never starves another terminal of all room, and the sum stays below the total (but for the
    few KiB that each terminal may hold at any rate).
    """

    __slots__ = ("terminals", "total")

    def __init__(self) -> None:
        self.total = 0
        self.terminals = 0

    def left(self, held: int) -> int:
        """How much a terminal that holds *held* bytes may read now; 0: it pauses."""
        if self.total <= TOTAL_BYTES // 2 - TERMINAL_BYTES:  # nobody else is in the way
            left = TERMINAL_BYTES - held
            return left if left >= LEAST_BYTES else 0
        share = TOTAL_BYTES // 2 // max(1, self.terminals)
        ceiling = max(
            held + TOTAL_BYTES // 2 - self.total,
            min(share, held + TOTAL_BYTES - self.total),
            LEAST_BYTES,
        )
        left = min(TERMINAL_BYTES, ceiling) - held
        return left if left >= LEAST_BYTES else 0
