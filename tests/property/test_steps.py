"""The parts of a text are the text, and none asks more of an emulator than a step may; the fold is the same.

What is asked is told by avt's own parser, which knows nothing of how the parts were made.
"""

import itertools
import random

import pytest
from avt.parser import DecMode, EdScope, Function, Parser
from hypothesis import given
from hypothesis import strategies as st

from cctm.screen import fold as fold_module
from cctm.screen import steps
from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.mark_table import MARKS
from cctm.screen.sequences import outlined
from cctm.screen.steps import MAX_MARKS, STEP_NS, bounds_of, cut, parts_of

SIZES = st.sampled_from([(80, 24), (200, 50), (640, 200), (2, 1000), (128, 1000)])
SCREENS = (DecMode.AltScreenBuffer, DecMode.SaveCursorAltScreenBuffer)
COSTLY = (
    *(
        "\x1bc",
        "\x1b#8",
        "\x1b[J",
        "\x1b[2J",
        "\x1b[1J",
        "\x1b[L",
        "\x1b[999M",
        "\x1b[S",
        "\x1b[65000S",
        "\x1b[70000T",
    ),
    *(
        "\x1b[?47h",
        "\x1b[?1047l",
        "\x1b[?1;1049h",
        "\x1b[?1049l",
        "\x1b[?65583h",
        "\x1b[?047;1h",
        "\x1b[?4\n7h",
    ),
    *(
        "a\x1b[999b",
        "\n",
        "\v",
        "\f",
        "\x1bM",
        "\x1bD",
        "\x1bE",
        "\x1b\n\x01c",
        "\x1b[\x015\x02S",
        "\x1b[" + "\n" * 900 + "J",
        "\x1b[K",
        "\x1b[9@",
    ),
)
CHEAP = (
    "x" * 50,
    "\x1b[31m",
    "\x1b[5;5H",
    "漢",
    "\x1b[?25l",
    "\x1b[?2004h",
    "\x1b]2;c#8\x07",
    "\x1b(0",
    "\x1b[4h",
    "\x1b[",
    "\x1b",
)


@st.composite
def floods(draw):
    """Much of what costs much, among what costs little."""
    chance = random.Random(draw(st.integers()))
    pieces = chance.choices((*COSTLY, *CHEAP), k=draw(st.integers(1, 5)))
    return "".join(chance.choices(pieces, k=draw(st.integers(0, 3000))))


def asked(function, cols, rows):
    """What *function* of an emulator's costs at least, by the table in steps.py."""
    match function:
        case Function.Ris():
            return cols * rows * steps.RESET_NS
        case Function.Decaln():
            return cols * rows * steps.SCREEN_NS
        case Function.Decset() | Function.Decrst():
            return cols * rows * steps.SCREEN_NS if any(mode in SCREENS for mode in function[0]) else 0
        case Function.Ed() if function[0] != EdScope.SavedLines:
            return cols * rows * steps.ERASED_TENTHS_NS // 10
        case Function.Il() | Function.Dl() | Function.Su() | Function.Sd():
            return min(function[0] or 1, rows) * cols * steps.MOVED_NS
        case Function.Rep():
            return steps.REPEAT_NS
        case Function.Lf() | Function.Nel() | Function.Ri():
            return cols * steps.ROW_NS
        case Function.El():
            return cols * steps.ERASED_ROW_NS
        case Function.Ich():
            return cols * steps.INSERTED_NS
        case _:
            return 0


def all_asked(text, parser, size):
    functions = [function for char in text if (function := parser.feed(char)) is not None]
    return [cost for function in functions if (cost := asked(function, *size))]


def parts_at(text, size):
    encoded = text.encode()
    return list(parts_of(text, bounds_of(encoded, outlined(encoded), *size), *size))


@given(floods(), SIZES)
def test_the_parts_of_a_text_are_the_text_and_cost_what_is_told(text, size):
    parts = parts_at(text, size)
    assert "".join(part for _, part in parts) == text
    parser = Parser()
    for told, part in parts:
        costs = all_asked(part, parser, size)
        assert sum(costs) <= told
        assert told <= STEP_NS or len(costs) <= 1


@pytest.mark.parametrize("size", [(80, 24), (640, 200)])
@pytest.mark.parametrize("operation", [*COSTLY, *CHEAP])
def test_a_flood_of_anything_comes_in_parts_that_are_short(operation, size):
    text = operation * (128 * 1024 // len(operation))
    parts = parts_at(text, size)
    assert "".join(part for _, part in parts) == text
    assert max(told for told, _ in parts) <= STEP_NS
    assert max(len(part) for _, part in parts) <= 2 * steps.PART_CHARS


@given(st.text(st.sampled_from("ab\x1b[\n\u0301\u200d漢"), max_size=400), st.integers(1, 50))
def test_pieces_of_a_text_begin_with_a_mark_only_behind_many(text, chars):
    pieces = list(cut(text, chars))
    assert "".join(pieces) == text
    for before, piece in itertools.pairwise(pieces):
        assert piece[0] not in MARKS or len(before) >= MAX_MARKS


ORDINARY = (
    *(
        "word ",
        "日本",
        "e\u0301",
        "👩\u200d👧",
        "\r\n",
        "\x1b[m",
        "\x1b[1;4;42m",
        "\x1b[2;5r",
        "\x1b[r",
        "\x1b]2;title\x07",
    ),
    *(
        "\x1b[?1049h",
        "\x1b[?1049l",
        "\x1b[>1u",
        "\x1b[<u",
        "\x1b[?1h",
        "\x1b7",
        "\x1b8",
        "\x1b[3",
        "\x85",
        "\xad",
        "\x1b[22t",
    ),
    *(
        "\x1b[H",
        "\x1b[J",
        "\x1b[5S",
        "\x1b[L",
        "\x1bM",
        "\x1bc",
        "a\x1b[9999b",
        "\x1b[4h",
        "\x1b[?25l",
        "\x1b#8",
    ),
)


@pytest.mark.parametrize("seed", range(100))
def test_short_steps_lead_to_the_same_as_long_ones(seed, monkeypatch):
    chance = random.Random(seed)
    data = "".join(chance.choices(ORDINARY, k=chance.randint(1, 2000))).encode()
    long, short = Fold(40, 12), Fold(40, 12)
    long.feed(data)
    for module in (steps, fold_module):
        monkeypatch.setattr(module, "STEP_NS", 20_000)
    monkeypatch.setattr(fold_module, "LEAST_CHARS", 20)
    assert len(list(short.steps(data))) > len(data) // 200
    assert short.picture() == long.picture()
    assert dump(short) == dump(long)
