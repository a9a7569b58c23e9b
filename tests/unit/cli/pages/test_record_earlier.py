"""cctm.cli.pages.record: what lies before what is here, loaded when somebody goes there."""

from cctm.cli.pages.record import RecordPage
from cctm.protocol.control.replies import Recalled
from pages_parts import List, press, shown, window


class Earlier:
    """Blocks that lie before those of a record, to be had one at a time, and why there are no more."""

    def __init__(self, source, *blocks, why=""):
        self.source = source
        self.blocks = list(blocks)
        self.why = why
        self.asked = 0
        self.closed = 0
        self.descriptor = 7

    def ask(self):
        self.asked += 1

    def take(self):
        if self.blocks:
            self.source.coming = [self.blocks.pop(0)]
        return Recalled(bool(self.blocks), len(self.source.coming), "" if self.blocks else self.why)

    def close(self):
        self.closed += 1


class Growing(List):
    """A record that grows at its beginning."""

    coming = ()

    def extend(self):
        first = len(self.blocks)
        self.blocks = (*self.blocks, *self.coming)
        self.coming = ()
        return first


def late(*blocks, why=""):
    """A record of ten lines, before which *blocks* lie."""
    source = Growing([f"here {number}" for number in range(10)])
    page = RecordPage("work", source, Earlier(source, *blocks, why=why))
    shown(page, rows=6)
    return page


def test_who_goes_up_beyond_the_beginning_has_more_loaded_and_goes_on():
    page = late(["before 0", "before 1"], ["first"])
    press(page, "g")
    assert (page.waits_for, window(page, 6)[0]) == (None, "here 0")
    press(page, "up")
    assert page.waits_for == 7
    assert "loading what was printed before" in shown(page, rows=6)[-1]
    press(page, "down")  # keys count meanwhile
    assert window(page, 6)[0] == "here 1"
    page.arrived()
    assert page.waits_for is None
    assert window(page, 6)[0] == "here 0"
    press(page, "up", "up")
    assert window(page, 6)[0] == "before 0"
    press(page, "page up")
    page.arrived()
    assert window(page, 6)[0] == "first"


def test_why_there_is_nothing_before_is_said_and_not_asked_again():
    page = late(why="It was not shared.")
    press(page, "g", "up")
    page.arrived()
    assert "It was not shared." in shown(page, rows=6)[-1]
    press(page, "G")
    assert "It was not shared." not in shown(page, rows=6)[-1]
    press(page, "g", "up")
    assert "It was not shared." in shown(page, rows=6)[-1]
    assert page._earlier.asked == 1


def test_a_search_goes_on_in_what_is_loaded():
    page = late(["x"] * 10, ["x", "needle", "x"], ["first"])
    press(page, *"?needle", "enter")
    assert page.waits_for == 7
    page.arrived()
    assert page.is_busy
    while page.is_busy:
        page.work()
    assert page.waits_for == 7
    page.arrived()
    while page.is_busy:
        page.work()
    assert "needle" in window(page, 6)
    assert page.waits_for is None


def test_a_search_in_vain_says_why_nothing_more_is_loaded():
    page = late(why="It was not shared.")
    press(page, *"?needle", "enter")
    page.arrived()
    assert "needle: nothing above; N looks the other way. It was not shared." in shown(page, 90, 6)[-1]


def test_a_search_that_waits_is_stopped_by_any_key():
    page = late(["needle"])
    press(page, *"?needle", "enter", "x")
    page.arrived()
    assert not page.is_busy


def test_a_page_that_is_left_waits_no_longer():
    page = late(["before"])
    press(page, "g", "up")
    page.leave()
    assert page._earlier.closed == 1


def test_an_empty_record_is_loaded_by_a_search():
    source = Growing([])
    page = RecordPage("work", source, Earlier(source, ["needle"]))
    shown(page)
    press(page, *"?needle", "enter")
    page.arrived()
    while page.is_busy:
        page.work()
    assert "needle" in window(page)
