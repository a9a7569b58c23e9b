r"""Modes: what a program switched on in the terminal, from its output; and how to bring a terminal back.

Kept: DEC private modes (CSI ? n h/l), keypad (ESC = / ESC >), cursor style (CSI n SP q), margins (CSI t ; b
r), kitty keyboard flags (CSI > n u / CSI < n u / CSI = n u), modifyOtherKeys (CSI > 4 ; n m), full and soft
reset (ESC c, CSI ! p).

Invariants: any bytes are taken. A sequence that is cut by the end of a piece of input is understood with the
next piece; at most CARRY bytes are kept for that, and modes up to MAX_MODE: a program cannot make this grow.
"""

import re
from typing import Final

CARRY: Final = 64
MAX_MODE: Final = 9999

CURSOR_VISIBLE: Final = 25
ON_BY_DEFAULT: Final = frozenset({7, CURSOR_VISIBLE})
# DECCOLM clears the screen whichever way it is set; synchronized output ends by itself.
NOT_TOUCHED: Final = frozenset({3, 2026})
ALTERNATE: Final = frozenset({47, 1047, 1049})
# Application cursor keys, origin, wrapping, cursor: a soft reset leaves mouse, paste and alternate screen alone.
SOFTLY_RESET: Final = frozenset({1, 6, 7, CURSOR_VISIBLE})

_SEQUENCE: Final = re.compile(
    rb"\x1b(?:\[\?([0-9;]{1,32})([hl])|([=>c])|\[([0-6]?) q|\[([0-9;]{0,16})r|\[([><=])([0-9;]{0,16})([um])|(\[!p))"
)
_UNFINISHED: Final = re.compile(rb"\x1b(?:\[[?!><=]?[0-9;]{0,32} ?)?\Z")


class Modes:
    """The modes after some output."""

    def __init__(self) -> None:
        self._carry = b""
        self._reset()

    def _reset(self) -> None:
        self.private: dict[int, bool] = {}
        self.keypad = False
        self.cursor_style = b""
        self.margins = False
        self.kitty_depth = 0
        self.kitty_flags = False
        self.modify_keys = False

    def feed(self, data: bytes) -> None:
        """Follow the next piece of output."""
        if self._carry:
            data = self._carry + data
            self._carry = b""
        for match in _SEQUENCE.finditer(data):
            self._apply(match)
        tail = data.rfind(b"\x1b", -CARRY)
        if tail >= 0 and _UNFINISHED.match(data, tail):
            self._carry = data[tail:]

    def _apply(self, match: re.Match[bytes]) -> None:
        modes, on, escape, style, margins, kitty, number, final, soft_reset = match.groups()
        if modes is not None:
            for mode in modes.split(b";"):
                if mode and int(mode) <= MAX_MODE:
                    self.private[int(mode)] = on == b"h"
        elif escape is not None:
            if escape == b"c":
                self._reset()
            else:
                self.keypad = escape == b"="
        elif style is not None:
            self.cursor_style = style
        elif margins is not None:
            self.margins = margins != b""
        elif soft_reset is not None:
            self.private = {mode: on for mode, on in self.private.items() if mode not in SOFTLY_RESET}
            self.keypad = self.margins = False
        elif final == b"u":
            self._apply_kitty(kitty, int(number.partition(b";")[0] or b"0"))
        elif kitty == b">" and number.startswith(b"4"):
            self.modify_keys = number not in {b"4", b"4;0"}

    def _apply_kitty(self, action: bytes, number: int) -> None:
        if action == b"=":
            self.kitty_flags = number != 0
        else:
            step = 1 if action == b">" else -max(1, number)
            self.kitty_depth = min(max(0, self.kitty_depth + step), 99)

    @property
    def alternate(self) -> bool:
        """Whether the program shows the alternate screen."""
        return any(self.private.get(mode, False) for mode in ALTERNATE)

    def _changed(self) -> list[tuple[int, bool]]:
        return [
            (mode, on)
            for mode, on in sorted(self.private.items())
            if on != (mode in ON_BY_DEFAULT) and mode not in NOT_TOUCHED
        ]

    def restore(self) -> bytes:
        """Bring a terminal in its default state into these modes."""
        parts = [b"\x1b[?%dh" % mode if on else b"\x1b[?%dl" % mode for mode, on in self._changed()]
        if self.keypad:
            parts.append(b"\x1b=")
        if self.cursor_style not in {b"", b"0"}:
            parts.append(b"\x1b[%s q" % self.cursor_style)
        return b"".join(parts)

    def undo(self) -> bytes:
        """Bring a terminal in these modes back to its default state; the alternate screen is left last."""
        parts = [b"\x1b[0m\x1b(B\x0f"]
        if self.kitty_depth:
            parts.append(b"\x1b[<%du" % self.kitty_depth)
        if self.kitty_flags:
            parts.append(b"\x1b[=0u")
        if self.modify_keys:
            parts.append(b"\x1b[>4;0m")
        if self.margins:
            parts.append(b"\x1b7\x1b[r\x1b8")
        if self.keypad:
            parts.append(b"\x1b>")
        if self.cursor_style not in {b"", b"0"}:
            parts.append(b"\x1b[0 q")
        changed = self._changed()
        parts += [
            b"\x1b[?%dl" % mode if on else b"\x1b[?%dh" % mode
            for mode, on in changed
            if mode not in ALTERNATE
        ]
        parts += [b"\x1b[?%dl" % mode for mode, on in changed if mode in ALTERNATE]
        return b"".join(parts)
