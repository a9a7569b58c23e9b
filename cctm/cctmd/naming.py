"""What a terminal may be called by whoever chooses the name (SPEC.md §9.2).

Records may hold more (SPEC.md §11); what is chosen must also be visible, and not look like an id.
"""

import re
import unicodedata
from typing import Final

from cctm.cctmd.services import RefusedError
from cctm.protocol.control.values import Reason
from cctm.protocol.events import is_name

# Digits alone are names: 5, 8080, and the number that a terminal without a name gets.
_LIKE_AN_ID: Final = re.compile(r"(?=.*[a-fA-F])[0-9a-fA-F]{4,}")
_VISIBLE: Final = frozenset("LNS")  # letters, numbers and symbols, by the first letter of their category
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol without ink


def check_name(name: str) -> None:
    """
    Raises:
        RefusedError: a terminal must not be called *name*.
    """
    if not (is_name(name) and any(map(_is_visible, name))):
        raise RefusedError(
            Reason.BAD_NAME,
            "A name has 1 to 64 characters, a letter, digit or symbol among them, no control characters, "
            "and no dash in front.",
            "Choose another name.",
        )
    if _LIKE_AN_ID.fullmatch(name):
        raise RefusedError(
            Reason.BAD_NAME,
            f"{name!r} looks like the beginning of an id: four or more of 0 to 9 and a to f.",
            "Choose another name.",
        )


def _is_visible(letter: str) -> bool:
    return unicodedata.category(letter)[0] in _VISIBLE and letter not in _BLANK
