"""Findings: what is wrong with an archive, where, and in words.

A finding names the file, the byte, the log and the entry as far as they are known. `Fault` says what kind
of thing it is; a *note* is worth saying and may be honest.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from .segment import LogRef, SegmentName


class Fault(Enum):
    """What can be found, and how a sentence about it begins."""

    DAMAGED = "these bytes are no whole record"
    TORN = "the last record is incomplete"
    MALFORMED = "the record is not what any writer makes"
    ALTERED = "the entry's signature does not fit what it says or where it stands"
    MISSING = "entries are missing before this one"
    SKIPPED = "entries before this one were never fetched: whoever joins begins at a keyframe"
    REPEATED = "the entry stands here a second time"
    OUT_OF_ORDER = "the entry stands after later ones"
    FORKED = "two histories: this one does not continue what was known"
    ILLEGAL = "an entry of this kind may not stand here"
    UNVERIFIABLE = "nobody knows who wrote this log, since its first entry is not readable"
    MISNAMED = "the file's name and the log's first entry disagree"
    UNREADABLE = "the entry does not open"
    LOCKED = "no grant gives this device the key to the entry"
    VOID = "the entry holds what its writer or kind may not"
    OFFSET = "the output does not continue the output before it"
    SEGMENT_MISSING = "a segment of the log is missing"
    LOG_MISSING = "a log that is known is missing"
    ROLLED_BACK = "the log is shorter than it once was"
    RECOVERED = "the log is shorter than it once was, and its successor went on from there"
    PREDECESSOR = "the log names a predecessor that cannot be its own"
    CLONED = "two logs have this generation: the home was copied or restored"
    STRANGER = "the file is none of ours"


# May come of a crash, a restored backup, a curious user, or of joining late; nothing that was reported as stored is
# lost or changed.
NOTES: Final = frozenset({Fault.TORN, Fault.RECOVERED, Fault.CLONED, Fault.STRANGER, Fault.SKIPPED})


@dataclass(frozen=True, slots=True)
class Spot:
    """Bytes *start* to *end* of a segment of a log."""

    ref: LogRef
    segment: int
    start: int
    end: int

    @property
    def file(self) -> str:
        """Beneath the archive."""
        name = SegmentName(self.ref.generation, self.ref.log, self.segment)
        return f"{self.ref.channel.hex()}/{name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    *seq*: the entry concerned, as far as that is known; *file*: where no byte can be named.
    """

    fault: Fault
    spot: Spot | None = None
    seq: int | None = None
    detail: str = ""
    file: str = ""

    @property
    def is_note(self) -> bool:
        return self.fault in NOTES

    def __str__(self) -> str:
        if self.spot is not None:
            place = f"{self.spot.file}, byte {self.spot.start}, log {self.spot.ref.log.hex()[:8]}"
        else:
            place = self.file
        entry = "" if self.seq is None else f", entry {self.seq}"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{place}{entry}: {self.fault.value}{detail}"
