"""QR codes as half blocks: every module is where the code has it."""

import pytest
import segno

from cctm.cli.qr import MARGIN, inverse, rows_of

TEXTS = ["x", "https://relay.example/t/" + "c" * 43 + "#" + "s" * 50, "täxt" * 100]
UPPER, LOWER = {"▀", "█"}, {"▄", "█"}


def modules(rows):
    return [[letter in half for letter in row] for row in rows for half in (UPPER, LOWER)]


@pytest.mark.parametrize("text", TEXTS, ids=len)
def test_the_blocks_are_the_modules_of_the_code(text):
    code = segno.make_qr(text, error="l", boost_error=False)
    expected = [[module == 1 for module in row] for row in code.matrix_iter(border=MARGIN)]
    found = modules(rows_of(text))
    assert found[: len(expected)] == expected
    assert not any(map(any, found[len(expected) :]))


@pytest.mark.parametrize("text", TEXTS, ids=len)
def test_light_on_dark_every_module_is_the_other_way(text):
    rows = rows_of(text)
    assert modules(inverse(rows)) == [[not module for module in row] for row in modules(rows)]


def test_a_link_has_room_in_a_window_of_common_size():
    rows = rows_of(TEXTS[1])
    assert len(rows) <= 24
    assert {len(row) for row in rows} == {len(rows[0])}
