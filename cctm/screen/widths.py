"""How many columns a character takes: as the emulator has it, so that cells and their readers agree."""

from typing import Final

MAX_KNOWN: Final = 65536

try:
    from avt import Vt
except ImportError:  # no wheel for this machine
    from wcwidth import wcwidth

    def _asked(char: str) -> int:
        return 2 if wcwidth(char) == 2 else 1
else:

    def _asked(char: str) -> int:
        vt = Vt(4, 1, 0)
        vt.feed_str(char)
        return max(1, vt.cursor.col)


_known: dict[str, int] = {}


def width_of(char: str) -> int:
    """1 or 2."""
    if char.isascii():
        return 1
    width = _known.get(char)
    if width is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        width = _known[char] = _asked(char)
    return width
