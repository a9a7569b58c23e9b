r"""Record: what a terminal printed, as lines, from any place in it, without reading what is before.

    log 1 ── segments ── …  │ block 2 │ block 1 │ block 0 ◄ the end when it was opened
                               └─ some 8 KiB of sealed records; found from the end backwards, opened when asked for

A block's lines are those that begin in it; the last one ends in the blocks behind it. Whether a block begins on the
alternate screen, which leaves no lines, is looked for before it, and not for ever.

Invariants: a few blocks are in memory, however long the record. Output that a later log repeats is taken from that
one. Lines hold nothing that could steer a terminal.
"""

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple, Protocol

from cctm.archive.files import LogFiles, segment_path
from cctm.archive.finding import Finding
from cctm.archive.opening import OpenedEntry, Opener
from cctm.archive.reader import Archive
from cctm.archive.segment import find_record
from cctm.archive.walk import Start, Walk
from cctm.cli import words
from cctm.home import Home
from cctm.protocol.events import Gap, Keyframe, Opened, Output
from cctm.protocol.keys import ChannelId, StreamId
from cctm.screen.text import TextLines

BLOCK_BYTES: Final = 8 * 1024  # what compresses best comes to 2 MiB then
BATCH_ENTRIES: Final = 8  # verified at once: one signature each time, and few behind the block in vain
KEPT_BLOCKS: Final = 4
LOOK_BACK_BYTES: Final = 2 * 1024 * 1024  # of output, for whether the alternate screen is shown
SWITCH_BYTES: Final = 8
LINE_END_BYTES: Final = 256 * 1024  # of a line that goes on behind its block
FIRST_ENTRIES: Final = 8  # of a log: what says where its output begins is among them
MISSING: Final = b"\r\n[not recorded]\r\n"

_SWITCH: Final = re.compile(rb"\x1b\[\?(?:47|1047|1049)([hl])")

_LINE_OR_SWITCH: Final = re.compile(rb"\n|" + _SWITCH.pattern)


class Lines(Protocol):
    """Lines in blocks. Block 0 is the last; within a block the oldest line comes first."""

    def lines(self, block: int) -> tuple[str, ...] | None:
        """The lines that begin in *block*; None: the record begins behind it."""

    def oldest(self) -> int:
        """The number of the block with which the record begins."""

    def part(self, block: int) -> float:
        """How much of the record lies before *block*, from 0 to 1."""

    def extend(self) -> int:
        """Take in what was fetched since of what lies before. The number of the first block that is another now."""


class _Block(NamedTuple):
    log: int
    segment: int
    start: int
    end: int
    behind: int  # bytes of records between its end and the end of the record


class Record:
    """One terminal's record, as it was when this was made."""

    def __init__(self, archive: Archive, channel: ChannelId) -> None:
        self._archive = archive
        self._channel = channel
        self._logs: list[LogFiles] = list(archive.logs(channel))
        self._sizes = {
            (index, number): os.stat(segment_path(archive.directory, log.ref, number)).st_size
            for index, log in enumerate(self._logs)
            for number in log.segments
        }
        self._remembered = archive.remembered(channel)
        self._opener = Opener(channel, archive.device, self._remembered.secrets)
        self._first = [self._first_output(log) for log in self._logs]
        self._blocks: list[_Block] = []
        self._is_whole = not self._sizes
        self.output = lru_cache(KEPT_BLOCKS)(self._output)
        self.lines = lru_cache(KEPT_BLOCKS)(self._lines)
        self._begins_alternate: dict[int, bool] = {}

    @classmethod
    def open(cls, home: Home, channel: bytes) -> "Record":
        """The record of *channel*.

        Raises:
            HomeError: the device's key cannot be used.
        """
        return cls(Archive(home), ChannelId(channel))

    def extend(self) -> int:
        """Take in what was fetched since of what lies before. The number of the first block that is another now."""
        olds = {(self._logs[index].ref, number): size for (index, number), size in self._sizes.items()}
        newest = max(self._sizes, default=None)
        end = None if newest is None else (self._logs[newest[0]].ref, newest[1])
        before, firsts = self._logs, dict(zip((log.ref for log in self._logs), self._first, strict=True))
        self._logs = list(self._archive.logs(self._channel))
        places = {log.ref: index for index, log in enumerate(self._logs)}
        fresh: list[tuple[int, int]] = []
        self._sizes = {}
        for index, log in enumerate(self._logs):
            for number in log.segments:
                if (log.ref, number) in olds:
                    self._sizes[index, number] = olds[log.ref, number]
                elif end is not None and (index, number) < (places.get(end[0], -1), end[1]):
                    path = segment_path(self._archive.directory, log.ref, number)
                    self._sizes[index, number] = os.stat(path).st_size
                    fresh.append((index, number))
        changed = {index for index, _ in fresh}
        self._first = [
            firsts[log.ref] if log.ref in firsts and index not in changed else self._first_output(log)
            for index, log in enumerate(self._logs)
        ]
        blocks = [block._replace(log=places[before[block.log].ref]) for block in self._blocks]
        self._blocks = [block for block in blocks if not fresh or (block.log, block.segment) > max(fresh)]
        self._is_whole = self._is_whole and not fresh
        self.output.cache_clear()
        self.lines.cache_clear()
        self._begins_alternate.clear()
        return len(self._blocks)

    # --- which blocks there are

    def oldest(self) -> int:
        while not self._is_whole:
            self._find_next()
        return len(self._blocks) - 1

    def part(self, block: int) -> float:
        whole = sum(self._sizes.values())
        if not whole or not self._has(block):
            return 0.0
        found = self._blocks[block]
        return 1 - (found.behind + found.end - found.start) / whole

    def _has(self, block: int) -> bool:
        while len(self._blocks) <= block and not self._is_whole:
            self._find_next()
        return block < len(self._blocks)

    def _find_next(self) -> None:
        """Find the block before those that are known."""
        if self._blocks and self._blocks[-1].start:
            log, segment, end, _, _ = self._blocks[-1]
            end = self._blocks[-1].start
        else:
            older = [key for key in self._sizes if not self._blocks or key < self._blocks[-1][:2]]
            if not older:
                self._is_whole = True
                return
            log, segment = max(older)
            end = self._sizes[log, segment]
        start = self._beginning_before(log, segment, end)
        behind = (
            self._blocks[-1].behind + self._blocks[-1].end - self._blocks[-1].start if self._blocks else 0
        )
        self._blocks.append(_Block(log, segment, start, end, behind))

    def _beginning_before(self, log: int, segment: int, end: int) -> int:
        path = segment_path(self._archive.directory, self._logs[log].ref, segment)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            span = BLOCK_BYTES
            while span < end:
                found = find_record(fd, end - span, end)
                if found is not None:
                    return found
                span *= 4
            return 0
        finally:
            os.close(fd)

    # --- what they print

    def _first_output(self, log: LogFiles) -> tuple[StreamId | None, int]:
        """The stream of *log*, and where its output begins. On the way the opener learns the log's keys."""
        stream: StreamId | None = None
        offset = 0
        walk = self._walk(log, None, FIRST_ENTRIES)
        for entry in islice(self._archive.log_entries(walk, self._opener), FIRST_ENTRIES):
            for event in () if isinstance(entry, Finding) else entry.events:
                match event:
                    case Opened():
                        stream, offset = event.stream, 0
                    case Keyframe() if event.stream is not None:
                        stream, offset = event.stream, event.offset
                    case Output():
                        return stream, event.offset
                    case _:
                        continue
        return stream, offset

    def _walk(self, log: LogFiles, start: Start | None, batch_entries: int) -> Walk:
        writer = self._archive.writer_of(log, self._remembered)
        return Walk(self._archive.directory, log, writer=writer, start=start, batch_entries=batch_entries)

    def _output(self, block: int) -> bytes | None:
        """What was printed in *block*; None if there is no such block."""
        return b"".join(self._pieces(self._blocks[block])) if self._has(block) else None

    def _pieces(self, block: _Block) -> Iterator[bytes]:
        log = self._logs[block.log]
        stream, end = self._first[block.log][0], -1
        # Where nothing says which stream it is, its beginning was not fetched, and it is the one that goes on.
        later = [offset for other, offset in self._first[block.log + 1 :] if stream in {None, other}]
        limit = min(later, default=None)
        walk = self._walk(log, Start(block.segment, block.start, 0, None), BATCH_ENTRIES)
        for entry in self._archive.log_entries(walk, self._opener):
            spot = entry.spot
            if spot is not None and (spot.segment != block.segment or spot.start >= block.end):
                return
            if not isinstance(entry, OpenedEntry):
                continue
            for event in entry.events:
                match event:
                    case Output(offset=offset, data=data):
                        data = data if limit is None else data[: max(0, limit - offset)]
                        yield data[max(0, end - offset) :] if end >= 0 else data
                        end = max(end, offset + len(data))
                    case Gap():
                        yield MISSING
                    case _:
                        continue

    # --- which lines that makes

    def _lines(self, block: int) -> tuple[str, ...] | None:
        output = self.output(block)
        if output is None:
            return None
        text = TextLines()
        begins_alternate = self._is_alternate_before(block)
        if begins_alternate:
            list(text.feed(b"\x1b[?1049h"))
        elif self._has(block + 1):
            begins = _LINE_OR_SWITCH.search(output)
            if begins is None:
                return ()
            output = output[begins.end() if begins[0] == b"\n" else begins.start() :]
        found = [*text.feed(output), *text.feed(self._line_end(block - 1))]
        found += text.finish()
        return tuple(map(words.printable, found))

    def _line_end(self, block: int) -> bytes:
        """What of *block*, and of those behind it, belongs to a line that began before."""
        parts: list[bytes] = []
        while block >= 0 and sum(map(len, parts)) < LINE_END_BYTES:
            output = self.output(block) or b""
            end = output.find(b"\n")
            if end >= 0:
                return b"".join([*parts, output[:end]])
            parts.append(output)
            block -= 1
        return b"".join(parts)

    def _is_alternate_before(self, block: int) -> bool:
        """Whether *block* begins on the alternate screen, as far as that can be told."""
        state = False
        asked = []
        seen = 0
        while seen < LOOK_BACK_BYTES:
            if block in self._begins_alternate:
                state = self._begins_alternate[block]
                break
            asked.append(block)
            behind = (self.output(block) or b"")[: SWITCH_BYTES - 1]
            block += 1
            before = self.output(block)
            # One that is cut belongs to where it begins.
            switches = _SWITCH.findall((before or b"") + behind)
            if switches or before is None:
                state = switches[-1:] == [b"h"]
                break
            seen += len(before)
        # All that were asked lie behind the switch, with none between.
        self._begins_alternate.update(dict.fromkeys(asked, state))
        return state
