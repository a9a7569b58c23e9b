"""The dump: bytes that bring a terminal in its default state, of the same size, into a fold's state.

    [alternate screen's saved cursor] ─► primary rows, saved cursor ─► [alternate screen, rows, saved cursor]
    ─► tabs ─► title ─► modes ─► margins, origin ─► cursor, pen, charsets, insert, wrap ─► the unfinished sequence

Only 7-bit CSI, no REP; what wraps softly does so again. Raw output may follow.
"""

from cctm.screen.emulator import SavedCursor, Screen
from cctm.screen.fold import Fold
from cctm.screen.modes import ALTERNATE
from cctm.screen.painting import sgr
from cctm.screen.picture import BLANK, Row
from cctm.screen.placing import column_of_last, last_cell, row_without_last
from cctm.screen.widths import width_of


def dump(fold: Fold) -> bytes:
    """Everything: what the alternate screen hides, too."""
    screen = fold.screen()
    return _dump(fold, screen, rows_text(_primary(fold, screen)), screen.saved)


def dump_shown(fold: Fold) -> bytes:
    """What may be shown to somebody: without what the alternate screen hides."""
    screen = fold.screen()
    if screen.alternate is None:
        return _dump(fold, screen, rows_text(_primary(fold, screen)), screen.saved)
    return _dump(fold, screen, "", None)


def redraw(fold: Fold) -> bytes:
    """The dump for a terminal of the same size whose primary screen shows anything, in modes that are the default.

    Each row is erased alone: where everything is erased at once, some terminals scroll it away.
    """
    erased = "".join(f"\x1b[{row + 1}H\x1b[2K" for row in range(fold.rows))
    return f"\x1b[m{erased}\x1b[H".encode() + dump(fold)


def _primary(fold: Fold, screen: Screen) -> tuple[Row, ...]:
    return _shown(screen, last_to_print(fold, screen)) if screen.alternate is None else screen.primary


def _dump(fold: Fold, screen: Screen, primary: str, saved: SavedCursor | None) -> bytes:
    modes = fold.modes
    last = last_to_print(fold, screen)
    parts = []
    alternate = modes.dump_kitty(alternate=True).decode() + _save(screen.saved_alternate, "\x1b7")
    if screen.alternate is None and alternate:
        parts.append(f"\x1b[?1047h{alternate}\x1b[?1047l")
    parts.append(modes.dump_kitty(alternate=False).decode() + primary)
    if screen.alternate is None:
        parts.append(_save(saved, "\x1b7"))
    else:
        number = next((mode for mode in sorted(ALTERNATE, reverse=True) if modes.private.get(mode)), 1049)
        # 1049 saves the cursor itself; some terminals keep what it saves in a place of its own. And it clears in the
        # pen that is saved.
        parts.append(_save(saved, f"\x1b7\x1b[?{number}h") or f"\x1b[H\x1b[?{number}h")
        if saved is not None and saved.pen:
            parts.append("\x1b[2J")
        parts.append(rows_text(_shown(screen, last)) + alternate)
    if screen.tabs is not None:
        parts.append("\x1b[3g" + "".join(f"\x1b[{tab + 1}G\x1bH" for tab in screen.tabs))
    parts.append(fold.titles.dump())
    parts.append(modes.dump_shared().decode())
    parts.append(_cursor(screen, last))
    return "".join(parts).encode() + fold.pending


def last_to_print(fold: Fold, screen: Screen) -> str:
    """The last character, where printing it again gives what is there: terminals disagree on inserting a wide one."""
    return "" if fold.last and screen.insert and width_of(fold.last[0]) == 2 else fold.last


def _shown(screen: Screen, last: str) -> tuple[Row, ...]:
    if not last or not screen.insert:
        return screen.shown
    before = row_without_last(screen, last)
    return (*screen.shown[: screen.cursor.row], before, *screen.shown[screen.cursor.row + 1 :])


def rows_text(lines: tuple[Row, ...]) -> str:
    """Print *lines* on a blank screen of the same size, wrapping softly where they do."""
    parts: list[str] = []
    pen = ""
    joined = False
    for number, row in enumerate(lines):
        if row.runs and not joined:
            parts.append(f"\x1b[{number + 1}H")
        runs = row.runs or ((BLANK,) if joined else ())  # the row above wraps when something is printed here
        for run in runs:
            if run.pen != pen:
                pen = run.pen
                parts.append(sgr(pen))
            parts.append(run.text)
        joined = row.wraps
    if pen:
        parts.append("\x1b[m")
    return "".join(parts)


def _save(saved: SavedCursor | None, saving: str) -> str:
    """Do *saving* where this cursor was saved, and be back in the default state."""
    if saved is None:
        return ""
    wrap, rewrap = ("", "") if saved.wrap else ("\x1b[?7l", "\x1b[?7h")
    origin, absolute = ("\x1b[?6h", "\x1b[?6l") if saved.origin else ("", "")
    place = f"\x1b[{saved.row + 1};{saved.col + 1}H"
    return f"{wrap}{origin}{place}{sgr(saved.pen)}{saving}{rewrap}{absolute}\x1b[m"


def _cursor(screen: Screen, last: str) -> str:
    """Margins, cursor, pen and what changes how characters are printed; last of all the last character, if any."""
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
    parts.append(f"\x1b[{row + 1};{min(col, cols - 1) + 1}H")
    if col >= cols and not last:
        cell = last_cell(screen)
        parts.append(f"\x1b[{cols - cell.width + 1}G{sgr(cell.pen)}{cell.text}")
    parts.append(sgr(screen.pen))
    parts += [f"\x1b{name}0" for name, drawing in zip("()", screen.drawing, strict=True) if drawing]
    if screen.shifted:
        parts.append("\x0e")
    if screen.insert:
        parts.append("\x1b[4h")
    if screen.newline:
        parts.append("\x1b[20h")
    if not screen.wrap:
        parts.append("\x1b[?7l")
    if last:
        parts.append(f"\x1b[{column_of_last(screen, last) + 1}G{last}")
    return "".join(parts)
