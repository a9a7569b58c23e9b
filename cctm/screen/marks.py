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
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import Final

from cctm.screen.mark_table import MARKS
from cctm.screen.picture import Row, Run
from cctm.screen.widths import width_of

MAX_CLUSTERS: Final = 1024
MAX_MARKS: Final = 16  # on one character; a flag of a region is six tags and an end
_NARROW: Final = 0x10E000
_WIDE: Final = 0x3E000  # every emulator gives this plane two columns


def _stand_ins(width: int) -> range:
    first = _NARROW if width == 1 else _WIDE
    return range(first, first + MAX_CLUSTERS)


_STAND_IN: Final = re.compile(
    "".join(f"[{chr(codes[0])}-{chr(codes[-1])}]" for codes in (_stand_ins(1), _stand_ins(2))).replace(
        "][", ""
    )
)
# Embeddings, overrides and isolates would reorder what stands around them.
_REORDERING: Final = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# What is not to reach the emulator: marks, what reorders, C1 characters, stand-ins. Asking a set of some
# thousand characters is twenty times as fast as a pattern with a class of them.
_ODD: Final = (
    MARKS
    | frozenset("\u2028\u2029")
    | frozenset(map(chr, (*range(0x80, 0xA0), *_stand_ins(1), *_stand_ins(2))))
)


_ASCII: Final = bytes(range(128))


def is_plain(text: str) -> bool:
    """Whether the emulator can have *text* as it is."""
    if "\x7f" in text:
        return False
    # Nearly all text is nearly all ASCII, and that is taken out ten times as fast as each character is asked for.
    return text.isascii() or _ODD.isdisjoint(text.encode().translate(None, _ASCII).decode())


def admitted(text: str) -> str:
    """*text* without characters that reorder, and without stand-ins."""
    return _STAND_IN.sub("\ufffd", _REORDERING.sub("", text))


def leading_marks(text: str) -> str:
    """The marks with which *text* begins."""
    return "".join(takewhile(MARKS.__contains__, text))


def last_cluster(text: str) -> str:
    """The character with which printable *text* ends, and its marks; empty if there is none."""
    start = len(text) - 1
    while start >= 0 and text[start] in MARKS:
        start -= 1
    return text[start : start + 1 + MAX_MARKS] if start >= 0 else ""


@lru_cache(maxsize=64)
def _clusters_with(present: frozenset[str]) -> re.Pattern[str]:
    """Finds clusters with these marks: a class of all marks is too slow."""
    return re.compile(f"(?s).[{re.escape(''.join(sorted(present)))}]+")


class Clusters:
    """The stand-ins of one fold."""

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}
        self._clusters: dict[int, str] = {}
        self._free: dict[int, Iterator[int]] = {width: iter(_stand_ins(width)) for width in (1, 2)}
        self._new_since_collecting = 0

    def __bool__(self) -> bool:
        return bool(self._clusters)

    @property
    def many(self) -> bool:
        """Whether it is time to `collect`: many were given out since the last time, or there were too few."""
        return self._new_since_collecting >= MAX_CLUSTERS // 2

    def collect(self, text: str) -> None:
        """Take back the stand-ins that are not in *text*, in which all cells are."""
        self._new_since_collecting = 0
        used = set(_STAND_IN.findall(text))
        self._stand_ins = {
            cluster: stand_in for cluster, stand_in in self._stand_ins.items() if stand_in in used
        }
        self._clusters = {ord(stand_in): cluster for cluster, stand_in in self._stand_ins.items()}
        for width in (1, 2):
            self._free[width] = iter([code for code in _stand_ins(width) if code not in self._clusters])

    def joined(self, parts: Iterable[re.Match[str]], marks: frozenset[str]) -> Iterator[str]:
        """*parts* with stand-ins for the clusters of what is `printed`; marks on nothing are dropped."""
        clusters = _clusters_with(marks)
        for part in parts:
            text = part[0]
            if part["printed"] is not None and not marks.isdisjoint(text):
                text = clusters.sub(lambda match: self.stand_in(match[0]), text[len(leading_marks(text)) :])
            yield text

    def stand_in(self, cluster: str) -> str:
        """What stands for *cluster*, a character and its marks."""
        cluster = cluster[: 1 + MAX_MARKS]
        known = self._stand_ins.get(cluster)
        if known is not None:
            return known
        code = next(self._free[width_of(cluster[0])], None)
        if code is None:
            self._new_since_collecting = MAX_CLUSTERS
            return cluster[0]
        self._new_since_collecting += 1
        self._stand_ins[cluster] = stand_in = chr(code)
        self._clusters[code] = cluster
        return stand_in

    def expanded(self, lines: tuple[Row, ...]) -> tuple[Row, ...]:
        """*lines* with clusters for their stand-ins."""
        return tuple(map(self._expanded_row, lines)) if self._clusters else lines

    def _expanded_row(self, row: Row) -> Row:
        if all(run.text.isascii() or _STAND_IN.search(run.text) is None for run in row.runs):
            return row
        return Row(
            tuple(Run(run.text.translate(self._clusters), run.width, run.pen) for run in row.runs), row.wraps
        )
