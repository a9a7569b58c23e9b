"""Verifying a terminal: is everything there, in place, and by whom it should be?

    each log       place, chain, signature, opens, events fit      walk, opening
    between logs   predecessor claims, generations, clones         `open` of the successor
    then and now   highest (size, head) that was known             checkpoints in the catalogue
    the stream     offsets go on, overlaps agree                   fold

**Invariants**

- Every fault is a `Finding` that names its place; no fault ends the verification.
- Nothing is written.
- One signature vouches for a batch; single entries are checked only to find out which is wrong.

*Not* found: that the newest entries were cut off, if the catalogue was set back together with the files and
nobody else has a copy.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cctm.protocol.entry import OpenBody
from cctm.protocol.events import LogHead
from cctm.protocol.keys import ZERO, ChannelId, Digest, LogId, channel_id

from .files import LogFiles, list_files
from .finding import Fault, Finding, Spot
from .fold import Conflict, Hole, OutputFolder, Piece
from .kept import Kept
from .opening import OpenedEntry, Opener
from .reader import Archive
from .segment import LogRef, SegmentName
from .walk import Start, Verified, Walk, read_opening

_WRITING_S = 0.05  # longer than a writer needs for one record


@dataclass(frozen=True, slots=True)
class Report:
    """What verifying a channel came to. *bytes*: of the records read."""

    channel: ChannelId
    findings: tuple[Finding, ...]
    logs: int
    entries: int
    bytes: int
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found that a crash or an honest user does not explain."""
        return all(finding.is_note for finding in self.findings)


@dataclass(slots=True)
class _Log:
    """What was found of one log. *hashes*: at the sizes that somebody claims."""

    ref: LogRef
    size: int = 0
    head: Digest = ZERO
    opening: OpenBody | None = None
    is_hosts: bool = False
    hashes: dict[int, Digest] = field(default_factory=dict)


def verify_channel(
    archive: Archive,
    channel: ChannelId,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
    pause: Callable[[], None] = lambda: time.sleep(_WRITING_S),
) -> Report:
    """Verify all that is kept of *channel*.

    Args:
        on_progress: called with the bytes read since it was last called.
        pause: lets a writer finish the record that is being written.
    Raises:
        OSError: of reading.
    """
    began = time.monotonic()
    verification = _Verification(archive, channel, on_progress, pause)
    verification.run()
    return Report(
        channel,
        tuple(verification.findings),
        len(verification.logs),
        verification.entries,
        verification.bytes,
        time.monotonic() - began,
    )


class _Verification:
    def __init__(
        self,
        archive: Archive,
        channel: ChannelId,
        on_progress: Callable[[int], None],
        pause: Callable[[], None],
    ) -> None:
        self.findings: list[Finding] = []
        self.logs: dict[LogId, _Log] = {}
        self.entries = 0
        self.bytes = 0
        self._archive = archive
        self._channel = channel
        self._on_progress = on_progress
        self._pause = pause
        self._files = list_files(archive.directory, channel)
        self._remembered = archive.remembered(channel)
        self._opener = Opener(channel, archive.device, self._remembered.secrets)
        self._folder = OutputFolder(kept=self._remembered.kept)
        self._claimed: dict[LogId, set[int]] = {}
        self._last_spot: Spot | None = None

    def run(self) -> None:
        for name in self._files.strangers:
            self.findings.append(Finding(Fault.STRANGER, file=f"{self._channel.hex()}/{name}"))
        self._note_claims()
        for files in self._files.logs:
            self._read(files)
        self._judge_pieces(list(self._folder.finish()))
        for log in self.logs.values():
            self._judge_predecessor(log)
        self._judge_generations()
        self._judge_remembered()

    def _note_claims(self) -> None:
        """At which sizes the logs' hashes will be asked for."""
        openings = (read_opening(self._archive.directory, files) for files in self._files.logs)
        claims = [opening.predecessor for opening in openings if opening is not None and opening.predecessor]
        claims += [LogHead(known.ref.log, known.size, known.head) for known in self._remembered.checkpoints]
        for claim in claims:
            self._claimed.setdefault(claim.log, set()).add(claim.size)

    # -- each log

    def _read(self, files: LogFiles) -> None:
        log = self.logs[files.ref.log] = _Log(files.ref)
        writer = self._archive.writer_of(files, self._remembered)
        walk = Walk(self._archive.directory, files, writer=writer, kept=self._remembered.kept)
        torn = self._follow(log, walk)
        if torn is not None:
            # Perhaps it is being written at this moment. Then it will be whole, or another will be begun.
            self._pause()
            start = Start(walk.segment, walk.position, walk.size, walk.head)
            again = Walk(
                self._archive.directory, files, writer=walk.writer, start=start, kept=self._remembered.kept
            )
            still_torn = self._follow(log, again)
            if still_torn is not None and again.position == walk.position:
                self.findings.append(still_torn)
            walk = again
        log.size, log.head = walk.size, walk.head
        log.is_hosts = walk.writer is not None and channel_id(walk.writer) == self._channel

    def _follow(self, log: _Log, walk: Walk) -> Finding | None:
        """Take in what *walk* finds; hand back what it finds torn."""
        torn = None
        claimed = self._claimed.get(log.ref.log, set())
        for step in walk.steps():
            if isinstance(step, Finding):
                if step.fault is Fault.TORN:
                    torn = step
                else:
                    self.findings.append(step)
                continue
            size = step.sealed.entry.seq + 1
            if size in claimed:
                log.hashes[size] = step.hash
            self._open(step, walk)
        log.opening = walk.opening or log.opening
        return torn

    def _open(self, step: Verified, walk: Walk) -> None:
        assert walk.writer is not None  # nothing is verified without
        self.entries += 1
        length = step.spot.end - step.spot.start
        self.bytes += length
        self._last_spot = step.spot
        entry = self._opener.open(step, walk.writer)
        if isinstance(entry, OpenedEntry):
            for event in entry.events:
                self._judge_pieces(list(self._folder.fold(event)))
        else:
            self.findings.append(entry)
        self._on_progress(length)

    def _judge_pieces(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Hole(offset=offset, length=length, declared=False):
                    detail = f"{length} bytes are missing at offset {offset}"
                    self.findings.append(Finding(Fault.OFFSET, self._last_spot, detail=detail))
                case Conflict(offset=offset, length=length):
                    detail = f"{length} bytes at offset {offset} differ from what came first"
                    self.findings.append(Finding(Fault.OFFSET, self._last_spot, detail=detail))
                case _:
                    continue

    # -- between logs

    def _judge_predecessor(self, log: _Log) -> None:
        earlier = [
            other
            for other in self.logs.values()
            if other.is_hosts and other.size and other.ref.generation < log.ref.generation
        ]
        if not log.is_hosts or log.opening is None:
            return
        claim = log.opening.predecessor
        if claim is None and not earlier:
            return
        is_whole = self._remembered.kept is Kept.ALL
        newest = max((other.ref.generation for other in earlier), default=0)
        file = _file(log.ref)
        if claim is None:
            self.findings.append(Finding(Fault.PREDECESSOR, file=file, detail="none"))
            return
        named = self.logs.get(claim.log)
        if named is None and not is_whole:
            return  # it was never fetched
        if named is None:
            detail = f"{claim.log.hex()[:8]}, the predecessor of {log.ref.log.hex()[:8]}"
            self.findings.append(Finding(Fault.LOG_MISSING, file=file, detail=detail))
        elif named.ref.generation != newest and is_whole:
            detail = f"generation {named.ref.generation}, not {newest}"
            self.findings.append(Finding(Fault.PREDECESSOR, file=file, detail=detail))
        else:
            self._judge_claim(named, claim, "its successor began there", kept=self._remembered.kept)

    def _judge_claim(self, log: _Log, claim: LogHead, by: str, *, kept: Kept = Kept.ALL) -> None:
        file = _file(log.ref)
        detail = f"{claim.size} entries, {by}; {log.size} are here"
        if log.size < claim.size and kept is Kept.FOLLOWED:
            return  # the rest was never fetched
        if log.size < claim.size:
            fault = Fault.RECOVERED if self._went_on_from(log) else Fault.ROLLED_BACK
            self.findings.append(Finding(fault, file=file, seq=log.size, detail=detail))
        elif log.hashes.get(claim.size, claim.head) != claim.head:
            self.findings.append(Finding(Fault.FORKED, file=file, seq=claim.size - 1, detail=detail))

    def _went_on_from(self, log: _Log) -> bool:
        """Whether a later generation names *log* as it is found."""
        found = LogHead(log.ref.log, log.size, log.head)
        openings = (other.opening for other in self.logs.values())
        return any(opening is not None and opening.predecessor == found for opening in openings)

    def _judge_generations(self) -> None:
        seen: dict[int, _Log] = {}
        for log in self.logs.values():
            if log.is_hosts and log.size and seen.setdefault(log.ref.generation, log) is not log:
                detail = f"generation {log.ref.generation}"
                self.findings.append(Finding(Fault.CLONED, file=_file(log.ref), detail=detail))

    # -- then and now

    def _judge_remembered(self) -> None:
        for known in self._remembered.checkpoints:
            log = self.logs.get(known.ref.log)
            if log is None:
                detail = f"{known.size} entries were known"
                self.findings.append(Finding(Fault.LOG_MISSING, file=_file(known.ref), detail=detail))
            else:
                self._judge_claim(log, LogHead(known.ref.log, known.size, known.head), "the catalogue knew")


def _file(ref: LogRef) -> str:
    """The first file of a log, beneath the archive."""
    return f"{ref.channel.hex()}/{SegmentName(ref.generation, ref.log, 1)}"
