"""Sequences: a stream's text made clean for an emulator, and what of it is not finished yet.

Clean text has no DEL, and its C1 characters are in their 7-bit form; those without a meaning are CAN, which ends
a sequence as they do. So in clean text ESC begins every sequence, and what stands behind the last ESC tells
whether one is unfinished.

Invariants: no state is kept here; an unfinished sequence is kept by its first MAX_PENDING characters.
"""

import re
from typing import Final

ESC: Final = "\x1b"
MAX_PENDING: Final = 4096
MAX_END: Final = 40

_FORMS: Final = {
    0x7F: "",
    **dict.fromkeys(range(128, 160), "\x18"),
    **{0x80 + ord(final) - 0x40: "\x1b" + final for final in "DEHMPX[\\]^_"},
}
_C0: Final = "\x00-\x17\x19\x1c-\x1f"
_ANY_C0: Final = re.compile(f"[{_C0}]")

# From the last ESC to the end of the text. In `X^_P` strings only CAN, SUB and ESC end; in `]` BEL as well.
_UNFINISHED: Final = re.compile(
    rf"\x1b[{_C0}]*(?:\Z|[ -/][{_C0} -/]*\Z|\[[{_C0} -?]*\Z|\][^\x07\x18\x1a]*\Z|[PX^_][^\x18\x1a]*\Z)"
)

_STRING: Final = re.compile(rf"\x1b[{_C0}]*(?:\][^\x07\x18\x1a]*|[PX^_][^\x18\x1a]*)\Z")

# A whole sequence, or what there is of one that CAN, SUB, another ESC or the end of the text cuts short.
_SEQUENCE: Final = (
    rf"\x1b[{_C0}]*(?:\[[{_C0} -?]*[@-~\xa0-\U0010ffff]?|\][^\x07\x18\x1a\x1b]*\x07?|[PX^_][^\x18\x1a\x1b]*"
    rf"|[ -/][{_C0} -/]*[0-~\xa0-\U0010ffff]?|[0-~\xa0-\U0010ffff]?)"
)
_ONE_SEQUENCE: Final = re.compile(_SEQUENCE)
PARTS: Final = re.compile(rf"(?P<printed>[^\x00-\x1f]+)|{_SEQUENCE}|[\x00-\x1a\x1c-\x1f]+")

# With its numbers and control characters taken out, a sequence that only sets a pen is ESC [ m.
_INNER: Final = b"0123456789;" + bytes(code for code in range(0x20) if code not in b"\x18\x1a\x1b")
_CHANGES: Final = re.compile(rb"\x1b(?:[=>c\]]|\[[?><=!r t])")
# A count of this many digits is no program's wish; and each costs as much as printing that many characters.
_LONG_REPEAT: Final = re.compile(
    rf"\x1b[{_C0}]*+\[[{_C0}0]*+[1-9][{_C0}]*+(?:[0-9][{_C0}]*+){{3}}[{_C0}0-9;:]*+b"
)
_SHORT_REPEAT: Final = "\x1b[999b"


def cleaned(text: str) -> str:
    """*text* in 7-bit forms, without DEL."""
    return text.translate(_FORMS)


def outlined(encoded: bytes) -> bytes:
    """A clean text without numbers and control characters: one look at it tells what sequences there are."""
    return encoded.translate(None, _INNER)


def changes_modes(outline: bytes) -> bool:
    """Whether modes or title may change in a text of this outline."""
    return _CHANGES.search(outline) is not None


def unfinished(text: str) -> int:
    """Where in clean *text* a sequence begins that it does not finish; its length if there is none."""
    last = text.rfind(ESC)
    if last < 0 or _UNFINISHED.match(text, last) is None:
        return len(text)
    if last == len(text) - 1:
        # The first half of what ends a string, perhaps: then the string is not finished either.
        before = text.rfind(ESC, 0, last)
        if before >= 0 and _STRING.match(text, before, last):
            return before
    return last


def bounded(pending: str) -> str:
    """An unfinished sequence as it is kept: C0 characters in it were executed already."""
    begun, ends = (pending[:-1], ESC) if pending.endswith(ESC) else (pending, "")
    return _ANY_C0.sub("", begun[: 2 * MAX_PENDING])[:MAX_PENDING] + ends


def without_controls(sequence: str) -> str:
    """*sequence* without the C0 characters in it: they are executed, and do not belong to it."""
    return _ANY_C0.sub("", sequence)


def printed_end(text: str) -> str:
    """The printed characters with which clean *text* ends; only the last ones of many."""
    last = text.rfind("\x1b")
    if last >= 0:
        match = _ONE_SEQUENCE.match(text, last)
        last = match.end() if match is not None else len(text)
    else:
        last = 0
    start = len(text)
    last = max(last, start - MAX_END)
    while start > last and text[start - 1] >= " ":
        start -= 1
    return text[start:]


def with_short_repeats(text: str, outline: bytes) -> str:
    """Clean *text* in which no REP asks for more than 999 characters."""
    return _LONG_REPEAT.sub(_SHORT_REPEAT, text) if b"\x1b[b" in outline else text
