"""Outbox: what waits to be sent to one connection, but records, which are pulled (cursors.py).

    receipts, then control messages, then live messages

Bounded: receipts by the number of logs, of each the newest; live messages by their number and bytes, the oldest is
dropped; control messages answer what the other side sent. The last of the control messages may be a refusal: then
live messages go before it, as one of them may say why, and nothing follows it.
"""

from collections import deque
from typing import Final

from cctm.protocol.ids import LogId
from cctm.protocol.sync.messages import TABLE, Stored
from cctm.relay.database import LogState
from cctm.relay.metrics import Metrics

MOST_LIVE: Final = 256
MOST_LIVE_BYTES: Final = 256 * 1024


class Outbox:
    """One connection's."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._control: deque[bytes] = deque()
        self._receipts: dict[LogId, LogState] = {}
        self._live: deque[bytes] = deque()
        self._live_bytes = 0

    def tell(self, frame: bytes) -> None:
        self._control.append(frame)

    def receipt(self, state: LogState) -> None:
        self._receipts[state.log] = state

    def live(self, frame: bytes) -> None:
        self._live.append(frame)
        self._live_bytes += len(frame)
        while len(self._live) > MOST_LIVE or self._live_bytes > MOST_LIVE_BYTES:
            self._live_bytes -= len(self._live.popleft())
            self._metrics.live_dropped += 1

    def next(self, *, is_ending: bool) -> bytes | None:
        """What is to be sent next; once the connection is ending, the last control message last."""
        if self._live and (is_ending or not (self._receipts or self._control)):
            frame = self._live.popleft()
            self._live_bytes -= len(frame)
            return frame
        if self._receipts and (self._control or not is_ending):
            state = self._receipts.pop(next(iter(self._receipts)))
            return TABLE.encode(Stored(state.log, state.size, state.head))
        if self._control:
            return self._control.popleft()
        return None
