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
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

ENQ: Final = b"\x05"
SHORT: Final = 32  # bytes of a query that is remembered
MAX_HELD: Final = 256 * 1024  # what a program copies to the clipboard comes in one sequence


class Kind(Enum):
    """What is asked."""

    ATTRIBUTES = "attributes"
    STATUS = "status"
    MODE = "mode"
    VERSION = "version"
    KITTY_KEYS = "kitty_keys"
    CHECKSUM = "checksum"
    GRAPHICS = "graphics"
    WINDOW = "window"
    TITLE = "title"
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
    body: bytes  # without what begins and ends it, and without C0 characters: `[?6n`, `P$qm`, `]11;?`

    @property
    def copies(self) -> bool:
        """Whether nothing is asked: something is for the clipboard."""
        return self.kind is Kind.CLIPBOARD and not self.body.endswith(b"?")


# Inside a control sequence a terminal executes C0 characters and goes on; numbers may have leading zeros.
_N: Final = rb"[0-9;:\x00-\x17\x19\x1c-\x1f]*"
_END: Final = rb"(?:\x1b\\|\x07|\xc2\x9c)"
# A terminal that knows no C1 characters takes them as part of a string. One that knows them begins something else, and
# so do we behind a C1 introducer: otherwise each of many beginnings would have the same bytes looked at again.
_CHAR: Final = rb"[^\x1b\x07\x18\x1a]"
_CHAR_BEFORE_ST: Final = rb"(?:[^\x1b\x07\x18\x1a\xc2]|\xc2(?!\x9c))"
_CHAR_BEHIND_C1: Final = rb"(?:[^\x1b\x07\x18\x1a\xc2]|\xc2(?![\x80-\x9f]))"


# What follows the introducer. Each has a 7-bit form, and its C1 form as UTF-8.
_CSI: Final = (
    rb"(?:\?%N(?:[cnuSm]|\$p)|>%N[cnq]|=%N[cn]|%N(?:[cnx]|\*y|\$[puw])|0*(?:1[13-9]|2[01])(?:;%N)?t)".replace(
        b"%N", _N
    )
)


def _strings(char: bytes) -> tuple[bytes, bytes, bytes]:
    """OSC, DCS and APC of these characters."""
    body = char + rb"*?"
    osc = rb"0*(?:(?:4|1[0-9])[0-9;]*;\?|[45];[0-9;?]*\?|21;(?:(?!=\?)%b)*=\?%b|22;\?%b|52;%b)%b"
    return osc % (char, body, body, body, _END), rb"[$+]q%b%b" % (body, _END), rb"G%b%b" % (body, _END)


_QUERY: Final = re.compile(
    rb"\x1b(?:\[%b|\]%b|P%b|_%b|Z)|\xc2(?:\x9b%b|\x9d%b|\x90%b|\x9f%b|\x9a)|\x05"
    % (_CSI, *_strings(_CHAR), _CSI, *_strings(_CHAR_BEHIND_C1))
)

# What a query is, from what is left of it without introducer, C0 characters and leading zeros.
_KINDS: Final = (
    (Kind.ATTRIBUTES, re.compile(rb"\[[?>=]?[0-9;:]*c")),
    (Kind.STATUS, re.compile(rb"\[[?>=]?[0-9;:]*n")),
    (Kind.MODE, re.compile(rb"\[\??[0-9;:]*\$p")),
    (Kind.VERSION, re.compile(rb"\[>[0-9;:]*q")),
    (Kind.KITTY_KEYS, re.compile(rb"\[\?[0-9;:]*u")),
    (Kind.TITLE, re.compile(rb"\[0*2[01][;:t]")),
    (Kind.WINDOW, re.compile(rb"\[[0-9;:]*t")),
    (Kind.CHECKSUM, re.compile(rb"\[[0-9;:]*(?:x|\*y|\$[uw])")),
    (Kind.GRAPHICS, re.compile(rb"\[\?[0-9;:]*[Sm]")),
    (Kind.KITTY_GRAPHICS, re.compile(rb"_G")),
    (Kind.SETTING, re.compile(rb"P\$q")),
    (Kind.CAPABILITY, re.compile(rb"P\+q")),
    (Kind.POINTER, re.compile(rb"\]0*22;")),
    (Kind.CLIPBOARD, re.compile(rb"\]0*52;")),
    (Kind.COLOUR, re.compile(rb"\]")),
    (Kind.IDENTIFY, re.compile(rb"Z")),
)
_INTRODUCERS: Final = {
    b"\xc2\x9b": b"[",
    b"\xc2\x9d": b"]",
    b"\xc2\x90": b"P",
    b"\xc2\x9f": b"_",
    b"\xc2\x9a": b"Z",
}
_CONTROLS: Final = bytes(code for code in range(0x20) if code not in b"\x18\x1a\x1b")

# Most of what begins with ESC sets a pen or moves the cursor: with numbers and C0 characters taken out, one look tells
# that no query is there.
_INNER: Final = b"0123456789;:" + _CONTROLS.replace(ENQ, b"")
_COMMON: Final = tuple(b"\x1b[" + final for final in (b"m", b"K", b"H", b"C", b"?h", b"?l"))
_ANY: Final = re.compile(
    rb"\x05|\x1b(?:\[(?:\?[cnuSm$]|>[cnq]|=[cn]|[cnxt*$])|[]P_Z])|\xc2[\x90\x9a\x9b\x9d\x9f]"
)


# The end of the output, where it may be the beginning of a query.
def _begun(char: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    string = char + rb"*(?:\x1b|\xc2)?"
    osc = rb"0*(?:1|2|(?:1[0-9]|[45]|2[12]|52)(?:;%b)?)?" % string
    return rb"[?>=]?%b[$*]?" % _N, osc, rb"(?:[$+](?:q%b)?)?" % string, rb"(?:G%b)?" % string


_HELD: Final = re.compile(
    rb"(?:\x1b(?:\[%b|\]%b|P%b|_%b)?|\xc2(?:\x9b%b|\x9d%b|\x90%b|\x9f%b)?)\Z"
    % (*_begun(_CHAR_BEFORE_ST), *_begun(_CHAR_BEHIND_C1))
)
_C1: Final = re.compile(rb"\xc2[\x90\x9b\x9d\x9f]")


# What is held of the longest beginnings, and what alone can end them: until that comes nothing that was held has to be
# looked at again.
_STRING: Final = rb"%b0*(?:1[0-9]|[45]|2[12]|52);|%b[$+]q|%bG"
_ENDS: Final = (
    (_STRING % (rb"\x1b\]", rb"\x1bP", rb"\x1b_"), rb"[\x1b\x07\x18\x1a]|\xc2\x9c"),
    (_STRING % (rb"\xc2\x9d", rb"\xc2\x90", rb"\xc2\x9f"), rb"[\x1b\x07\x18\x1a]|\xc2[\x80-\x9f]"),
    (rb"(?:\x1b\[|\xc2\x9b)[?>=]?%b\Z" % _N, rb"[^0-9;:\x00-\x17\x19\x1c-\x1f]"),
    (rb"(?:\x1b\]|\xc2\x9d)0*\Z", rb"[^0]"),
)
_END_OF: Final = tuple((re.compile(held), re.compile(end)) for held, end in _ENDS)


def _end_of(held: bytes) -> re.Pattern[bytes] | None:
    """What alone can end *held*, if that is known."""
    if held.endswith(b"\x1b"):
        return None
    return next((end for pattern, end in _END_OF if pattern.match(held)), None)


def without_queries(output: bytes) -> bytes:
    """*output* without what a terminal would answer. The caller cuts it where no sequence is split."""
    return _QUERY.sub(b"", output)


def query_of(raw: bytes) -> Query:
    """The query that *raw* is."""
    if raw == ENQ:
        return Query(Kind.ANSWERBACK, raw, b"")
    body = _INTRODUCERS[raw[:2]] + raw[2:] if raw[:1] == b"\xc2" else raw[1:]
    body = body.translate(None, _CONTROLS).removesuffix(b"\x1b\\").removesuffix(b"\xc2\x9c")
    return Query(next(kind for kind, pattern in _KINDS if pattern.match(body)), raw, body)


def up_to_nth_query(pieces: Sequence[bytes | Query], n: int) -> int:
    """How many of *pieces* come before the question that is the one after the *n*th."""
    for at, piece in enumerate(pieces):
        if not isinstance(piece, bytes) and not piece.copies:
            if not n:
                return at
            n -= 1
    return len(pieces)


class QueryScanner:
    """Finds queries in output that comes in pieces."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._end: re.Pattern[bytes] | None = None  # what alone can end what is held, where that is known

    @property
    def holds(self) -> bool:
        """Whether something is held back: `flush` it, unless more comes soon."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes | Query]:
        """Plain output and queries, in their order."""
        if self._held:
            if self._goes_on(data):
                self._held += data
                return []
            data = bytes(self._held) + data
        end = _held_from(data)
        data, held = data[:end], data[end:]
        self._held[:] = held
        self._end = _end_of(held)
        return _pieces(data)

    def _goes_on(self, data: bytes) -> bool:
        """Whether *data* does nothing but to continue what is held."""
        if self._end is None or len(self._held) + len(data) > MAX_HELD:
            return False
        # The first byte of a C1 character may be held already.
        return not self._end.search(b"\xc2" + data if self._held.endswith(b"\xc2") else data)

    def flush(self) -> list[bytes | Query]:
        """What was held back, as it is. Should it have been a query after all, the clients' terminals get all of it."""
        held = bytes(self._held)
        self._held.clear()
        self._end = None
        return _pieces(held)


_known: Final = lru_cache(maxsize=256)(query_of)  # who asks much asks the same


def _pieces(data: bytes) -> list[bytes | Query]:
    if not _may_ask(data):
        return [data] if data else []
    pieces: list[bytes | Query] = []
    at = 0
    for match in _QUERY.finditer(data):
        if match.start() > at:
            pieces.append(data[at : match.start()])
        raw = match[0]
        pieces.append(_known(raw) if len(raw) <= SHORT else query_of(raw))
        at = match.end()
    if at < len(data):
        pieces.append(data[at:])
    return pieces


def _may_ask(data: bytes) -> bool:
    """False only if no query is in *data*. Counting the commonest sequences is several times as fast as looking."""
    escapes = data.count(b"\x1b")
    if not escapes and b"\x05" not in data and b"\xc2" not in data:
        return False
    bare = data.translate(None, _INNER)
    if escapes and b"\x05" not in bare and b"\xc2" not in bare:
        for common in _COMMON:
            escapes -= bare.count(common)
            if not escapes:
                return False
    return _ANY.search(bare) is not None


def _held_from(data: bytes) -> int:
    """Where the beginning of a query begins that the end of *data* cuts."""
    end = len(data)
    escape = data.rfind(b"\x1b")
    places = [escape, _last_c1(data, escape), end - 1 if data.endswith(b"\xc2") else -1]
    if escape == end - 1:
        # The first half of what ends a string, perhaps; which then begins at an introducer before.
        before = data.rfind(b"\x1b", 0, max(escape, 0))
        places = [before, _last_c1(data[:escape], before), *places]
    for place in places:
        if place >= 0 and _HELD.match(data, place):
            return place if end - place <= MAX_HELD else end
    return end


def _last_c1(data: bytes, start: int) -> int:
    last = -1
    if b"\xc2" in data:
        for match in _C1.finditer(data, max(start, 0)):
            last = match.start()
    return last
