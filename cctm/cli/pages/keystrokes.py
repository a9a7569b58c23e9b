"""Keystrokes: the names of keys that a terminal in its default modes sends.

A printable character is its own name. Sequences come whole (the prefix keys hold back what is not); one that is not
known has no name, and is passed over.
"""

import codecs
import re
from typing import Final

ESCAPE: Final = "escape"
ENTER: Final = "enter"
BACKSPACE: Final = "backspace"
CLEAR: Final = "clear"

_CONTROLS: Final = {
    "\r": ENTER,
    "\n": ENTER,
    "\x1b": ESCAPE,
    "\x03": ESCAPE,  # Ctrl+C leaves what it was pressed in
    "\x07": ESCAPE,
    "\x08": BACKSPACE,
    "\x7f": BACKSPACE,
    "\x15": CLEAR,
    "\x10": "up",
    "\x0e": "down",
    "\x04": "half down",
    "\x06": "page down",
    "\x16": "page down",
}
_FINALS: Final = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "H": "home",
    "F": "end",
    "M": ENTER,
}
_PRIVATE: Final = frozenset("<=>?")  # the mouse, answers
_NUMBERS: Final = {"1": "home", "7": "home", "4": "end", "8": "end", "5": "page up", "6": "page down"}
_TOKEN: Final = re.compile(
    r"\x1b\[(?P<numbers>[0-?]*)[ -/]*(?P<final>[@-~])|\x1bO(?P<single>[@-~])|\x1b(?P<alt>[^\x1b\[O])|(?P<one>.)",
    re.DOTALL,
)


class Keystrokes:
    """Names the keys in what was typed."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("ignore").decode

    def receive(self, data: bytes) -> list[str]:
        """The keys in *data*, in order."""
        return [name for match in _TOKEN.finditer(self._decode(data)) if (name := _name(match))]


def _name(match: re.Match[str]) -> str:
    if match["final"] == "~":
        return _NUMBERS.get(match["numbers"].partition(";")[0], "")
    if match["final"] is not None:
        return "" if match["numbers"][:1] in _PRIVATE else _FINALS.get(match["final"], "")
    if match["single"] is not None:
        return _FINALS.get(match["single"], "")
    if match["one"] is not None:
        one = match["one"]
        return one if one.isprintable() else _CONTROLS.get(one, "")
    return ""
