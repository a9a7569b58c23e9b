"""What is asked of the storage thread, and the order in which it gets to it.

    any thread                                   the storage thread
    put(Append), put(Work) ─►┐          ┌─► pending: in the order of putting
    put(Aside)             ─►├─► take ──┼─► called at once, before all that is pending
    close()                ─►┘          └─► is_closing: nothing comes behind it

Invariant: each future that was handed out is settled, in the end by `abandon`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Any

from cctm.protocol.errors import LocalError

from .segment import LogRef
from .writing import Joint, Stored


class Sync(Enum):
    """How long an append may wait for its sync."""

    GROUPED = auto()
    NOW = auto()


OnStored = Callable[[Stored], None]


@dataclass(slots=True)
class Append:
    """Records to be stored."""

    ref: LogRef
    payloads: Sequence[bytes]
    on_stored: OnStored | None
    weight_bytes: int
    sync: Sync
    joint: Joint


@dataclass(slots=True)
class Work:
    """To be called once all before it is stored."""

    work: Callable[[], Any]
    future: "Future[Any]"

    def call(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.work())
        except BaseException as error:  # noqa: BLE001  it is raised where the future is waited for
            self.future.set_exception(error)


@dataclass(slots=True)
class Aside(Work):
    """To be called whatever waits."""


class _Close:
    pass


class Inbox:
    """From any thread to the one that stores."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Append | Work | _Close] = SimpleQueue()
        self._is_closed = False  # nothing may be put any more
        # From here on the storage thread's alone.
        self.pending: deque[Append | Work] = deque()
        self.is_closing = False

    # -- any thread

    def put(self, item: Append | Work) -> None:
        """
        Raises:
            LocalError: it is closed.
        """
        if self._is_closed:
            raise LocalError("the storage is closed")
        self._queue.put(item)

    def close(self) -> None:
        """Have nothing come behind what was put."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(_Close())

    # -- the storage thread

    def take(self, patience_s: float | None) -> None:
        """Move what came to where it belongs; wait for at most *patience_s* (None: for ever) if nothing did."""
        if patience_s == 0 and self._queue.empty():
            return
        try:
            self._sort_in(self._queue.get(timeout=patience_s))
            while not self._queue.empty():
                self._sort_in(self._queue.get_nowait())
        except Empty:
            return

    def _sort_in(self, item: Append | Work | _Close) -> None:
        if isinstance(item, Aside):
            item.call()
        elif isinstance(item, _Close):
            self.is_closing = True
        else:
            self.pending.append(item)

    def abandon(self, why: BaseException | None) -> None:
        """It is closed, and nobody takes anything any more: leave nobody waiting."""
        while not self._queue.empty():
            self._sort_in(self._queue.get_nowait())
        for item in self.pending:
            if isinstance(item, Work) and item.future.set_running_or_notify_cancel():
                item.future.set_exception(why or LocalError("the storage is closed"))
