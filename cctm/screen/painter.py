"""The painter: what one client's terminal shows, and the bytes that change it.

    picture ─► view ─► frame (crop, letterbox, overlays) ─► rows that differ from what is shown ─► bytes

Painting happens on the client's alternate screen: nothing scrolls, and leaving brings back what was there.

Invariants: bytes are made of cells, modes and title alone, in 7-bit form: no question, no clipboard, no window
operation but the title's stack, whatever a program printed. What is painted twice costs nothing the second time.
A character whose width terminals disagree on moves nothing but itself: the cursor is placed again behind it, and
wrapping is off but for where a row goes on in the next.
"""

from collections.abc import Sequence
from typing import Final

from cctm.screen.frame import Frame, Framer, Overlay, View, moved
from cctm.screen.modes import MOUSE, ClientModes
from cctm.screen.painting import place, row_change, soft_wrap
from cctm.screen.picture import EMPTY, Cursor, Picture

# Title and screen are put aside; kitty flags of whoever runs the client too; then everything is as after a reset.
ENTER: Final = "\x1b[22;0;0t\x1b[?1049h\x1b[>0u\x1b[m\x1b(B\x1b)B\x0f\x1b[r\x1b[?6l\x1b[4l\x1b[?7l"
LEAVE: Final = "\x1b[<1u\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l\x1b[23;0;0t"
NO_MODES: Final = ClientModes()
# Terminals that do not know synchronized output ignore it.
BEGIN: Final = "\x1b[?2026h\x1b[?25l"
END: Final = "\x1b[?2026l"


class Painter:
    """One client's terminal."""

    def __init__(self, cols: int, rows: int) -> None:
        self._size = (cols, rows)
        self._framer = Framer(self._size)
        self._view = View(0, 0)
        self._entered = False
        self._painted: tuple[Picture, tuple[Overlay, ...]] | None = None
        self._shown: Frame | None = None
        self._modes = NO_MODES
        self._title = ""

    def resize(self, cols: int, rows: int) -> None:
        """The client's window has another size; what it shows now is anybody's guess."""
        self._size = (cols, rows)
        self._framer = Framer(self._size)
        self.forget()

    def forget(self) -> None:
        """The client's terminal may show anything: the next painting paints everything."""
        self._painted = self._shown = None

    @property
    def view(self) -> View:
        """Which place of the picture the client's window shows at its top left."""
        return self._view

    def paint(self, picture: Picture, overlays: Sequence[Overlay] = ()) -> bytes:
        """The bytes that make the client's terminal show *picture* with *overlays* on top."""
        wanted = (picture, tuple(overlays))
        if self._painted == wanted:
            return b""
        self._view = moved(self._view, picture, self._size)
        frame = self._framer.frame(picture, self._view, overlays)
        before = self._shown
        parts = []
        if not self._entered:
            self._entered = True
            parts.append(ENTER)
        if before is None:
            parts.append("\x1b[m\x1b[2J")
        rows = _changes(before, frame)
        parts += rows
        parts.append(self._follow(self._client_modes(picture), picture.title))
        if rows or before is None or frame.cursor != before.cursor:
            parts.append(_cursor(frame.cursor))
        self._painted, self._shown = wanted, frame
        if len(rows) > 1:  # one row changes at once anyway; more should not be seen half done
            parts = [BEGIN, *parts, END]
        return "".join(parts).encode()

    def leave(self) -> bytes:
        """The bytes that bring the client's terminal back to what it was before the first painting."""
        if not self._entered:
            return b""
        undo = self._follow(NO_MODES, "")
        self._entered = False
        self.forget()
        return (undo + LEAVE).encode()

    def _client_modes(self, picture: Picture) -> ClientModes:
        """Where the view is moved, a place under the mouse is another place in the picture."""
        modes = picture.modes
        if self._view == (0, 0) or not modes.private & MOUSE:
            return modes
        return ClientModes(
            modes.private - MOUSE, modes.keypad, modes.cursor_style, modes.kitty, modes.modify_keys
        )

    def _follow(self, modes: ClientModes, title: str) -> str:
        text = modes_text(self._modes, modes)
        if title != self._title:
            text += f"\x1b]2;{title}\x1b\\"
        self._modes, self._title = modes, title
        return text


def _changes(before: Frame | None, after: Frame) -> list[str]:
    """What is to be printed, row by row."""
    changes = []
    lines = after.lines
    for number, row in enumerate(lines):
        old = EMPTY if before is None else before.lines[number]
        if row is old or row == old:
            continue
        change = row_change(number, old, row)
        if row.wraps and number + 1 < len(lines):
            change += soft_wrap(number, row, lines[number + 1])
        if change:
            changes.append(change)
    return changes


def _cursor(cursor: Cursor) -> str:
    return place(cursor.col, cursor.row) + ("\x1b[?25h" if cursor.visible else "\x1b[?25l")


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
