"""Pages: keys in, effects and drawings out. What is drawn is read back through an emulator."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.cli.client_rows import ClientRow
from cctm.cli.pages.effects import Closed, Kill, Rename, Switch, Throw
from cctm.cli.pages.help import KEYS, HelpPage
from cctm.cli.pages.here import HerePage
from cctm.cli.pages.keyboard import EVERYBODY, KeyboardPage
from cctm.cli.pages.keystrokes import Keystrokes
from cctm.cli.pages.links import LinkPage, LinksPage
from cctm.cli.pages.prompt import Question, RenamePrompt, kill_question
from cctm.cli.pages.record import RecordPage
from cctm.cli.pages.terminals import TerminalsPage
from cctm.cli.pages.together import AskKick, AskRevoke, Here, Keyboard, MakeLink, Pass, ShowLink
from cctm.protocol.access import Role
from cctm.protocol.control.replies import LinkRow, PersonRow, Presence, Recalled, Row
from cctm.protocol.control.values import FloorAction, Mode, Rights
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


ANA, BO = b"\xa0" * 32, b"\xb0" * 32
HOST = PersonRow(b"", "me", Role.OWNER, b"", NOW_US - 60_000_000, 0, None)
GUESTS = [
    PersonRow(ANA, "ana", Role.DRIVER, b"\1" * 32, NOW_US - 5_000_000, 1_000, 24_300),
    PersonRow(BO, "薄", Role.VIEWER, b"\2" * 32, NOW_US - 7_200_000_000, None, None),
]
SHARED = Presence([HOST, *GUESTS], b"", None)
ONE_AT_A_TIME = SHARED._replace(holder=b"")
ALONE = Presence([], b"", None)
NASTY_PEOPLE = Presence([GUESTS[0]._replace(label=NASTY)] * 20, b"", b"")
URL = "https://relay.example/t/" + "c" * 43 + "#" + "s" * 50
LINKS = [
    LinkRow(bytes(32), "work", b"\1" * 32, Role.DRIVER, None, 2, URL, "connected"),
    LinkRow(bytes(32), "work", b"\2" * 32, Role.VIEWER, NOW_US + 7_300_000_000, 0, "other", NASTY),
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
    "here": lambda: HerePage(NASTY, CLIENTS, NASTY_PEOPLE, NOW_US),
    "nobody here": lambda: HerePage("x", [], ALONE, NOW_US),
    "links": lambda: LinksPage(NASTY, LINKS * 20, NOW_US),
    "no links": lambda: LinksPage("x", [], NOW_US),
    "link": lambda: LinkPage(NASTY, URL, Role.VIEWER),
    "a link that is none": lambda: LinkPage("x", NASTY, 99),
    "keyboard": lambda: KeyboardPage(NASTY, NASTY_PEOPLE),
    "everybody's keyboard": lambda: KeyboardPage("x", SHARED),
    "record": lambda: RecordPage("x", numbered(100)),
    "a record of wide text": lambda: RecordPage(NASTY, List(["界" * 300, "e\u0301" * 300])),
    "no record": lambda: RecordPage("x", List([])),
    "rename": lambda: RenamePrompt("编译" * 40),
    "kill": lambda: kill_question(NASTY * 20),
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


@pytest.mark.parametrize("name", ["help", "terminals", "here", "links", "keyboard", "record"])
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
    page = HerePage("work", CLIENTS, ALONE, NOW_US)
    lines = shown(page, 80)
    assert lines[0] == " work: 2 clients"
    assert lines[2].split() == ["0", "80x24", "raw", "drive", "xterm", "-"]
    assert press(page, "j", "d") == Throw(1)
    assert press(HerePage("work", [], ALONE, NOW_US), "d") is None


def here(presence=SHARED, at=0):
    return HerePage("work", CLIENTS, presence, NOW_US, at)


def test_people_are_listed_with_what_they_may_and_when_they_typed():
    lines = shown(here(), 80, 20)
    assert lines[0] == " work: 2 clients, 3 people"
    assert [line.split() for line in lines[5:9]] == [
        ["WHO", "ID", "ROLE", "HERE", "TYPED", "ROUND", "TRIP"],
        ["me", "(you)", "-", "owner", "1m", "now", "-"],
        ["ana", "a0a0a0a0", "drive", "5s", "now", "24", "ms"],
        ["薄", "b0b0b0b0", "view", "2h", "-", "-"],
    ]


def test_the_host_is_asked_before_a_guest_is_removed():
    assert press(here(), "j", "j", "j", "d") == AskKick(ANA, "ana")
    assert press(here(), "j", "j", "d") is None  # oneself
    assert "remove" in shown(here(), 80)[-1]


def test_a_guest_removes_nobody():
    page = here(SHARED._replace(you=ANA))
    assert press(page, "G", "d") is None
    assert "remove" not in shown(page, 80)[-1]
    assert press(page, "g", "d") == Throw(0)  # a client of one's own


def test_who_is_here_is_asked_for_again_with_the_mark_where_it_was():
    page = here()
    press(page, "j", "j", "j")
    assert page.renewal() == Here(3)
    assert press(here(at=3), "d") == AskKick(ANA, "ana")
    assert press(here(SHARED._replace(rows=[HOST]), at=9), "d") is None  # whom it marked has left


# --- links


def test_the_links_to_a_terminal_are_listed():
    lines = shown(LinksPage("work", LINKS, NOW_US), 80)
    assert lines[0] == " Share work"
    assert [line.split()[:5] for line in lines[6:9]] == [
        ["LINK", "ROLE", "EXPIRES", "GUESTS", "STATE"],
        ["01010101", "drive", "never", "2", "connected"],
        ["02020202", "view", "in", "2h", "2m"],
    ]


@pytest.mark.parametrize(
    ("keys", "effect"),
    [
        ("v", MakeLink(Role.VIEWER)),
        ("d", MakeLink(Role.DRIVER)),
        (["enter"], ShowLink(LINKS[0])),
        (["j", "enter"], ShowLink(LINKS[1])),
        (["G", "x"], AskRevoke(LINKS[1])),
    ],
)
def test_a_link_is_made_shown_or_revoked(keys, effect):
    assert press(LinksPage("work", LINKS, NOW_US), *keys) == effect


def test_where_there_is_no_link_none_is_shown_or_revoked():
    assert press(LinksPage("work", [], NOW_US), "enter", "x", "j") is None


def test_a_link_is_shown_as_one_line_that_a_terminal_wraps_and_as_a_qr_code():
    page = LinkPage("work", URL, Role.DRIVER)
    fold = Fold(60, 40)
    fold.feed(page.draw(60, 40))
    lines = fold.picture().lines
    assert text_of(lines[0]).rstrip() == " work: whoever has this link watches and types"
    assert text_of(lines[2]) + text_of(lines[3]).rstrip() == URL
    assert lines[2].wraps
    assert any("█▀▀▀" in text_of(line) for line in lines[4:])
    assert press(page, "x", "q") == Closed()


def test_a_window_without_room_shows_no_part_of_a_qr_code():
    lines = shown(LinkPage("work", URL, Role.VIEWER), 80, 20)
    assert not any("▀" in line for line in lines)
    assert "A larger window has room" in "".join(lines)
    assert "".join(lines[2:4]) == URL


# --- the keyboard


def test_where_every_driver_types_nobody_is_asked_for_the_keyboard():
    page = KeyboardPage("work", SHARED)
    assert EVERYBODY in "".join(shown(page, 100))
    assert press(page, "t", "enter", "r", "l") is None


def test_who_has_the_keyboard_is_marked_among_those_who_may():
    lines = shown(KeyboardPage("work", ONE_AT_A_TIME))
    assert lines[2:5] == [" * me (you)", "   ana", ""]
    lines = shown(KeyboardPage("work", ONE_AT_A_TIME._replace(holder=ANA)))
    assert lines[2:4] == ["   me (you)", " * ana"]


def test_a_guest_sees_that_the_host_has_the_keyboard():
    host = PersonRow(b"", "", Role.OWNER, b"", 0, None, None)
    guests = Presence([host, *GUESTS], ANA, b"")
    assert shown(KeyboardPage("work", guests))[2:5] == [" * host", "   ana (you)", ""]
    assert shown(KeyboardPage("work", guests._replace(holder=ANA)))[2:5] == ["   host", " * ana (you)", ""]


@pytest.mark.parametrize(
    ("holder", "keys", "effect"),
    [
        (b"", ["j", "enter"], Pass(FloorAction.GRANT, ANA)),
        (b"", ["enter"], Pass(FloorAction.GRANT)),
        (ANA, ["t"], Pass(FloorAction.GRANT)),
        (ANA, ["enter"], Pass(FloorAction.GRANT, ANA)),
        (b"", ["r", "l"], None),
    ],
)
def test_the_host_passes_the_keyboard_on(holder, keys, effect):
    assert press(KeyboardPage("work", ONE_AT_A_TIME._replace(holder=holder)), *keys) == effect


@pytest.mark.parametrize(
    ("you", "holder", "keys", "effect"),
    [
        (ANA, b"", "r", Pass(FloorAction.REQUEST)),
        (ANA, b"", "lt", None),
        (ANA, ANA, "l", Pass(FloorAction.RELEASE)),
        (BO, b"", "rlt", None),  # who only watches
    ],
)
def test_a_guest_asks_for_the_keyboard_and_gives_it_back(you, holder, keys, effect):
    presence = ONE_AT_A_TIME._replace(you=you, holder=holder)
    assert press(KeyboardPage("work", presence), *keys, *["enter"]) == effect


def test_the_keyboard_is_asked_about_again_with_the_mark_where_it_was():
    page = KeyboardPage("work", ONE_AT_A_TIME)
    press(page, "j")
    assert page.renewal() == Keyboard(1)
    assert press(KeyboardPage("work", ONE_AT_A_TIME, 1), "enter") == Pass(FloorAction.GRANT, ANA)


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
    assert press(kill_question("work"), "x", "y") == Kill()
    for key in ("n", "escape", "enter", "q"):
        assert press(kill_question("work"), key) == Closed()


def test_no_goes_where_the_question_came_from():
    assert press(Question("Remove ana?", Kill(), Here(2)), "n") == Here(2)


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
