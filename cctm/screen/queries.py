r"""Queries: sequences that a terminal answers as if somebody had typed. A replay must not ask them again.

    output ─► QueryScanner ─► plain bytes, for the clients and the fold
                          └─► Query(kind, raw), for whoever answers (answers.py)

DA1–3, DSR and CPR, DECRQM, DECREQTPARM, checksums, graphics and key modes, window reports, XTVERSION, kitty `?u`
and graphics, DECRQSS and XTGETTCAP, colour and pointer queries (OSC 4, 5, 10–19, 21, 22 with `?`), OSC 52 (the
clipboard, read or written), ENQ, DECID.

Invariants: the pieces of a stream, put together again, are the stream; its plain pieces together are what
`without_queries` leaves of the whole (unless `flush` was called, or a query is longer than MAX_HELD). At most
MAX_HELD bytes are held back, and only such as may begin a query. Time is linear.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

MAX_HELD: Final = 1024 * 1024  # what a program copies to the clipboard comes in one sequence


class Kind(Enum):
    """What is asked. The values name the groups of the pattern."""

    ATTRIBUTES = "attributes"
    STATUS = "status"
    MODE = "mode"
    VERSION = "version"
    KITTY_KEYS = "kitty_keys"
    CHECKSUM = "checksum"
    GRAPHICS = "graphics"
    WINDOW = "window"
    KITTY_GRAPHICS = "kitty_graphics"
    SETTING = "setting"
    CAPABILITY = "capability"
    COLOUR = "colour"
    POINTER = "pointer"
    CLIPBOARD = "clipboard"
    ANSWERBACK = "answerback"
    IDENTIFY = "identify"


@dataclass(frozen=True, slots=True)
class Query:
    """A question, as it was asked."""

    kind: Kind
    raw: bytes


# Each introducer in its 7-bit form and as UTF-8 of its C1 form. Inside a control sequence a terminal executes C0
# characters and goes on; numbers may have leading zeros.
_CSI: Final = rb"(?:\x1b\[|\xc2\x9b)"
_OSC: Final = rb"(?:\x1b\]|\xc2\x9d)0*"
_DCS: Final = rb"(?:\x1bP|\xc2\x90)"
_APC: Final = rb"(?:\x1b_|\xc2\x9f)"
_N: Final = rb"[0-9;:\x00-\x17\x19\x1c-\x1f]*"
_END: Final = rb"(?:\x1b\\|\x07|\xc2\x9c)"
# No C1 character, for it would begin something else (and so does not make the search look at each byte again).
_CHAR: Final = rb"(?:[^\x1b\x07\xc2]|\xc2(?![\x80-\x9f]))"
_BODY: Final = _CHAR + rb"*?"

_PATTERNS: Final = {
    Kind.ATTRIBUTES: _CSI + rb"[?>=]?" + _N + rb"c",
    Kind.STATUS: _CSI + rb"[?>=]?" + _N + rb"n",
    Kind.MODE: _CSI + rb"\??" + _N + rb"\$p",
    Kind.VERSION: _CSI + rb">" + _N + rb"q",
    Kind.KITTY_KEYS: _CSI + rb"\?" + _N + rb"u",
    Kind.CHECKSUM: _CSI + _N + rb"(?:x|\*y|\$[uw])",
    Kind.GRAPHICS: _CSI + rb"\?" + _N + rb"[Sm]",
    Kind.WINDOW: _CSI + rb"0*(?:1[13-9]|2[01])(?:;" + _N + rb")?t",
    Kind.KITTY_GRAPHICS: _APC + rb"G" + _BODY + _END,
    Kind.SETTING: _DCS + rb"\$q" + _BODY + _END,
    Kind.CAPABILITY: _DCS + rb"\+q" + _BODY + _END,
    Kind.COLOUR: _OSC
    + rb"(?:(?:4|1[0-9])[0-9;]*;\?|(?:4|5);[0-9;?]*\?|21;(?:(?!=\?)%b)*=\?%b)" % (_CHAR, _BODY)
    + _END,
    Kind.POINTER: _OSC + rb"22;\?" + _BODY + _END,
    Kind.CLIPBOARD: _OSC + rb"52;" + _BODY + _END,
    Kind.ANSWERBACK: rb"\x05",
    Kind.IDENTIFY: rb"\x1bZ|\xc2\x9a",
}
_QUERY: Final = re.compile(
    b"|".join(b"(?P<%s>%s)" % (kind.value.encode(), pattern) for kind, pattern in _PATTERNS.items())
)
_BEGINS: Final = re.compile(rb"[\x05\x1b\xc2]")
_NUMBERS: Final = b"0123456789;:"
_C1: Final = re.compile(rb"\xc2(?:[\x90\x9a\x9b\x9d\x9f]|\Z)")
_COMMON: Final = tuple(b"\x1b[" + final for final in (b"m", b"K", b"H", b"C", b"?h", b"?l"))

# The end of the output, where it may be the beginning of a query.
_STRING: Final = _CHAR + rb"*(?:\x1b|\xc2)?"
_HELD: Final = re.compile(
    b"(?:"
    + b"|".join(
        (
            rb"\x1b|\xc2",
            _CSI + rb"[?>=]?" + _N + rb"[$*]?",
            _OSC + rb"(?:1|2|(?:1[0-9]|[45]|2[12]|52)(?:;" + _STRING + rb")?)?",
            _DCS + rb"(?:[$+](?:q" + _STRING + rb")?)?",
            _APC + rb"(?:G" + _STRING + rb")?",
        )
    )
    + rb")\Z"
)


def without_queries(output: bytes) -> bytes:
    """*output* without what a terminal would answer. The caller cuts it where no sequence is split."""
    return _QUERY.sub(b"", output)


def _may_ask(data: bytes) -> bool:
    """False if it is sure that nothing in *data* is a query, but what begins at its end.

    Most of what begins with ESC is colour: with the numbers taken out, counting is ten times as fast as looking.
    """
    if b"\x05" in data or (b"\xc2" in data and _C1.search(data)):
        return True
    escapes = data.count(b"\x1b")
    if not escapes:
        return False
    bare = data.translate(None, _NUMBERS)
    for common in _COMMON:
        escapes -= bare.count(common)
        if escapes <= 1:
            break
    begin = data.rfind(b"\x1b")
    return escapes > (1 if _HELD.match(data, begin) else 0)


class QueryScanner:
    """Finds queries in output that comes in pieces."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def holds(self) -> bool:
        """Whether something is held back: `flush` it, unless more comes soon."""
        return self._held != b""

    def feed(self, data: bytes) -> list[bytes | Query]:
        """Plain output and queries, in their order."""
        if self._held:
            data = self._held + data
            self._held = b""
        if _may_ask(data):
            return self._split(data)
        begins = len(data) - 1 if data.endswith(b"\xc2") else data.rfind(b"\x1b")
        data = self._without_end(data, begins, 0)
        return [data] if data else []

    def _split(self, data: bytes) -> list[bytes | Query]:
        pieces: list[bytes | Query] = []
        at = 0
        begins: list[int] = []  # where something begins that is no query, or not yet
        found = _BEGINS.search(data)
        while found is not None:
            match = _QUERY.match(data, found.start())
            if match is None:
                begins.append(found.start())
                found = _BEGINS.search(data, found.end())
                continue
            if match.start() > at:
                pieces.append(data[at : match.start()])
            pieces.append(Query(Kind(match.lastgroup), match[0]))
            at = match.end()
            begins.clear()
            found = _BEGINS.search(data, at)
        for begin in begins:
            kept = self._without_end(data, begin, at)
            if self._held:
                data = kept
                break
        if len(data) > at:
            pieces.append(data[at:])
        return pieces

    def _without_end(self, data: bytes, begin: int, at: int) -> bytes:
        """*data* without what begins at *begin*, if that may become a query: it is held."""
        if begin < at or len(data) - begin > MAX_HELD or _HELD.match(data, begin) is None:
            return data
        self._held = data[begin:]
        return data[:begin]

    def flush(self) -> bytes:
        """What was held back, as plain output."""
        held, self._held = self._held, b""
        return held
