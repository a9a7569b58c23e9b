"""What is not here yet of a channel that was joined, the newest first; and where it belongs (SPEC.md §6.1, §16.14).

    log   [1]  …  [2²⁰] … [2²⁰+1]   …   [2·2²⁰-2] [2·2²⁰-1] [2·2²⁰] …        segments by their number
          open    grant               ▲ └─ fetched: each one lower ─┘ └─ from a keyframe on
                                      └─ a gap: what lies behind the stretch before, up to what is here

A stretch holds entries that follow each other. One that begins behind a hole begins at a multiple of 2²⁰, which leaves
room below it: what fills the hole, backwards, takes the numbers right before. So the order of numbers is that of
entries, whatever came first.

Invariant: only what the newest entries vouch for is asked for: by `prev`, or by the predecessor that a log names.
"""

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cctm.archive.files import LogFiles, list_files, segment_path
from cctm.archive.segment import LogRef, Record, find_record, scan
from cctm.archive.walk import read_opening
from cctm.archive.writing import STRETCH
from cctm.protocol.entry import OpenBody, Sealed, decode_record_untrusted
from cctm.protocol.errors import MalformedError
from cctm.protocol.events import LogHead
from cctm.protocol.keys import ChannelId, LogId, WriterId
from cctm.protocol.sync.past import Gap

_SPAN_BYTES: Final = 64 << 10  # from the end of a segment, to find its last record


@dataclass(frozen=True, slots=True)
class Missing:
    """A gap of a log of *owner*. *ref*, *number*: where the end of it goes; None: nothing of that log is here."""

    owner: WriterId
    gap: Gap
    ref: LogRef | None
    number: int


def newest_missing(archive: str, channel: ChannelId) -> Missing | None:
    """What lies right before the newest that is here without a hole; None: all is here that can be named.

    Raises:
        OSError: of reading.
    """
    logs = {log.ref.log: log for log in list_files(archive, channel).logs}
    if not logs:
        return None
    newest = max(
        logs.values(), key=lambda log: (log.ref.generation, bytes(255 - byte for byte in log.ref.log))
    )
    return _missing_of(archive, logs, newest)


def _missing_of(archive: str, logs: dict[LogId, LogFiles], newest: LogFiles) -> Missing | None:
    log, named = newest, None
    seen: set[LogId] = set()
    while log.ref.log not in seen:
        seen.add(log.ref.log)
        opening = read_opening(archive, log)
        if opening is None:
            return None
        found = _gap_of(archive, log, named)
        if found is not None:
            gap, number = found
            return Missing(opening.writer, gap, log.ref, number)
        named = opening.predecessor
        if named is None or named.size == 0:
            return None
        if named.log not in logs:
            return Missing(opening.writer, Gap(named.log, 0, named.size, named.head), None, STRETCH - 1)
        log = logs[named.log]
    return None


def _gap_of(archive: str, log: LogFiles, named: LogHead | None) -> tuple[Gap, int] | None:
    """The newest gap of *log*, which goes up to what is *named*; and the number of the segment for its end."""
    runs = _runs(log.segments)
    if named is not None:
        last = _last(archive, log.ref, runs[-1][-1])
        if last is not None and last.entry.seq + 1 < named.size:
            above = (runs[-1][-1] // STRETCH + 1) * STRETCH
            return Gap(log.ref.log, last.entry.seq + 1, named.size, named.head), above - 1
    for lower, upper in reversed(list(pairwise(runs))):
        last, first = _last(archive, log.ref, lower[-1]), _first(archive, log.ref, upper[0])
        if last is not None and first is not None and last.entry.seq + 1 < first.entry.seq:
            return Gap(log.ref.log, last.entry.seq + 1, first.entry.seq, first.prev), upper[0] - 1
    return None


def _runs(numbers: tuple[int, ...]) -> list[list[int]]:
    """*numbers*, ascending, where one follows the other together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] + 1 == number:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _first(archive: str, ref: LogRef, number: int) -> Sealed | None:
    fd = os.open(segment_path(archive, ref, number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _decoded(next(scan(fd), None))
    finally:
        os.close(fd)


def _last(archive: str, ref: LogRef, number: int) -> Sealed | None:
    fd = os.open(segment_path(archive, ref, number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(fd).st_size
        span = _SPAN_BYTES
        while True:
            start = 0 if span >= size else find_record(fd, size - span)
            last, is_whole = None, True
            for item in () if start is None else scan(fd, start):
                last = item if isinstance(item, Record) else last
                is_whole = is_whole and isinstance(item, Record)
            # What looks like a record may lie in the body of one, which its writer chose.
            if start == 0 or (last is not None and is_whole):
                return _decoded(last)
            span *= 4
    finally:
        os.close(fd)


def _decoded(item: object) -> Sealed | None:
    try:
        return decode_record_untrusted(item.payload) if isinstance(item, Record) else None
    except MalformedError:
        return None


def ref_of(channel: ChannelId, log: LogId, opening: OpenBody) -> LogRef:
    """A log by what its `open` says."""
    return LogRef(channel, log, opening.generation)
