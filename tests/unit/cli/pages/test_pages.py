"""Pages: keys in, effects and drawings out. What is drawn is read back through an emulator."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.cli.client_rows import ClientRow
from cctm.cli.pages.clients import ClientsPage
from cctm.cli.pages.effects import Closed, Kill, Rename, Switch, Throw
from cctm.cli.pages.help import KEYS, HelpPage
from cctm.cli.pages.keystrokes import Keystrokes
from cctm.cli.pages.prompt import KillPrompt, RenamePrompt
from cctm.cli.pages.record import RecordPage
from cctm.cli.pages.terminals import TerminalsPage
from cctm.protocol.control.replies import Row
from cctm.protocol.control.values import Mode, Rights
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of

NASTY = "a\x1b]0;owned\x07\x9b?1000h\r\n\u202eb"
NOW_US = 10_000_000_000


def terminal(number, name, command="bash", clients=0):
    return Row(bytes([number]) * 32, name, command, True, NOW_US, None, None, None, 80, 24, clients, 0, "", 1)


TERMINALS = [
    terminal(1, "0"),
    terminal(2, "build", "make -j8", 2),
    terminal(3, "编译", "vim"),
    terminal(4, "7", "htop"),
]
CLIENTS = [
    ClientRow(0, 80, 24, Mode.RAW, Rights.DRIVE, "xterm", 0),
    ClientRow(1, 100, 30, Mode.PAINTED, Rights.VIEW, NASTY, 5000),
]


class List:
    """Lines for a record page, in blocks of which the last comes first."""

    def __init__(self, *blocks):
        self.blocks = blocks

    def lines(self, block):
        return tuple(self.blocks[block]) if 0 <= block < len(self.blocks) else None

    def oldest(self):
        return len(self.blocks) - 1

    def part(self, block):
        return 1 - (block + 1) / len(self.blocks)


def numbered(count, size=10):
    """The lines 0 … count-1 in blocks of *size*."""
    lines = [f"line {number}" for number in range(count)]
    return List(*([*reversed([lines[at : at + size] for at in range(0, count, size)])] or [[]]))


def shown(page, cols=60, rows=12):
    """The rows that a window shows."""
    fold = Fold(cols, rows)
    fold.feed(page.draw(cols, rows))
    return [text_of(row).rstrip() for row in fold.picture().lines]


def press(page, *keys):
    """What the page comes to; its work is done."""
    for key in keys:
        effect = page.take(key)
        if effect is not None:
            return effect
        while page.is_busy:
            page.work()
    return None


PAGES = {
    "help": HelpPage,
    "terminals": lambda: TerminalsPage([*TERMINALS, terminal(9, NASTY, NASTY)], TERMINALS[1].channel, NOW_US),
    "no terminals": lambda: TerminalsPage([], b"", NOW_US),
    "clients": lambda: ClientsPage(NASTY, CLIENTS),
    "no clients": lambda: ClientsPage("x", []),
    "record": lambda: RecordPage("x", numbered(100)),
    "a record of wide text": lambda: RecordPage(NASTY, List(["界" * 300, "e\u0301" * 300])),
    "no record": lambda: RecordPage("x", List([])),
    "rename": lambda: RenamePrompt("编译" * 40),
    "kill": lambda: KillPrompt(NASTY * 20),
}


@pytest.mark.parametrize("name", PAGES)
@settings(deadline=None)
@given(st.integers(1, 120), st.integers(1, 40), st.lists(st.sampled_from("jkGg/n?N0 q"), max_size=6))
def test_any_page_in_any_window_stays_in_it_and_steers_nothing(name, cols, rows, keys):
    page = PAGES[name]()
    press(page, *keys)
    drawn = page.draw(cols, rows)
    fold = Fold(max(cols, 2), rows)
    fold.feed(drawn)
    assert fold.picture().title == ""
    assert not fold.modes.client.private
    text = drawn.decode()
    for sequence in ("\x07", "\x9b", "\u202e", "\n", "\r"):
        assert sequence not in text


@pytest.mark.parametrize("name", ["help", "terminals", "clients", "record"])
def test_escape_and_q_leave(name):
    assert press(PAGES[name](), "escape") == Closed()
    assert press(PAGES[name](), "q") == Closed()


def test_the_help_names_every_key():
    lines = " ".join(shown(HelpPage(), 80, 24))
    assert all(what in lines for _, what in KEYS)


# --- the list of terminals


def terminals():
    return TerminalsPage(TERMINALS, TERMINALS[1].channel, NOW_US)


def test_terminals_are_listed_with_the_current_one_marked():
    lines = shown(terminals())
    assert lines[0].split() == ["NAME", "STATE", "CLIENTS", "AGE", "COMMAND"]
    assert lines[1].split() == ["0", "running", "0", "0s", "bash"]
    assert lines[2].split() == ["*", "build", "attached", "2", "0s", "make", "-j8"]


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["enter"], 1),
        (["j", "enter"], 2),
        (["down", "down", "down", "down", "enter"], 3),
        (["k", "up", "up", "enter"], 0),
        (["G", "enter"], 3),
        (["G", "g", "enter"], 0),
        (["7"], 3),
        (["0"], 0),
        (["/", "v", "i", "enter"], 2),
        (["/", "M", "A", "K", "E", "enter"], 1),
        (["/", "b", "a", "x", "backspace", "enter"], 0),
        (["/", "m", "clear", "escape", "enter"], 1),
        (["/", "a", "down", "enter", "enter"], 1),
    ],
)
def test_a_terminal_is_chosen(keys, chosen):
    assert press(terminals(), *keys) == Switch(TERMINALS[chosen].channel)


def test_a_number_that_no_terminal_has_and_a_filter_that_nothing_meets_choose_nothing():
    page = terminals()
    assert press(page, "5", "/", "z", "enter", "enter") is None
    assert "none" in shown(page)[1]
    assert press(page, "escape", "enter") == Switch(TERMINALS[1].channel)


def test_a_long_list_shows_the_marked_one():
    rows = [terminal(number, f"t{number}") for number in range(100)]
    page = TerminalsPage(rows, rows[70].channel, NOW_US)
    assert any("* t70" in line for line in shown(page))
    press(page, "page down", "page down")
    assert any("t88" in line for line in shown(page))
    press(page, "G")
    assert any("t99" in line for line in shown(page))


# --- who is here


def test_clients_are_listed_and_the_marked_one_detached():
    page = ClientsPage("work", CLIENTS)
    lines = shown(page, 80)
    assert lines[0] == " work: 2 clients"
    assert lines[2].split() == ["0", "80x24", "raw", "drive", "xterm", "-"]
    assert press(page, "j", "d") == Throw(1)
    assert press(ClientsPage("work", []), "d") is None


# --- prompts


def test_a_name_is_typed():
    page = RenamePrompt("old")
    assert shown(page)[-1] == " Rename to: old"
    assert press(page, "backspace", "clear", "n", "é", "left", "w", " ", "enter") == Rename("néw")
    assert press(RenamePrompt("old"), "enter") == Closed()
    assert press(RenamePrompt("old"), "clear", "enter") == Closed()
    assert press(RenamePrompt("old"), "x", "escape") == Closed()


def test_a_prompt_covers_the_last_row_only_and_shows_the_end_of_a_long_name():
    page = RenamePrompt("x" * 100 + "end")
    fold = Fold(40, 5)
    fold.feed(b"kept" + page.draw(40, 5))
    picture = fold.picture()
    assert text_of(picture.lines[0]) == "kept"
    assert text_of(picture.lines[4]).rstrip().endswith("xend")
    assert picture.cursor.row == 4


def test_only_yes_ends_a_terminal():
    assert press(KillPrompt("work"), "x", "y") == Kill()
    for key in ("n", "escape", "enter", "q"):
        assert press(KillPrompt("work"), key) == Closed()


# --- the record


def record(count=100, rows=12):
    page = RecordPage("work", numbered(count))
    shown(page, rows=rows)
    return page


def window(page, rows=12):
    return [line for line in shown(page, rows=rows)[:-1] if line]


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


# --- keystrokes


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"a\xc3\xa9 ", ["a", "é", " "]),
        (b"\x1b[A\x1bOB\x1b[C\x1b[1;5D", ["up", "down", "right", "left"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["page up", "page down", "home", "end"]),
        (b"\r\x7f\x08\x15\x1b", ["enter", "backspace", "backspace", "clear", "escape"]),
        (b"\x03", ["escape"]),
        (b"\x1b[17~\x1b[<0;1;1Mx", ["x"]),
        (b"\x1bx\x01y", ["y"]),
    ],
)
def test_keys_have_names(data, names):
    assert Keystrokes().receive(data) == names


def test_a_character_that_comes_in_pieces_is_one_key():
    keys = Keystrokes()
    assert keys.receive(b"\xe7\x95") == []
    assert keys.receive(b"\x8c") == ["界"]
