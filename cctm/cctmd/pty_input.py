"""Input to a PTY: at once if it takes it, otherwise in order as it does.

A program that does not read (stopped, or busy) fills the kernel's buffer of 4 KiB; what comes then waits
here, and a sender who waits for `room` before it writes is held back, nobody else. Of senders who do not wait (they
have left) so much is taken as MAX_LEFT_BYTES allow.
"""

import os
from typing import Final

import trio

MAX_WAITING_BYTES: Final = 1024 * 1024
MAX_LEFT_BYTES: Final = 4 * MAX_WAITING_BYTES
MAX_ANSWERS_BYTES: Final = 4096
HUNG_UP_S: Final = 0.2


class PtyInput:
    """The writing side of one PTY master; owns the descriptor."""

    def __init__(self, master: int, nursery: trio.Nursery) -> None:
        self.master = master
        self._nursery = nursery
        self._waiting = bytearray()
        self._room = trio.Event()
        self._room.set()
        self._closed = False

    def write(self, data: bytes) -> None:
        """Write *data* after all that came before it."""
        if self._closed or len(self._waiting) > MAX_LEFT_BYTES:
            return
        if self._waiting:
            self._waiting += data
        else:
            rest = data[self._try(data) :]
            if rest:
                self._waiting += rest
                self._nursery.start_soon(self._drain)
        if len(self._waiting) > MAX_WAITING_BYTES and self._room.is_set():
            self._room = trio.Event()

    def answer(self, data: bytes) -> None:
        """Write what a terminal answers; dropped if the program does not read, as a terminal would."""
        if len(self._waiting) <= MAX_ANSWERS_BYTES:
            self.write(data)

    @property
    def has_room(self) -> bool:
        """Whether more may be written."""
        return self._room.is_set()

    async def room(self) -> None:
        """Wait until more may be written."""
        await self._room.wait()

    def close(self) -> None:
        """Close the master; what still waits is for nobody."""
        if not self._closed:
            self._closed = True
            self._waiting.clear()
            self._room.set()
            trio.lowlevel.notify_closing(self.master)
            os.close(self.master)

    async def _drain(self) -> None:
        while self._waiting:
            try:
                await trio.lowlevel.wait_writable(self.master)
            except trio.ClosedResourceError:
                return
            written = self._try(self._waiting)
            if not written:
                # No program has it open: it is "writable" and takes nothing. One may open it again.
                await trio.sleep(HUNG_UP_S)
            del self._waiting[:written]
            if len(self._waiting) <= MAX_WAITING_BYTES:
                self._room.set()

    def _try(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # EIO: the other side is gone, and nobody will read this
