"""What is logged: one JSON object a line, on standard error.

    {"at": "2024-05-01T12:00:00Z", "event": "opened", "channel": "3f9c01d2", "member": "77aa1b02"}

Invariants: of an id the first 4 bytes, which serve to follow one channel through a log and not to find it anywhere
else; never an address, a key, an invite, or a byte of what is stored or passed on.
"""

import contextlib
import json
import sys
from datetime import UTC, datetime
from typing import TextIO


class Journal:
    """Writes lines to one stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def note(self, event: str, **fields: str | int | bytes | None) -> None:
        """Log *event*. Bytes are ids, and shortened."""
        shown = {
            name: value[:4].hex() if isinstance(value, bytes) else value
            for name, value in fields.items()
            if value is not None
        }
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        stream = sys.stderr if self._stream is None else self._stream
        # Whoever read it may be gone, or the disk full: that is no reason to stop relaying.
        with contextlib.suppress(OSError):
            stream.write(json.dumps({"at": at, "event": event, **shown}) + "\n")
            stream.flush()
