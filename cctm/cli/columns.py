"""Columns: how wide text is on a terminal, and text made to fit.

All that is shown of a program, a name or a record passes through here: nothing that could steer a terminal is left.
"""

from functools import lru_cache

from cctm.cli import words


@lru_cache(4096)
def width_of(letter: str) -> int:
    """How many columns *letter*, which is printable, takes: 0 for a mark on the letter before, 1 or 2."""
    if letter < "\u0300":
        return 1
    from wcwidth import wcwidth  # its tables take a third of the time of a quick command

    return max(0, wcwidth(letter))


def width(text: str) -> int:
    """How many columns *text* takes."""
    return len(text) if text.isascii() else sum(map(width_of, text))


def clip(text: str, cols: int) -> str:
    """As much of *text* as *cols* columns hold, made safe."""
    text = words.printable(text)
    if text.isascii():
        return text[: max(0, cols)]
    taken = 0
    for at, letter in enumerate(text):
        taken += width_of(letter)
        if taken > cols:
            return text[:at]
    return text


def fill(text: str, cols: int) -> str:
    """*text* in exactly *cols* columns."""
    clipped = clip(text, cols)
    return clipped + " " * max(0, cols - width(clipped))


def rows_of(text: str, cols: int) -> list[int]:
    """Where the rows of *text*, shown *cols* columns wide, begin; one at least."""
    if text.isascii():
        return list(range(0, max(1, len(text)), cols))
    starts = [0]
    taken = 0
    for at, letter in enumerate(text):
        wide = width_of(letter)
        if taken + wide > cols and at > starts[-1]:
            starts.append(at)
            taken = 0
        taken += wide
    return starts
