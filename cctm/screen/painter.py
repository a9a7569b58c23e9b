"""The painter: what one client's terminal shows, and the bytes that change it.

    picture (+ overlays) ─► frame: the client's size, cropped or letterboxed ─► what differs from what is shown ─► bytes

Painting happens on the client's alternate screen: nothing scrolls, and leaving brings back what was there.

Invariants: bytes are made from cells alone, in 7-bit form: no question, no clipboard, nothing that a program
printed as it printed it. What is painted twice costs nothing the second time.
"""

from collections.abc import Sequence
from typing import Final

from cctm.screen.dump import sgr
from cctm.screen.frame import Frame, Overlay, framed
from cctm.screen.modes import ClientModes
from cctm.screen.picture import Picture, Row

ENTER: Final = "\x1b[22;0;0t\x1b[?1049h\x1b[m\x1b(B\x0f\x1b[r\x1b[?6l\x1b[?7h\x1b[4l"
LEAVE: Final = "\x1b[m\x1b[?25h\x1b[?1049l\x1b[23;0;0t"
NO_MODES: Final = ClientModes()


class Painter:
    """One client's terminal."""

    def __init__(self, cols: int, rows: int) -> None:
        self._size = (cols, rows)
        self._entered = False
        self._shown: Frame | None = None
        self._modes = NO_MODES
        self._title: str | None = None

    def resize(self, cols: int, rows: int) -> None:
        """The client's window has another size; what it shows now is anybody's guess."""
        self._size = (cols, rows)
        self.forget()

    def forget(self) -> None:
        """The client's terminal may show anything: the next painting paints everything."""
        self._shown = None
        self._title = None

    def paint(self, picture: Picture, overlays: Sequence[Overlay] = ()) -> bytes:
        """The bytes that make the client's terminal show *picture* with *overlays* on top."""
        frame = framed(picture, self._size, overlays)
        parts: list[str] = []
        if not self._entered:
            self._entered = True
            parts.append(ENTER)
        if self._shown is None:
            parts.append("\x1b[m\x1b[H\x1b[2J")
            for number, row in enumerate(frame.lines):
                parts.append(_row(number, row))
        else:
            for number, (row, before) in enumerate(zip(frame.lines, self._shown.lines, strict=True)):
                if row is not before and row != before:
                    parts.append(_row(number, row) + "\x1b[K")
        parts.append(modes_text(self._modes, picture.modes))
        if picture.title != self._title:
            parts.append(f"\x1b]2;{picture.title}\x1b\\")
        if parts != [""] or self._shown is None or frame.cursor != self._shown.cursor:
            cursor = frame.cursor
            parts.append(f"\x1b[{cursor.row + 1};{cursor.col + 1}H\x1b[?25{'h' if cursor.visible else 'l'}")
        self._shown, self._modes, self._title = frame, picture.modes, picture.title
        return "".join(parts).encode()

    def leave(self) -> bytes:
        """The bytes that bring the client's terminal back to what it was before the first painting."""
        if not self._entered:
            return b""
        undo = modes_text(self._modes, NO_MODES)
        self._entered = False
        self._modes = NO_MODES
        self.forget()
        return (undo + LEAVE).encode()


def _row(number: int, row: Row) -> str:
    runs = "".join(sgr(run.pen) + run.text for run in row.runs)
    return f"\x1b[{number + 1}H{runs}\x1b[m"


def modes_text(before: ClientModes, after: ClientModes) -> str:
    """The sequences that change *before* into *after*."""
    if before == after:
        return ""
    parts = [f"\x1b[?{mode}l" for mode in sorted(before.private - after.private)]
    parts += [f"\x1b[?{mode}h" for mode in sorted(after.private - before.private)]
    if before.keypad != after.keypad:
        parts.append("\x1b=" if after.keypad else "\x1b>")
    if before.cursor_style != after.cursor_style:
        parts.append(f"\x1b[{after.cursor_style} q")
    if before.kitty != after.kitty:
        parts.append(f"\x1b[={after.kitty}u")
    if before.modify_keys != after.modify_keys:
        parts.append(f"\x1b[>4;{after.modify_keys}m")
    return "".join(parts)
