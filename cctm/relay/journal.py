"""What is logged: one JSON object a line, on standard error.

    {"at": "2024-05-01T12:00:00Z", "event": "opened", "channel": "3f9c01d2", "member": "77aa1b02"}

Invariants: of an id the first 4 bytes, which serve to follow one channel through a log and not to find it anywhere
else; never an address, a key, an invite, or a byte of what is stored or passed on. Nobody waits for whoever reads it: a
line for which there is no room is lost, and the next one that finds room says how many were.
"""

import json
import os
import select
import sys
from datetime import UTC, datetime


class Journal:
    """Writes lines to one descriptor."""

    def __init__(self, descriptor: int | None = None) -> None:
        """None: standard error."""
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._lost = 0

    def note(self, event: str, **fields: str | int | bytes | None) -> None:
        """Log *event*. Bytes are ids, and shortened."""
        shown = {
            name: value[:4].hex() if isinstance(value, bytes) else value
            for name, value in fields.items()
            if value is not None
        }
        if not self._has_room():
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            self.note("lines were lost", number=lost)
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        line = json.dumps({"at": at, "event": event, **shown}) + "\n"
        try:
            os.write(self._descriptor, line.encode())
        except OSError:  # nobody reads it any more
            self._lost += 1

    def _has_room(self) -> bool:
        """Whether a line can be written at once. A pipe that says so takes 4 KiB; a file always does."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(0))
