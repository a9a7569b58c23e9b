r"""Lines on the last row: one that is typed, one that is answered with y or n."""

from cctm.cli.columns import clip, fill, width
from cctm.cli.pages.canvas import REVERSE, SHOW_CURSOR, row_at
from cctm.cli.pages.effects import Closed, Effect, Kill, Rename
from cctm.cli.pages.keystrokes import BACKSPACE, CLEAR, ENTER, ESCAPE
from cctm.cli.pages.page import Cover, Page

# Row numbers count from the first row, whatever the program made of origin and margins.
ABSOLUTE = b"\x1b[?6l"


class RenamePrompt(Page):
    """A new name is typed."""

    cover = Cover.LAST_ROW

    def __init__(self, name: str) -> None:
        self._before = name
        self._name = name

    def draw(self, cols: int, rows: int) -> bytes:
        label = " Rename to: "
        room = max(1, cols - len(label) - 1)
        shown = self._name
        while width(shown) >= room:
            shown = shown[1:]
        column = min(cols, len(label) + width(shown) + 1)
        drawn = row_at(rows, [(fill(label + shown, cols), REVERSE)], cols)
        return ABSOLUTE + drawn + b"\x1b[%d;%dH" % (rows, column) + SHOW_CURSOR

    def take(self, key: str) -> Effect | None:
        match key:
            case _ if key == ESCAPE:
                return Closed()
            case _ if key == ENTER:
                name = self._name.strip()
                return Rename(name) if name and name != self._before else Closed()
            case _ if key == BACKSPACE:
                self._name = self._name[:-1]
            case _ if key == CLEAR:
                self._name = ""
            case _ if len(key) == 1:
                self._name += key
            case _:
                return None
        return None


class Question(Page):
    """A question that is answered with yes or no."""

    cover = Cover.LAST_ROW

    def __init__(self, text: str, yes: Effect, no: Effect) -> None:
        self._text = text
        self._yes = yes
        self._no = no

    def draw(self, cols: int, rows: int) -> bytes:
        question = clip(f" {self._text} (y/n) ", cols)
        drawn = row_at(rows, [(fill(question, cols), REVERSE)], cols)
        return ABSOLUTE + drawn + b"\x1b[%d;%dH" % (rows, min(cols, width(question) + 1)) + SHOW_CURSOR

    def take(self, key: str) -> Effect | None:
        if key in {"y", "Y"}:
            return self._yes
        return self._no if key in {"n", "N", "q", ESCAPE, ENTER} else None


def kill_question(name: str) -> Question:
    """Whether to end the terminal."""
    return Question(f"End {name}, and what runs in it?", Kill(), Closed())
