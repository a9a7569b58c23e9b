"""Sequences: a stream's text made clean for an emulator, and what of it is not finished yet.

Clean text has no DEL, and its C1 characters are in their 7-bit form; those without a meaning are CAN, which ends
a sequence as they do. So in clean text ESC begins every sequence, and what stands behind the last ESC tells
whether one is unfinished.

Invariants: no state is kept here; an unfinished sequence is kept by its first MAX_PENDING characters.
"""

import re
from typing import Final

MAX_PENDING: Final = 4096

_C1: Final = re.compile("[\x80-\x9f]")
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


def cleaned(text: str) -> str:
    """*text* in 7-bit forms, without DEL."""
    if text.isascii():
        return text.replace("\x7f", "") if "\x7f" in text else text
    return text.translate(_FORMS) if "\x7f" in text or _C1.search(text) else text


def unfinished(text: str) -> int:
    """Where in clean *text* a sequence begins that it does not finish; its length if there is none."""
    last = text.rfind("\x1b")
    return last if last >= 0 and _UNFINISHED.match(text, last) else len(text)


def bounded(pending: str) -> str:
    """An unfinished sequence as it is kept: C0 characters in it were executed already."""
    return _ANY_C0.sub("", pending[: 2 * MAX_PENDING])[:MAX_PENDING]
