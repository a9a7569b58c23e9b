r"""Marks: characters without a column of their own (accents, joiners, variation selectors), kept in cells.

The emulator gives each character a cell, marks too, and so would shift what follows. A cluster, a character and
its marks, is therefore given to it as one stand-in from a private range of the same width, and put back when
cells are read.

    e U+0301  ─►  U+10E000  ─► emulator ─► U+10E000  ─►  e U+0301

A mark joins the character that was printed right before it; where there is none, it is dropped.

Invariants: the emulator sees no mark. At most MAX_CLUSTERS different clusters are kept, those still on the screen;
what is too much loses its marks. A stand-in that a program prints itself becomes U+FFFD.
"""

import re
from collections.abc import Iterable
from typing import Final

from cctm.screen.mark_table import MARK
from cctm.screen.picture import Row, Run
from cctm.screen.widths import width_of

MAX_CLUSTERS: Final = 4096
MAX_MARKS: Final = 16  # on one character; a flag of a region is six tags and an end
_NARROW: Final = 0x10E000
_WIDE: Final = 0x3E000  # every emulator gives this plane two columns

# Embeddings, overrides and isolates would reorder what stands around them.
_REORDERS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"


_STAND_INS: Final = (
    f"[{chr(_NARROW)}-{chr(_NARROW + MAX_CLUSTERS - 1)}{chr(_WIDE)}-{chr(_WIDE + MAX_CLUSTERS - 1)}]"
)
_SPECIAL: Final = re.compile(f"{MARK}|{_STAND_INS}|[{_REORDERS}\u2028\u2029]")
_STAND_IN: Final = re.compile(_STAND_INS)
_REORDERING: Final = re.compile(f"[{_REORDERS}\u2028\u2029]")
_ANY_MARK: Final = re.compile(MARK)
_CLUSTER: Final = re.compile(f"(?s).{MARK}+")
_LAST: Final = re.compile(rf"(?s)[^{MARK[1:-1]}]{MARK}*\Z")
_LEADING: Final = re.compile(f"{MARK}*")


def admitted(text: str) -> str:
    """*text* without characters that reorder, and without stand-ins."""
    if text.isascii() or _SPECIAL.search(text) is None:
        return text
    return _STAND_IN.sub("\ufffd", _REORDERING.sub("", text))


def has_marks(text: str) -> bool:
    """Whether there is a mark in *text*."""
    return not text.isascii() and _ANY_MARK.search(text) is not None


def leading_marks(text: str) -> str:
    """The marks with which *text* begins."""
    match = _LEADING.match(text)
    return match[0] if match is not None else ""


def last_cluster(text: str) -> str:
    """The character with which printable *text* ends, and its marks; empty if there is none."""
    if text.isascii():
        return text[-1:]
    match = _LAST.search(text, max(0, len(text) - 2 * MAX_MARKS))
    return match[0][: 1 + MAX_MARKS] if match is not None else ""


class Clusters:
    """The stand-ins of one fold."""

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}
        self._clusters: dict[int, str] = {}
        self._free = {1: _stand_ins(_NARROW), 2: _stand_ins(_WIDE)}
        self._new_since_collecting = 0

    def __bool__(self) -> bool:
        return bool(self._clusters)

    @property
    def many(self) -> bool:
        """Whether it is time to `collect`: many were given out since the last time."""
        return self._new_since_collecting >= MAX_CLUSTERS // 4

    def collect(self, lines: Iterable[Row]) -> None:
        """Take back the stand-ins that no cell of *lines*, all there are, holds any more."""
        self._new_since_collecting = 0
        used = set(_STAND_IN.findall("".join(run.text for row in lines for run in row.runs)))
        for cluster, stand_in in list(self._stand_ins.items()):
            if stand_in not in used:
                del self._stand_ins[cluster]
                del self._clusters[ord(stand_in)]
                self._free[1 if ord(stand_in) >= _NARROW else 2].append(stand_in)

    def joined(self, text: str) -> str:
        """Printable *text* with stand-ins for its clusters; marks at its beginning are dropped."""
        if not has_marks(text):
            return text
        return _CLUSTER.sub(lambda match: self.stand_in(match[0]), text[len(leading_marks(text)) :])

    def stand_in(self, cluster: str) -> str:
        """What stands for *cluster*, a character and its marks."""
        cluster = cluster[: 1 + MAX_MARKS]
        known = self._stand_ins.get(cluster)
        if known is not None:
            return known
        free = self._free[width_of(cluster[0])]
        if not free:
            return cluster[0]
        stand_in = free.pop()
        self._new_since_collecting += 1
        self._stand_ins[cluster] = stand_in
        self._clusters[ord(stand_in)] = cluster
        return stand_in

    def expanded(self, lines: tuple[Row, ...]) -> tuple[Row, ...]:
        """*lines* with clusters for their stand-ins."""
        return tuple(map(self._expanded_row, lines)) if self._clusters else lines

    def _expanded_row(self, row: Row) -> Row:
        if all(run.text.isascii() for run in row.runs):
            return row
        return Row(
            tuple(Run(run.text.translate(self._clusters), run.width, run.pen) for run in row.runs), row.wraps
        )


def _stand_ins(first: int) -> list[str]:
    return [chr(first + number) for number in reversed(range(MAX_CLUSTERS))]
