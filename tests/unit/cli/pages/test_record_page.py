"""cctm.cli.pages.record: to scroll and to search."""

import pytest

from cctm.cli.pages.effects import Closed
from cctm.cli.pages.record import RecordPage
from pages_parts import List, numbered, press, shown, window


def record(count=100, rows=12):
    page = RecordPage("work", numbered(count))
    shown(page, rows=rows)
    return page


def test_a_record_shows_its_end_first():
    assert window(record()) == [f"line {number}" for number in range(89, 100)]
    assert window(record(3)) == ["line 0", "line 1", "line 2"]


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        (["up"], 88),
        (["k"] * 50, 39),
        (["page up"], 79),
        (["page up", "page up", "page down"], 79),
        (["g"], 0),
        (["g", "up"], 0),
        (["g", "down"], 1),
        (["g", "page down", " "], 20),
        (["g", "G"], 89),
        (["down", "page down"], 89),
        (["home", "end"], 89),
        (["u"], 84),
        (["u", "d"], 89),
    ],
)
def test_a_record_scrolls(keys, first):
    page = record()
    press(page, *keys)
    assert window(page)[0] == f"line {first}"


def test_a_record_that_is_shorter_than_the_window_does_not_scroll():
    page = record(3)
    press(page, "up", "page up", "g", "down", "page down")
    assert window(page) == ["line 0", "line 1", "line 2"]


def test_long_lines_are_folded_to_the_window_and_again_when_it_changes():
    page = RecordPage("work", List(["first", "x" * 100, "last"]))
    assert [len(line) for line in shown(page, 40, 12)[:5]] == [5, 40, 40, 20, 4]
    assert [len(line) for line in shown(page, 50, 12)[:4]] == [5, 50, 50, 4]
    shown(page, 40, 3)
    press(page, "g")
    assert shown(page, 40, 3)[0] == "first"
    press(page, "down", "down")
    assert [len(line) for line in shown(page, 40, 3)[:2]] == [40, 20]


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ("?line 5", "line 59"),
        ("?line 50", "line 50"),
        ("/line 5", "line 59"),  # from the end there is only one direction
        ("?LINE 5", None),
        ("?Line 5", None),
    ],
)
def test_a_search_shows_what_it_found(keys, found):
    page = record()
    press(page, *keys, "enter")
    lines = window(page)
    assert (found in lines) is (found is not None)
    if found is None:
        assert "nothing above" in shown(page)[-1]


def test_small_letters_find_capitals():
    page = RecordPage("work", List(["a Word", *("x" for _ in range(30))]))
    shown(page)
    press(page, *"?word", "enter")
    assert "a Word" in window(page)


def test_a_search_goes_on_and_back():
    page = record()
    found = []
    press(page, *"?line 5", "enter")
    for key in ("n", "n", "N", "n", "n"):
        press(page, key)
        found.append(page._match)
    lines = [page._source.lines(spot.block)[spot.line] for spot in found]
    assert lines == ["line 58", "line 57", "line 58", "line 57", "line 56"]
    press(page, "g", *"/line 9", "enter")
    assert page._source.lines(page._match.block)[page._match.line] == "line 9"
    press(page, "n")
    assert page._source.lines(page._match.block)[page._match.line] == "line 90"


def test_a_search_in_vain_says_so_and_stays():
    page = record()
    press(page, "g", *"/nowhere", "enter")
    assert window(page)[0] == "line 0"
    assert "nowhere: nothing below; N looks the other way" in shown(page, 80)[-1]
    press(page, "N")
    assert "nowhere: nothing above; n looks the other way" in shown(page, 80)[-1]


def test_a_search_under_way_is_shown_and_stopped_by_any_key():
    page = record()
    for key in ("?", "l", "i", "n", "e", " ", "1", "1", "x", "enter"):
        page.take(key)
    page.work()
    assert "searching for line 11x" in shown(page)[-1]
    assert page.take("q") is None
    assert not page.is_busy
    assert "stopped" in shown(page)[-1]
    assert page.take("q") == Closed()


def test_what_is_typed_for_a_search_can_be_corrected_and_given_up():
    page = record()
    press(page, *"?xx", "backspace", "clear", *"line 3", "enter")
    assert "line 39" in window(page)
    press(page, "?", "escape")
    assert "PgUp" in shown(page, 80)[-1]
    press(page, "?", "backspace")
    assert "PgUp" in shown(page, 80)[-1]


def test_the_place_in_the_record_is_said():
    page = record()
    assert "record, 100%" in shown(page)[-1]
    press(page, "g")
    assert "record, 0%" in shown(page)[-1]
