r"""Display: what was written to the user's terminal, and how to take it back.

Everything that may change the terminal's modes goes through `draw`. Then `clear` brings it back to what it was
before, whatever was drawn: a program's own bytes, the painter's, or a page of ours.
"""

from typing import Final

from cctm.cli import terminal
from cctm.cli.columns import fill
from cctm.screen.modes import Modes

ST: Final = b"\x1b\\"  # ends a sequence that was cut, and is nothing where there was none
BELL: Final = b"\a"
ALTERNATE: Final = b"\x1b[?1049h\x1b[H\x1b[2J"


class Display:
    """The user's terminal, written to."""

    def __init__(self) -> None:
        self._modes = Modes()
        self._has_line = False  # of ours, on the last row

    def draw(self, data: bytes) -> None:
        """Write *data*, which may be anything."""
        self._modes.feed(data)
        terminal.write(data)

    def clear(self) -> None:
        """Undo the modes of all that was drawn, and leave the alternate screen; no line of ours is left."""
        if self._has_line:
            self._has_line = False
            self._draw_last_row(b"\x1b[2K")
        terminal.write(ST + self._modes.undo())
        self._modes = Modes()

    def open_page(self) -> None:
        """Make room for a page of ours: the program's modes are undone, and its screen is kept if it is the primary."""
        self.clear()
        self.draw(ALTERNATE)

    def open_line(self) -> None:
        """Make the keyboard ours, and leave what is shown: keys come in their plainest form, the mouse not at all."""
        client = self._modes.client
        parts = [ST, *(b"\x1b[?%dl" % mode for mode in sorted(client.private))]
        if client.keypad:
            parts.append(b"\x1b>")
        if client.kitty:
            parts.append(b"\x1b[=0u")
        if client.modify_keys:
            parts.append(b"\x1b[>4;0m")
        self.draw(b"".join(parts))
        self._has_line = True

    def note(self, text: str) -> None:
        """Show *text* on the last row, over whatever is there; the cursor stays."""
        cols, _ = terminal.size()
        self._draw_last_row(b"\x1b[7m" + fill(f" {text}", cols).encode())
        self._has_line = True

    def _draw_last_row(self, data: bytes) -> None:
        _, rows = terminal.size()
        # The cursor is saved with its origin mode, which would make row numbers relative to the margins.
        self.draw(ST + b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0m%b\x1b[0m\x1b8" % (rows, data))

    def ask(self, question: bytes) -> None:
        """Write what the terminal answers."""
        terminal.write(ST + question)

    def bell(self) -> None:
        """Ring."""
        terminal.write(BELL)

    def end_line(self) -> None:
        """Bring the cursor to the beginning of a line: the next one, unless it is at the beginning of one."""
        cols, _ = terminal.size()
        # So many blanks end on this line only if they began at its first column.
        terminal.write(b" " * cols + b"\r\x1b[J")
