"""Columns that stand below each other, counted in cells of a terminal: 界 takes two, a combining accent none."""

from collections.abc import Sequence

GAP = "  "


def cells(text: str) -> int:
    """How many cells *text*, which is printable, takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # its tables take a third of the time of a quick command

    return max(0, wcswidth(text))


def cut(text: str, most: int) -> str:
    """*text* in at most *most* cells; what is left out is an ellipsis."""
    if cells(text) <= most:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits beside the ellipsis
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cells(text[:middle]) < most else (low, middle - 1)
    return text[:low].rstrip() + "…" if most > 0 else ""


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Each line with its cells below those of the others; the last column as it is."""
    widths = [max(map(cells, column)) for column in zip(*(line[:-1] for line in lines), strict=True)]
    return [
        GAP.join(
            [
                *(cell + " " * (width - cells(cell)) for cell, width in zip(line, widths, strict=False)),
                line[-1],
            ]
        ).rstrip()
        for line in lines
    ]
