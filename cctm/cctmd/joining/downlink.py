"""Downlink: a mirror's connection to the relay, while somebody looks, and a little longer.

    idle ──somebody looks──► take up what is stored ──► dial ──► open ──lost──► pause ──► dial …
     ▲                                                                 └─ enrolled: dial at once, as oneself
     └── nobody has looked for 30 s, or the terminal ended: say goodbye ─┘

Two tasks and a clock: the reader never awaits a send. A relay that floods gets its turn, like all others (`pacing`).
"""

import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from cctm.cctmd.clock import Clock
from cctm.cctmd.groups import first
from cctm.cctmd.joining.mirror import Mirror
from cctm.cctmd.links.connection import Connection, LinkDownError, LinkError, dial
from cctm.cctmd.links.pacing import Paced
from cctm.cctmd.links.retrying import Retrying
from cctm.protocol.control.values import Parted
from cctm.protocol.errors import RemoteError
from cctm.protocol.keys import WriterId, channel_id
from cctm.protocol.sync.messages import Entries, EntryPart, Fetch, Lagged, Live, LiveFrom, Logs, Tail
from cctm.protocol.sync.serving import Reason
from cctm.protocol.tables import Message

LOG = logging.getLogger(__name__)

LINGER_S: Final = 30.0
LOOK_S: Final = 1.0  # between two looks at what there is to say
HASTE_S: Final = 10.0  # between two dials without a pause
SOON_S: Final = 0.01
GOODBYE_S: Final = 1.0
MOST_WAITING: Final = 4096  # messages; a relay that takes none for so long is cut off
UNKNOWN: Final = frozenset({Reason.NOT_ALLOWED, Reason.NO_CHANNEL, Reason.EXPIRED})

SHUT: Final = "The host shares this terminal no longer, or not with you."


class _ComeAgainError(Exception):
    """The host knows us now: come as oneself."""


class Downlink:
    """The connection of one mirror."""

    def __init__(
        self, mirror: Mirror, take_up: Callable[[], Awaitable[None]], clock: Clock, nursery: trio.Nursery
    ) -> None:
        """
        Args:
            take_up: brings the mirror level with what is on disk; called before the first connection.
        """
        self._mirror = mirror
        self._take_up = take_up
        self._clock = clock
        self._nursery = nursery
        self._scope: trio.CancelScope | None = None
        self._waiting: deque[Live | Fetch | Tail] = deque()
        self._sendable = trio.Event()
        self._poked = trio.Event()
        self._retrying = Retrying()
        self._is_taken_up = False
        self._hasty_s = -math.inf  # when one came again at once, as oneself
        self.failure: LinkError | None = None  # why there is no connection
        self.failed = trio.Event()

    @property
    def is_running(self) -> bool:
        return self._scope is not None

    def hold(self) -> None:
        """Somebody looks: be connected until `let_go`."""
        if self._scope is None:
            self._scope = trio.CancelScope()
            self._nursery.start_soon(self._run, self._scope)
        else:
            self._scope.deadline = float("inf")
            self._retrying.now()

    def hurry(self) -> None:
        """Somebody types: be connected soon."""
        self._retrying.hurry()

    def let_go(self) -> None:
        """Nobody looks: end soon."""
        if self._scope is not None:
            self._scope.deadline = trio.current_time() + LINGER_S

    def end(self) -> None:
        """End now."""
        if self._scope is not None:
            self._scope.cancel()

    async def _run(self, scope: trio.CancelScope) -> None:
        mirror = self._mirror
        try:
            with scope:
                if not self._is_taken_up:
                    await self._take_up()
                    self._is_taken_up = True
                await self._stay_connected()
        except Exception:
            LOG.exception("terminal %s cannot be followed", mirror.log_name)
            mirror.disconnected("It cannot be followed, see daemon.log.")
        else:
            mirror.disconnected("Not connected.")
        finally:
            self._scope = None
            mirror.note()

    async def _stay_connected(self) -> None:
        mirror = self._mirror
        connecting = f"Connecting to {mirror.joined.origin} …"
        while mirror.ending is None:
            mirror.disconnected(connecting)
            is_again = False
            try:
                await self._be_connected()
            except* _ComeAgainError:
                # A relay may refuse oneself, and let in by the link, for ever.
                is_again = trio.current_time() - self._hasty_s >= HASTE_S
                self._hasty_s = trio.current_time()
                mirror.disconnected(connecting)
            except* (LinkError, RemoteError) as failures:
                is_again = self._note_failure(first(failures))
            if not is_again and mirror.ending is None:
                await self._retrying.pause()

    def _note_failure(self, error: BaseException) -> bool:
        """Say why there is no connection. Whether to dial again at once, as another."""
        mirror = self._mirror
        if not isinstance(error, LinkError):
            LOG.warning("terminal %s: the relay lies, or fails: %r", mirror.log_name, error)
            error = LinkError(
                f"{mirror.joined.origin} sends what the host did not write.", "It is dialled again."
            )
        mirror.disconnected(f"{error.what} {error.advice}")
        if error.reason in UNKNOWN and mirror.joined.is_enrolled:
            mirror.not_known_there()
            return True
        if error.reason in UNKNOWN:
            if mirror.joined.parted == Parted.NOT:
                mirror.part(Parted.UNSHARED)
            error = LinkError(SHUT, "Ask for a new link.", error.reason)
            mirror.disconnected(f"{error.what} {error.advice}")
        self.failure = error
        if not isinstance(error, LinkDownError):
            self.failed.set()
        return False

    async def _be_connected(self) -> None:
        mirror = self._mirror
        self._waiting.clear()
        async with dial(mirror.joined.origin, mirror.channel, mirror.keys) as connection:
            self._retrying.opened()
            mirror.connected(self._send_soon)
            self.failure = None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send, connection)
                nursery.start_soon(self._tick)
                try:
                    await self._receive(connection)
                finally:
                    with trio.move_on_after(GOODBYE_S, shield=True):
                        await self._say_goodbye(connection)
                nursery.cancel_scope.cancel()

    async def _receive(self, connection: Connection) -> None:
        mirror = self._mirror
        was_enrolled = mirror.joined.is_enrolled

        async def receive() -> Message:
            await mirror.room_for_more()
            return await connection.receive()

        paced = Paced(receive, time.thread_time)
        while mirror.ending is None:
            message = await paced.receive()
            match message:
                case LiveFrom(_, data):
                    mirror.take_live_untrusted(data)
                    self._poked.set()
                case Logs() | Entries() | EntryPart() | Lagged():
                    mirror.take_untrusted(message)
                    if isinstance(message, Logs):
                        self._find_host(message)
                        mirror.known_after_all()
                case _:
                    continue
            if mirror.joined.is_enrolled and not was_enrolled:
                raise _ComeAgainError

    def _find_host(self, logs: Logs) -> None:
        for row in logs.rows:
            if channel_id(WriterId(row.writer)) == self._mirror.channel:
                self._mirror.found_host(WriterId(row.writer))
                self._poked.set()
                return

    # --- what is sent

    def _send_soon(self, message: Live | Fetch | Tail) -> None:
        if len(self._waiting) < MOST_WAITING or not isinstance(message, Live):
            self._waiting.append(message)
        self._sendable.set()
        self._poked.set()

    async def _send(self, connection: Connection) -> None:
        while True:
            while self._waiting:
                await connection.send(self._waiting.popleft())
            self._sendable = trio.Event()
            await self._sendable.wait()

    async def _say_goodbye(self, connection: Connection) -> None:
        try:
            self._waiting.clear()
            self._mirror.voice.leave()
            while self._waiting:
                await connection.send(self._waiting.popleft())
        except LinkError:
            LOG.debug("nobody to say goodbye to")

    async def _tick(self) -> None:
        """Have the mirror do what time brings."""
        while True:
            self._mirror.due()
            self._poked = trio.Event()
            wake_us = self._mirror.voice.wake_us
            pause_s = LOOK_S if wake_us is None else (wake_us - self._clock.now_us()) / 1e6
            with trio.move_on_after(min(LOOK_S, max(SOON_S, pause_s))):
                await self._poked.wait()
