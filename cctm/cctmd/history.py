"""What a client is shown of the past when it attaches RAW: the end of the output, answering nothing.

The painter will paint the screen instead; until a screen is folded, the output itself is the best picture of it.
"""

from typing import Final

from cctm.cctmd.recent import Recent
from cctm.screen.modes import Modes
from cctm.screen.queries import without_queries

MAX_HISTORY_BYTES: Final = 256 * 1024


def shown_history(recent: Recent, size: int) -> tuple[bytes, bool]:
    """The last *size* bytes of output from the beginning of a line, and whether the alternate screen is shown.

    On the alternate screen nothing of the past is shown: the program is asked to repaint.
    """
    kept = recent.read(recent.base, recent.end - recent.base)
    modes = Modes()
    modes.feed(kept)
    if modes.alternate:
        return modes.restore() + b"\x1b[H\x1b[2J", True
    start = max(0, len(kept) - min(size, MAX_HISTORY_BYTES))
    if start or recent.base:
        start = kept.find(b"\n", start) + 1
    shown = without_queries(kept[start:])
    return shown, False
