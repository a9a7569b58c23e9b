"""The dump: bytes that bring a terminal in its default state, of the same size, into a fold's state.

    [alternate screen's saved cursor] ─► primary rows, saved cursor ─► [alternate screen, rows, saved cursor]
    ─► tabs ─► title ─► modes ─► margins, origin ─► cursor, pen, charsets, insert, wrap ─► the unfinished sequence

Only 7-bit CSI, no REP; what wraps softly does so again. Raw output may follow.
"""

from cctm.screen.emulator import SavedCursor, Screen
from cctm.screen.fold import Fold
from cctm.screen.modes import ALTERNATE
from cctm.screen.picture import Row, Run


def dump(fold: Fold) -> bytes:
    """Everything: what the alternate screen hides, too."""
    screen = fold.screen()
    return _dump(fold, screen, rows_text(screen.primary) + _saved(screen.saved))


def dump_shown(fold: Fold) -> bytes:
    """What may be shown to somebody: without what the alternate screen hides."""
    screen = fold.screen()
    primary = rows_text(screen.primary) + _saved(screen.saved) if screen.alternate is None else ""
    return _dump(fold, screen, primary)


def _dump(fold: Fold, screen: Screen, primary: str) -> bytes:
    modes = fold.modes
    kitty = modes.dump_kitty(alternate=True).decode()
    alternate = kitty + _saved(screen.saved_alternate)
    parts = []
    if screen.alternate is None and alternate:
        parts.append(f"\x1b[?1047h{alternate}\x1b[?1047l")
    parts.append(modes.dump_kitty(alternate=False).decode())
    parts.append(primary)
    if screen.alternate is not None:
        number = next((mode for mode in sorted(ALTERNATE, reverse=True) if modes.private.get(mode)), 1049)
        parts.append(f"\x1b[?{number}h\x1b[m{rows_text(screen.alternate)}{alternate}")
    if screen.tabs is not None:
        parts.append("\x1b[3g" + "".join(f"\x1b[{tab + 1}G\x1bH" for tab in screen.tabs))
    parts.append(fold.titles.dump())
    parts.append(modes.dump_shared().decode())
    parts.append(_cursor(screen))
    return "".join(parts).encode() + fold.pending


def sgr(pen: str) -> str:
    """The sequence that sets *pen*, whatever was set before."""
    return f"\x1b[0;{pen}m" if pen else "\x1b[m"


def rows_text(lines: tuple[Row, ...]) -> str:
    """Print *lines* on a blank screen of the same size, wrapping softly where they do."""
    parts: list[str] = []
    pen = ""
    joined = False
    for number, row in enumerate(lines):
        if row.runs and not joined:
            parts.append(f"\x1b[{number + 1}H")
        for run in row.runs:
            if run.pen != pen:
                pen = run.pen
                parts.append(sgr(pen))
            parts.append(run.text)
        joined = row.wraps
    if pen:
        parts.append("\x1b[m")
    return "".join(parts)


def _saved(saved: SavedCursor | None) -> str:
    """Save this cursor, and be back in the default state."""
    if saved is None:
        return ""
    wrap, rewrap = ("", "") if saved.wrap else ("\x1b[?7l", "\x1b[?7h")
    origin, absolute = ("\x1b[?6h", "\x1b[?6l") if saved.origin else ("", "")
    place = f"\x1b[{saved.row + 1};{saved.col + 1}H"
    return f"{wrap}{origin}{place}{sgr(saved.pen)}\x1b7{rewrap}{absolute}\x1b[m\x1b[H"


def _cursor(screen: Screen) -> str:
    cols, _ = screen.size
    col, row, _ = screen.cursor
    parts = []
    top = 0
    if screen.margins is not None:
        top, bottom = screen.margins
        parts.append(f"\x1b[{top + 1};{bottom + 1}r")
    if screen.origin:
        parts.append("\x1b[?6h")
        row -= top
    if col < cols:
        parts.append(f"\x1b[{row + 1};{col + 1}H")
    else:
        run = _last_cell(screen.shown[screen.cursor.row])
        parts.append(f"\x1b[{row + 1};{cols - run.width + 1}H{sgr(run.pen)}{run.text}")
    parts.append(sgr(screen.pen))
    for name, drawing in zip("()", screen.drawing, strict=True):
        if drawing:
            parts.append(f"\x1b{name}0")
    if screen.shifted:
        parts.append("\x0e")
    if screen.insert:
        parts.append("\x1b[4h")
    if screen.newline:
        parts.append("\x1b[20h")
    if not screen.wrap:
        parts.append("\x1b[?7l")
    return "".join(parts)


def _last_cell(row: Row) -> Run:
    """The last cell of a row that is full."""
    run = row.runs[-1]
    return Run(run.text[-1], 1, run.pen)
