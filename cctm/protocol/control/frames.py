"""Frames and the table of messages of the control protocol (SPEC.md §8).

    frame = length(u32, big-endian) ‖ canonical [type, fields…]

Invariants: `MESSAGES` is the whole protocol, a table as in protocol/tables.py.
"""

from collections.abc import Iterator
from typing import Final

from cctm.protocol.codec import encode
from cctm.protocol.control import replies, requests
from cctm.protocol.control.replies import LinkRow, PersonRow, Row
from cctm.protocol.errors import MalformedError
from cctm.protocol.tables import Table

VERSION: Final = 0
MAX_FRAME: Final = 1024 * 1024
# An argument of one character takes three bytes: their size is the limit.
MAX_FRAME_ITEMS: Final = MAX_FRAME // 3
MAX_OUTPUT: Final = 64 * 1024
LENGTH_BYTES: Final = 4

MESSAGES: Final[dict[int, type[tuple[object, ...]]]] = {
    1: requests.Hello,
    2: requests.New,
    3: requests.List,
    4: requests.Attach,
    5: requests.Input,
    6: requests.Resize,
    7: requests.Detach,
    8: requests.Kill,
    9: requests.Rename,
    10: requests.Remove,
    11: requests.Settle,
    12: requests.AskStatus,
    13: requests.Stop,
    14: requests.Restart,
    15: requests.Prune,
    16: requests.Answer,
    17: requests.Floor,
    18: requests.AskClients,
    19: requests.DetachClient,
    20: requests.Share,
    21: requests.Unshare,
    22: requests.Kick,
    23: requests.Join,
    24: requests.AskShares,
    25: requests.Hold,
    26: requests.Show,
    27: requests.AskScreen,
    28: requests.AskPeople,
    29: requests.Recall,
    64: replies.Welcome,
    65: replies.Refused,
    66: replies.Done,
    67: replies.Created,
    68: replies.Listing,
    69: replies.Attached,
    70: replies.Output,
    71: replies.Painted,
    72: replies.History,
    73: replies.Repaint,
    74: replies.Resized,
    75: replies.NameChanged,
    76: replies.Notice,
    77: replies.Query,
    78: replies.Presence,
    79: replies.FloorHeld,
    80: replies.Released,
    81: replies.Ended,
    82: replies.Status,
    83: replies.Link,
    84: replies.Clients,
    85: replies.Shares,
    86: replies.Screen,
    87: replies.Recalled,
}
TABLE: Final = Table(MESSAGES, max_bytes=MAX_FRAME, max_items=MAX_FRAME_ITEMS, rows=(Row, PersonRow, LinkRow))

_OUTPUT: Final = bytes((0x90 + 1 + len(replies.Output._fields), TABLE.types[replies.Output]))


def encode_message(message: tuple[object, ...]) -> bytes:
    """A whole frame.

    Raises:
        LocalError: no frame can hold it, or its text is not Unicode.
    """
    body = TABLE.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def output_head(offset: int, size: int) -> bytes:
    """What stands before the *size* bytes of an Output in its frame, so that they need not be copied into one."""
    head = _OUTPUT + encode(offset)
    if size < 1 << 8:
        head += bytes((0xC4, size))
    elif size < 1 << 16:
        head += b"\xc5" + size.to_bytes(2, "big")
    else:
        head += b"\xc6" + size.to_bytes(4, "big")
    return (len(head) + size).to_bytes(LENGTH_BYTES, "big") + head


def decode_message_untrusted(body: bytes | memoryview) -> tuple[object, ...]:
    """The message in one frame's body.

    Raises:
        MalformedError: not a message of the table.
    """
    return TABLE.decode_untrusted(body)


class FrameReader:
    """Cuts a byte stream into messages; holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive_untrusted(self, data: bytes) -> Iterator[tuple[object, ...]]:
        """The messages that *data* completes, in order.

        Raises:
            MalformedError: the stream is not of this protocol; nothing after it can be read.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= LENGTH_BYTES:
                size = int.from_bytes(buffer[at : at + LENGTH_BYTES], "big")
                if size > MAX_FRAME:
                    raise MalformedError("control frame size")
                end = at + LENGTH_BYTES + size
                if len(buffer) < end:
                    break
                body = bytes(memoryview(buffer)[at + LENGTH_BYTES : end])
                at = end
                yield decode_message_untrusted(body)
        finally:
            del buffer[:at]
