"""What scrolls away at once is not printed, and nothing of that can be seen."""

import random

import pytest

from cctm.screen import skipping
from cctm.screen.dump import dump
from cctm.screen.fold import Fold

PIECES = (
    *("word ", "x" * 90, "日本", "é", "\r\n", "\r\n", "\r\n", "\n", "\r", "\t", "\b"),
    *("\x1b[m", "\x1b[31m", "\x1b[1;4;42m", "\x1b[0m", "\x1b[38;5;200m", "\x1b[38:2::1:2:3m", "\x1b[7m"),
)
RARE = (
    *("\x0e", "\x0f", "\x1b(0", "\x1b(B", "\x1b[H", "\x1b[2;5r", "\x1b[r", "\x1b[K", "\x1b[?1049h"),
    *("\x1b[4h", "\x1b7", "\x1b[3"),
)


@pytest.mark.parametrize("seed", range(300))
def test_a_flood_leaves_the_same_as_if_all_of_it_had_been_printed(seed, monkeypatch):
    chance = random.Random(seed)
    size = chance.choice([(80, 24), (20, 5), (7, 1), (132, 50)])
    pieces = (*PIECES, *chance.sample(RARE, chance.choice([0, 0, 1, 3])))
    before = "".join(chance.choices((*PIECES, *RARE), k=chance.randint(0, 30))).encode()
    flood = "".join(chance.choices(pieces, k=chance.randint(500, 6000))).encode()
    after = "".join(chance.choices((*PIECES, *RARE), k=chance.randint(0, 30))).encode()
    skipped, whole = Fold(*size), Fold(*size)
    for data in (before, flood, after):
        skipped.feed(data)
    monkeypatch.setattr(skipping, "LEAST", 1 << 40)
    for data in (before, flood, after):
        whole.feed(data)
    assert skipped.picture() == whole.picture()
    assert dump(skipped) == dump(whole)


def test_a_flood_of_lines_is_cut_to_few():
    flood = "".join(f"\x1b[32m{number}\x1b[0m a line\r\n" for number in range(5000))
    assert len(skipping.without_scrolled_away(flood, 24)) < 2000
