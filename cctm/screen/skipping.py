"""Skipping: what a flood prints and scrolls away at once need not be shown to the emulator.

    text = [ lines of text and pens, whole ][ the last lines, twice as many as the screen has rows ]
              └─► only its last pens           └─► printed: everything that was on the screen is scrolled away by it

Exact: nothing of what is left out can be seen, nor changes what follows. The caller sees to it that no margins are
set and that no sequence is unfinished.
"""

import re
from typing import Final

LEAST: Final = 4096  # characters; fewer are printed as fast
LINE_END: Final = "\r\n"
_PEN: Final = re.compile(r"\x1b\[[0-9;:]*m")
_PARAMETERS: Final = b"0123456789;:"
_STATEFUL: Final = "\x0e\x0f\x18\x1a"
_RESETS: Final = ("\x1b[m", "\x1b[0m")


def without_scrolled_away(text: str, rows: int) -> str:
    """What of clean *text* an emulator of so many rows has to print."""
    if len(text) < LEAST:
        return text
    cut = len(text)
    for _ in range(2 * rows + 1):
        cut = text.rfind(LINE_END, 0, cut)
        if cut < 0:
            return text
    cut += len(LINE_END)
    skipped = text[:cut]
    if any(control in skipped for control in _STATEFUL):
        return text
    escapes = skipped.count("\x1b")
    if not escapes:
        return text[cut:]
    # Counted without a pattern, which would take most of the time that is saved here.
    if skipped.encode().translate(None, _PARAMETERS).count(b"\x1b[m") != escapes:
        return text
    last_reset = max(map(skipped.rfind, _RESETS))
    pens = _PEN.findall(skipped, max(last_reset, 0))
    return "".join(pens) + text[cut:]
