"""What the catalogue knows to have been stored and the files do not have: an end that was cut off, a log that is gone.

What a checkpoint speaks of survived a sync (SPEC.md §6.8): unlike a torn tail, no crash explains that it is missing.
"""

from collections.abc import Iterable, Iterator, Mapping

from cctm.protocol.events import LogHead
from cctm.protocol.keys import LogId

from .catalogue import Checkpoint
from .finding import Fault, Finding
from .fold import Hole, OutputFolder
from .segment import SegmentName
from .walk import Walk


def lacking_entries(checkpoints: Iterable[Checkpoint], walks: Mapping[LogId, Walk]) -> Iterator[Finding]:
    """What the logs lack, as far as *walks* came."""
    continued = {walk.opening.predecessor for walk in walks.values() if walk.opening is not None}
    for known in checkpoints:
        file = f"{known.ref.channel.hex()}/{SegmentName(known.ref.generation, known.ref.log, 1)}"
        walk = walks.get(known.ref.log)
        if walk is None:
            yield Finding(Fault.LOG_MISSING, file=file, detail=f"{known.size} entries were known")
        elif walk.size < known.size:
            is_continued = LogHead(known.ref.log, walk.size, walk.head) in continued
            fault = Fault.RECOVERED if is_continued else Fault.ROLLED_BACK
            detail = f"{known.size} entries were known; {walk.size} are here"
            yield Finding(fault, file=file, seq=walk.size, detail=detail)


def lacking_output(checkpoints: Iterable[Checkpoint], folder: OutputFolder) -> Iterator[Hole]:
    """What *folder*, which was given all that there is, lacks of the newest stream's end."""
    streams = [(known.stream, known.stream_offset) for known in checkpoints if known.stream is not None]
    for stream, known_end in streams[-1:]:
        end = folder.end_of(stream)
        if end is not None and end < known_end:
            yield Hole(stream, end, known_end - end, declared=False)
