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
_BEGINS: Final = re.compile(rb"[\x05\x1b]|\xc2[\x90\x9a\x9b\x9d\x9f]")

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
        elif not _BEGINS.search(data) and not data.endswith(b"\xc2"):
            return [data] if data else []
        pieces: list[bytes | Query] = []
        at = 0
        for match in _QUERY.finditer(data):
            if match.start() > at:
                pieces.append(data[at : match.start()])
            pieces.append(Query(Kind(match.lastgroup), match[0]))
            at = match.end()
        held = _HELD.search(data, at)
        end = len(data)
        if held is not None and end - held.start() <= MAX_HELD:
            end = held.start()
            self._held = data[end:]
        if end > at:
            pieces.append(data[at:end])
        return pieces

    def flush(self) -> bytes:
        """What was held back, as plain output."""
        held, self._held = self._held, b""
        return held
