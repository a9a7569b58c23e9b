"""The title of a terminal: OSC 0 and 2, and the stack of titles (CSI 22 t, CSI 23 t).

Invariants: a title holds no control characters and is at most MAX_TITLE long; the stack is at most MAX_DEPTH deep.
"""

import re
from typing import Final

MAX_TITLE: Final = 1024
MAX_DEPTH: Final = 10
MAX_DIGITS: Final = 9

# A terminal executes C0 characters inside a sequence, and goes on.
_C0: Final = "[\x00-\x17\x19\x1c-\x1f]*"
_SEQUENCE: Final = re.compile(
    rf"\x1b{_C0}(?:\]{_C0}([0-9]+){_C0};([^\x07\x18\x1a\x1b]*)(?:\x07|\x1b\\)|\[([0-9;\x00-\x17\x19\x1c-\x1f]+)t|(c))"
)
# C0, DEL, C1; line and paragraph separators, embeddings, overrides, isolates, marks of direction: they would reorder
# what is printed around a title.
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def without_controls(text: str) -> str:
    """*text* as it may be shown to anybody."""
    return _UNFIT.sub("", text)


class Title:
    """The title after some output, given in whole sequences."""

    def __init__(self) -> None:
        self.text = ""
        self.stack: list[str] = []

    def feed(self, text: str) -> None:
        """Follow the next whole sequences."""
        for match in _SEQUENCE.finditer(text):
            kind, title, operation, reset = match.groups()
            if kind is not None:
                if int(kind[-MAX_DIGITS:]) in {0, 2}:
                    self.text = without_controls(title[:MAX_TITLE])
            elif reset is not None:
                self.text = ""
                self.stack.clear()
            else:
                self._operate(without_controls(operation).split(";"))

    def _operate(self, operation: list[str]) -> None:
        what = [int(number[-MAX_DIGITS:] or "0") for number in operation]
        if what[1:2] == [1]:  # the icon's title alone
            return
        if what[0] == 22:
            self.stack.append(self.text)
            del self.stack[:-MAX_DEPTH]
        elif what[0] == 23 and self.stack:
            self.text = self.stack.pop()

    def dump(self) -> str:
        """Bring a terminal without a title to this one."""
        pushed = "".join(f"\x1b]2;{title}\x1b\\\x1b[22;2t" for title in self.stack)
        return pushed + (f"\x1b]2;{self.text}\x1b\\" if self.text or self.stack else "")
