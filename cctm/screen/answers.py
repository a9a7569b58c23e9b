"""Answers: what the daemon says to a program's questions, from the fold at that byte; and who else is asked.

    Query ─► answer ─► bytes for the PTY: attached or not, at once, and once
                    └► Who: one client, whose terminal alone can know; nobody; or it was no question

Nobody is told titles (they may hold what somebody wants typed), the clipboard, or checksums of the screen.
"""

from enum import Enum
from typing import Final

from cctm.screen.fold import Fold
from cctm.screen.modes import ALTERNATE, ORIGIN
from cctm.screen.queries import Kind, Query


class Who(Enum):
    """Who has to do with a query that the daemon does not answer."""

    ONE_CLIENT = 1  # its terminal knows
    NOBODY = 2
    ALL_CLIENTS = 3  # nothing is asked: the clipboard is written, if the terminal is one's own


IDENTITY: Final = b"\x1b[?62;22c"  # a VT220 with colours
# What programs take for an xterm that knows the mouse in SGR and can be asked for settings.
SECOND_IDENTITY: Final = b"\x1b[>0;330;0c"
THIRD_IDENTITY: Final = b"\x1bP!|00000000\x1b\\"
COLOUR_SCHEME: Final = b"[?996n"
KNOWN_MODES: Final = frozenset(
    {1, 5, 6, 7, 9, 12, 25, 47, 66, *range(1000, 1008), 1015, 1016, 1047, 1049, 2004, 2026}
)
MAX_NUMBER: Final = 99_999

_CLIENTS: Final = frozenset(
    {Kind.COLOUR, Kind.KITTY_KEYS, Kind.CAPABILITY, Kind.POINTER, Kind.KITTY_GRAPHICS}
)


def answer(query: Query, fold: Fold, version: str, cell: tuple[int, int] | None = None) -> bytes | Who:
    """The answer, or who is to be asked.

    Args:
        query: what was asked.
        fold: of all output before it.
        version: ours.
        cell: width and height of a character in pixels, where known.
    """
    if query.kind in _CLIENTS:
        return Who.ONE_CLIENT
    body = query.body
    match query.kind:
        case Kind.ATTRIBUTES | Kind.IDENTIFY:
            found: bytes | Who | None = _identity(body)
        case Kind.STATUS:
            found = Who.ONE_CLIENT if body == COLOUR_SCHEME else _status(body, fold)
        case Kind.MODE:
            found = _mode(body, fold)
        case Kind.VERSION:
            found = b"\x1bP>|CCTM %b\x1b\\" % version.encode() if _numbers(body) == [0] else None
        case Kind.SETTING:
            found = _setting(body.removeprefix(b"P$q"), fold)
        case Kind.WINDOW:
            found = _window(_numbers(body), fold, cell)
        case Kind.GRAPHICS:
            asks_keys = body == b"[?4m"
            found = b"\x1b[>4;%dm" % fold.modes.modify_keys if asks_keys else Who.ONE_CLIENT
        case Kind.CLIPBOARD:
            found = Who.NOBODY if body.endswith(b"?") else Who.ALL_CLIENTS
        case _:
            found = None
    return Who.NOBODY if found is None else found


def reads_screen(query: Query, fold: Fold) -> bool:
    """Whether the answer may need all that the emulator keeps, which takes as long as it is large."""
    if query.kind is Kind.STATUS:
        return ORIGIN in fold.modes.private
    return query.kind in {Kind.MODE, Kind.SETTING}


def _numbers(body: bytes) -> list[int]:
    parameters = body.strip(b"[?>=$cnpqtm").replace(b":", b";")
    # Python refuses to read more than some thousand digits.
    return [min(int(number.lstrip(b"0")[:9] or b"0"), MAX_NUMBER) for number in parameters.split(b";")]


def _identity(body: bytes) -> bytes | None:
    match body:
        case b"Z" | b"[c" | b"[0c":
            return IDENTITY
        case b"[>c" | b"[>0c":
            return SECOND_IDENTITY
        case b"[=c" | b"[=0c":
            return THIRD_IDENTITY
        case _:
            return None


def _status(body: bytes, fold: Fold) -> bytes | None:
    match body:
        case b"[5n":
            return b"\x1b[0n"
        case b"[6n":
            return b"\x1b[%d;%dR" % fold.place
        case b"[?6n":
            return b"\x1b[?%d;%d;1R" % fold.place
        case b"[?15n":
            return b"\x1b[?13n"  # no printer
        case b"[?25n":
            return b"\x1b[?20n"  # keys cannot be defined
        case b"[?26n":
            return b"\x1b[?27;1;0;0n"  # a North American keyboard
        case _:
            return None


def _mode(body: bytes, fold: Fold) -> bytes:
    [mode, *_] = _numbers(body)
    if body.startswith(b"[?"):
        return b"\x1b[?%d;%d$y" % (mode, _private_mode(mode, fold))
    screen = fold.screen()
    return b"\x1b[%d;%d$y" % (mode, {4: _told(screen.insert), 20: _told(screen.newline)}.get(mode, 0))


def _private_mode(mode: int, fold: Fold) -> int:
    modes = fold.modes
    if mode not in KNOWN_MODES and mode not in modes.private:
        return 0
    match mode:
        case 6:
            return _told(fold.screen().origin)
        case 7:
            return _told(fold.screen().wrap)
        case 25:
            return _told(fold.cursor.visible)
        case 66:
            return _told(modes.keypad)
        case _ if mode in ALTERNATE:
            return _told(modes.alternate)
        case _:
            return _told(modes.private.get(mode, False))


def _told(is_set: bool) -> int:  # noqa: FBT001 - that is what is told
    return 1 if is_set else 2


def _setting(what: bytes, fold: Fold) -> bytes:
    """DECRQSS."""
    screen = fold.screen()
    match what:
        case b"m":
            value = f"0;{screen.pen}m" if screen.pen else "0m"
        case b"r":
            top, bottom = screen.margins or (0, fold.rows - 1)
            value = f"{top + 1};{bottom + 1}r"
        case b" q":
            value = f"{fold.modes.client.cursor_style} q"
        case b'"p':
            value = '62;1"p'
        case _:
            return b"\x1bP0$r\x1b\\"
    return b"\x1bP1$r%b\x1b\\" % value.encode()


def _window(numbers: list[int], fold: Fold, cell: tuple[int, int] | None) -> bytes | Who | None:
    """XTWINOPS."""
    match numbers[0]:
        case 11:
            return b"\x1b[1t"
        case 13:
            return b"\x1b[3;0;0t"
        case 14 | 15 if cell is not None:
            return b"\x1b[%d;%d;%dt" % (numbers[0] - 10, fold.rows * cell[1], fold.cols * cell[0])
        case 16 if cell is not None:
            return b"\x1b[6;%d;%dt" % (cell[1], cell[0])
        case 14 | 15 | 16:
            return Who.ONE_CLIENT
        case 18 | 19:
            return b"\x1b[%d;%d;%dt" % (numbers[0] - 10, fold.rows, fold.cols)
        case _:
            return None
