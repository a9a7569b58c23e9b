r"""Modes: what a program switched on in the terminal, from its output; and how to bring a terminal back.

Kept: DEC private modes (CSI ? n h/l), keypad (ESC = / ESC >), cursor style (CSI n SP q), margins (CSI t ; b
r), kitty keyboard flags (CSI > n u / CSI < n u / CSI = n u), modifyOtherKeys (CSI > 4 ; n m), full and soft
reset (ESC c, CSI ! p).

Invariants: any bytes are taken. A sequence that is cut by the end of a piece of input is understood with the
next piece; at most CARRY bytes are kept for that, and modes up to MAX_MODE: a program cannot make this grow.
"""

import re
from dataclasses import dataclass
from typing import Final

CARRY: Final = 64
MAX_MODE: Final = 9999

ORIGIN: Final = 6
WRAPPING: Final = 7
CURSOR_VISIBLE: Final = 25
ON_BY_DEFAULT: Final = frozenset({WRAPPING, CURSOR_VISIBLE})
# DECCOLM clears the screen whichever way it is set; 1048 saves and restores a cursor; synchronized output ends by
# itself.
NOT_TOUCHED: Final = frozenset({3, 1048, 2026})
ALTERNATE: Final = frozenset({47, 1047, 1049})
# Application cursor keys, origin, wrapping, cursor: a soft reset leaves mouse, paste and alternate screen alone.
SOFTLY_RESET: Final = frozenset({1, ORIGIN, WRAPPING, CURSOR_VISIBLE})
# Cursor keys, mouse in all its ways, focus, alternate scroll, bracketed paste: they change what a terminal sends.
CLIENT_MODES: Final = frozenset({1, 9, 66, *range(1000, 1008), 1015, 1016, 2004})
OF_CELLS: Final = frozenset({ORIGIN, WRAPPING})
MOUSE: Final = frozenset({9, 1000, 1001, 1002, 1003})
CURSOR_STYLES: Final = frozenset({b"", b"0", b"1", b"2", b"3", b"4", b"5", b"6"})
MAX_DEPTH: Final = 99
KITTY_FLAGS: Final = 0x1F

# A terminal executes C0 characters inside a sequence, and goes on.
_C0: Final = rb"\x00-\x17\x19\x1c-\x1f"
_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\x18\x1a\x1b")
_SEQUENCE: Final = re.compile(
    rb"\x1b[%b]*(?:([=>c])|\[[%b]*"
    rb"(?:\?([0-9;%b]{1,32})([hl])|([><=])([0-9;%b]{0,16})([um])|(!)p|([0-9;%b]{0,16})( q|r)))" % ((_C0,) * 5)
)
_SHOW: Final = b"\x1b[?25h"
_HIDE: Final = b"\x1b[?25l"
_Found = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
_UNFINISHED: Final = re.compile(rb"\x1b[%b]*(?:\[[%b]*[?!><=]?[0-9;%b]{0,32} ?)?\Z" % ((_C0,) * 3))
# Coloured text is most of what begins with ESC: with its numbers taken out, one look tells that nothing else is there.
_INNER: Final = b"0123456789;" + _CONTROLS
_ANY: Final = re.compile(rb"\x1b(?:[=>c]|\[[?><=!r ])")


@dataclass(frozen=True, slots=True)
class ClientModes:
    """The modes that a client's terminal has to share with the program, for they change what it sends or shows."""

    private: frozenset[int] = frozenset()
    keypad: bool = False
    cursor_style: int = 0
    kitty: int = 0
    modify_keys: int = 0


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
        self.kitty_stacks: tuple[list[int], list[int]] = ([0], [0])
        self.modify_keys = 0

    def feed(self, data: bytes) -> None:
        """Follow the next piece of output."""
        if self._carry:
            data = self._carry + data
            self._carry = b""
        if b"\x1b" not in data:
            return
        self._follow(data)
        tail = data.rfind(b"\x1b", -CARRY)
        if tail >= 0 and _UNFINISHED.match(data, tail):
            self._carry = data[tail:]

    def _follow(self, data: bytes) -> None:
        # What is printed most is hiding the cursor and showing it again; of that the last alone counts.
        last = max(data.rfind(_SHOW), data.rfind(_HIDE))
        blinking = data
        if last >= 0:
            data = data.replace(_SHOW, b"").replace(_HIDE, b"")
        if _ANY.search(data.translate(None, _INNER)):
            self._apply_all(_SEQUENCE.findall(blinking.translate(None, _CONTROLS)))
        elif last >= 0:
            self._set(CURSOR_VISIBLE, blinking.startswith(_SHOW, last))

    def _apply_all(self, found: list[_Found]) -> None:
        if not any(kind == b"u" for _, _, _, _, _, kind, _, _, _ in found):
            # All but kitty's stack is set, not counted: of what is said again and again only the last time matters.
            found = list(dict.fromkeys(reversed(found)))[::-1]
        for one in found:
            self._apply(*one)

    def _apply(
        self,
        escape: bytes,
        modes: bytes,
        on: bytes,
        action: bytes,
        numbers: bytes,
        kind: bytes,
        soft_reset: bytes,
        parameters: bytes,
        final: bytes,
    ) -> None:
        if modes:
            for mode in modes.split(b";"):
                if mode and int(mode) <= MAX_MODE:
                    self._set(int(mode), on == b"h")
        elif escape == b"c":
            self._reset()
        elif escape:
            self.keypad = escape == b"="
        elif final == b"r":
            self.margins = parameters != b""
        elif final:
            if parameters in CURSOR_STYLES:
                self.cursor_style = parameters
        elif soft_reset:
            self.private = {mode: on for mode, on in self.private.items() if mode not in SOFTLY_RESET}
            self.keypad = self.margins = False
        elif kind == b"u":
            self._apply_kitty(action, [int(number or b"0") for number in numbers.split(b";")])
        elif action == b">" and numbers.partition(b";")[0] == b"4":
            self.modify_keys = int(numbers.split(b";")[1] or b"0") & 0xFF if b";" in numbers else 0

    def _set(self, mode: int, on: bool) -> None:  # noqa: FBT001 - the letter of the sequence says it
        for group in (ALTERNATE, MOUSE):
            if mode in group:
                # One screen with three names; one mouse that reports in one way. The last word counts.
                for other in group & self.private.keys():
                    self.private[other] = False
        self.private[mode] = on

    def _apply_kitty(self, action: bytes, numbers: list[int]) -> None:
        stack = self.kitty_stacks[self.alternate]
        flags = numbers[0] & KITTY_FLAGS
        match action:
            case b">":
                stack.append(flags)
                del stack[1 : max(1, len(stack) - MAX_DEPTH)]
            case b"<":
                keep = max(1, len(stack) - max(1, numbers[0]))
                del stack[keep:]
            case _:
                how = numbers[1] if len(numbers) > 1 else 1
                stack[-1] = {2: stack[-1] | flags, 3: stack[-1] & ~flags}.get(how, flags)

    @property
    def client(self) -> ClientModes:
        """What a client's terminal has to share."""
        return ClientModes(
            frozenset(mode for mode in CLIENT_MODES if self.private.get(mode, False)),
            self.keypad,
            int(self.cursor_style or b"0"),
            self.kitty_stacks[self.alternate][-1],
            self.modify_keys,
        )

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

    def dump_shared(self) -> bytes:
        """Bring a terminal in its default state into the modes that have nothing to do with its cells."""
        parts = [
            b"\x1b[?%d%b" % (mode, b"h" if on else b"l")
            for mode, on in self._changed()
            if mode not in ALTERNATE | OF_CELLS
        ]
        if self.keypad:
            parts.append(b"\x1b=")
        if self.cursor_style not in {b"", b"0"}:
            parts.append(b"\x1b[%s q" % self.cursor_style)
        if self.modify_keys:
            parts.append(b"\x1b[>4;%dm" % self.modify_keys)
        return b"".join(parts)

    def dump_kitty(self, *, alternate: bool) -> bytes:
        """Bring one screen's stack of kitty keyboard flags to what it is."""
        base, *pushed = self.kitty_stacks[alternate]
        return (b"\x1b[=%du" % base if base else b"") + b"".join(b"\x1b[>%du" % flags for flags in pushed)

    def undo(self) -> bytes:
        """Bring a terminal in these modes back to its default state; the alternate screen is left last."""
        parts = [b"\x1b[0m\x1b(B\x0f"]
        parts.append(_undo_kitty(self.kitty_stacks[self.alternate]))
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
        if self.alternate:
            parts += [b"\x1b[?%dl" % mode for mode, on in changed if mode in ALTERNATE]
            parts.append(_undo_kitty(self.kitty_stacks[0]))
        return b"".join(parts)


def _undo_kitty(stack: list[int]) -> bytes:
    """Take back what a program pushed; each screen has a stack of its own."""
    pops = b"\x1b[<%du" % (len(stack) - 1) if len(stack) > 1 else b""
    return pops + (b"\x1b[=0u" if stack[0] else b"")
