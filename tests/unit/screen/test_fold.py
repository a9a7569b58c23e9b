"""A fold takes anything, and stays as small as its screen."""

import random
import sys
import tracemalloc

import pytest

from cctm.screen.avt_emulator import AvtEmulator
from cctm.screen.dump import dump
from cctm.screen.fold import MAX_CELLS, MAX_COLS, MAX_ROWS, Fold
from cctm.screen.picture import EMPTY, text_of
from cctm.screen.pyte_emulator import PyteEmulator
from screens import folded, state

SIZE = (20, 5)


def rows(fold):
    return [text_of(row) for row in fold.picture().lines]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((80, 24), (80, 24)),
        ((1, 1), (2, 1)),
        ((500, 200), (500, 200)),
        ((65535, 1), (MAX_COLS, 1)),
        ((1, 65535), (2, MAX_ROWS)),
        ((65535, 65535), (MAX_COLS, MAX_CELLS // MAX_COLS)),
        ((0, 0), (2, 1)),
    ],
)
def test_sizes_are_cut_to_what_a_fold_can_have(asked, given):
    made = Fold(*asked)
    resized = Fold(80, 24)
    resized.resize(*asked)
    for fold in (made, resized):
        fold.feed("界".encode() * 10 + b"\x1b[999;999Hx")
        assert (fold.cols, fold.rows) == given
        assert (fold.picture().cols, len(fold.picture().lines)) == given


def test_invalid_bytes_are_replacement_characters():
    assert rows(folded(SIZE, b"a\xff\xc3(b\xe2\x82"))[0] == "a\ufffd\ufffd(b"
    assert rows(folded(SIZE, b"\xe2\x82", b"\xac\xe7", b"\x95\x8c"))[0] == "€界"


def test_control_characters_never_get_into_a_cell():
    fold = folded(SIZE, bytes(range(256)) * 3, "".join(map(chr, range(0x7F, 0xA0))).encode())
    assert all(char.isprintable() for row in rows(fold) for char in row.replace(" ", ""))


def test_c1_characters_are_what_their_seven_bit_forms_are():
    c1 = "\x9b31mred\x9d2;title\x9c\x85next\x88\x8d\x84\x90q\x9c\x9fx\x9cy"
    seven = "\x1b[31mred\x1b]2;title\x1b\\\x1bEnext\x1bH\x1bM\x1bD\x1bPq\x1b\\\x1b_x\x1b\\y"
    assert state(folded(SIZE, c1.encode())) == state(folded(SIZE, seven.encode()))


def test_the_picture_is_the_same_object_until_something_is_fed():
    fold = folded(SIZE, b"x")
    assert fold.picture() is fold.picture()
    before = fold.picture()
    fold.feed(b"y")
    assert fold.picture() is not before
    assert fold.picture().lines[1] is before.lines[1] or fold.picture().lines[1] == EMPTY


def test_rows_that_did_not_change_are_the_same_objects():
    fold = folded(SIZE, b"\r\n".join(b"\x1b[3%dmrow" % number for number in range(5)))
    before = fold.picture().lines
    fold.feed(b"\x1b[3;1Hx")
    after = fold.picture().lines
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, True, False, True, True]


@pytest.mark.untraced
@pytest.mark.parametrize(
    "flood",
    [
        b"\x1b]0;" + b"x" * 3_000_000,
        b"\x1b[" + b"1" * 3_000_000,
        b"\x1b[" + b"1;" * 1_000_000 + b"m",
        b"\x1bP" + b"x" * 3_000_000,
        b"x\x1b[1000000000b" * 10_000,
        b"x\x1b[65535b" * 10_000,
        b"x\x1b[000065\n535b" * 10_000,
        b"\x1b[65535S" * 10_000,
        b"\x1b[65535@\x1b[65535L\x1b[65535P\x1b[65535X\x1b[65535I" * 10_000,
        b"\x1b[>1u" * 30_000,
        b"\x1b[22t" * 30_000,
        "e\u0301".encode() * 100_000,
        b"e" + "\u0301".encode() * 300_000,
    ],
)
def test_no_output_makes_a_fold_grow(flood):
    fold = Fold(80, 24)
    fold.feed(b"warm \x1b[31mup" + "e\u0301".encode())
    dump(fold)
    tracemalloc.start()
    for start in range(0, len(flood), 65536):
        fold.feed(flood[start : start + 65536])
    fold.picture()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 400_000
    assert len(dump(fold)) < 100_000


@pytest.mark.parametrize(
    "flood",
    [
        b"a\x1b[b" + b"\x1b[" + b"1" * 500_000 + b"m",
        b"a\x1b[b" + b"\x1b[1111" + b"\n" * 500_000 + b"m",
        b"\x1b" + b"\x00" * 500_000 + b"\x1b[?" + b"\x01" * 500_000 + b"\x1b]" + b"\x02" * 500_000,
        b"\x1b]" + b"2" * 500_000 + b"\x1b]2;" * 100_000 + b"\x1b[22" + b";" * 500_000,
        b"\x1b[?25h\x1b[?25l" * 100_000 + b"\x1b[?1" * 100_000,
        ("e" + "\u0301" * 500_000 + "\x1b[m" + "\u0301" * 500_000).encode(),
        ("\x1b[5" + "\u0301" * 500_000).encode(),
    ],
)
def test_no_output_takes_a_square_of_time(flood):
    whole, halves = folded(SIZE, flood), folded(SIZE, flood[: len(flood) // 2], flood[len(flood) // 2 :])
    assert whole.picture() == halves.picture()


def test_a_repeat_is_cut_to_what_a_program_may_want():
    for count in (b"1000", b"0001000", b"65535", b"9" * 30, b"10\n00", b"1000;5"):
        assert rows(folded((80, 24), b"ab\x1b[%bb" % count))[12] == "b" * 41
    assert rows(folded((80, 24), b"ab\x1b[3b"))[0] == "abbbb"
    assert rows(folded((80, 24), b"ab\x1b[999b"))[12] == "b" * 41


def test_many_different_clusters_are_not_all_kept():
    fold = Fold(80, 24)
    marks = [chr(code) for code in range(0x300, 0x36F)]
    for base in range(0x61, 0x7A):
        fold.feed("".join(chr(base) + mark for mark in marks).encode())
    fold.feed(b"\x1b[2J\x1b[H")
    fold.feed("z\u0301 y\u0302".encode())
    assert rows(fold)[0] == "z\u0301 y\u0302"
    assert sys.getsizeof(fold._clusters._stand_ins) < 200_000


def test_a_screen_full_of_different_clusters_is_shown_with_those_that_are_kept():
    fold = Fold(200, 50)
    text = [chr(0x61 + number % 26) + chr(0x300 + number // 26 % 0x6F) for number in range(2800)]
    fold.feed("".join(text).encode())
    shown = "".join(rows(fold))
    assert shown.startswith("".join(text[:1000]))
    assert sum(char in shown for char in text) >= 1000


def test_a_mark_joins_what_was_printed_right_before_it():
    assert rows(folded(SIZE, "e\u0301x".encode()))[0] == "e\u0301x"
    assert rows(folded(SIZE, b"e", "\u0301x".encode()))[0] == "e\u0301x"
    assert rows(folded(SIZE, b"e", "\u0301".encode(), "\u0302".encode(), b"x"))[0] == "e\u0301\u0302x"
    assert rows(folded(SIZE, "e\x1b[m\u0301x".encode()))[0] == "ex"
    assert rows(folded(SIZE, "\u0301x\r\n\u0301y".encode()))[:2] == ["x", "y"]
    assert rows(folded(SIZE, b"abc\x1b[4h\x1b[2Ge", "\u0301".encode()))[0] == "ae\u0301bc"
    assert rows(folded(SIZE, b"\x1b[?7l" + b"a" * 18 + b"b", "\u0301".encode()))[0] == "a" * 18 + "b\u0301"
    fold = folded(SIZE, b"e")
    fold.resize(30, 5)
    fold.feed("\u0301x".encode())
    assert rows(fold)[0] == "ex"


def test_characters_that_reorder_and_stand_ins_do_not_get_into_cells():
    fold = folded(SIZE, "a\u202eb\u2066c\u200fd \U0010e000\U0003e000".encode())
    assert rows(fold)[0] == "abcd \ufffd\ufffd"


def test_a_panic_of_the_emulator_leaves_an_empty_screen_that_works(capfd):
    emulator = AvtEmulator(1, 1)  # a fold never has a single column, in which avt panics
    emulator.feed("\x1b[?7l👩👩👩👩")
    emulator.feed("x")
    assert "panicked" in capfd.readouterr().err
    assert text_of(emulator.screen().primary[0]) == "x"
    emulator = AvtEmulator(3, 1)
    emulator.feed("あ")
    emulator.resize(1, 3)
    emulator.feed("y")
    assert emulator.screen().size == (1, 3)
    assert type(emulator.failure).__name__ == "PanicException"
    capfd.readouterr()


class Listens:
    """Remembers what it was fed at once."""

    def __init__(self):
        self.texts = []

    def feed_str(self, text):
        self.texts.append(text)


@pytest.mark.parametrize(
    ("cols", "rows"), [(80, 24), (2, 1), (1000, 1), (300, 100), (1000, 250), (250, 1000)]
)
@pytest.mark.parametrize("scrolls", ["\n", "\x1b[9S", "\x1b[99M", "\x1b[9999S"])
def test_what_is_fed_at_once_scrolls_away_a_few_million_cells_at_most(cols, rows, scrolls):
    emulator = AvtEmulator(cols, rows)
    emulator._vt = Listens()
    text = scrolls * 20_000
    emulator.feed(text)
    assert "".join(emulator._vt.texts) == text
    away = 1 if scrolls == "\n" else min(rows, int(scrolls[2:-1]))
    assert max(it.count(scrolls[-1]) for it in emulator._vt.texts) * away * cols < 4_000_000


class Unreadable:
    """What avt might be, had it bugs that it has not."""

    def __getattr__(self, name):
        raise IndexError(name)


@pytest.mark.parametrize(
    "act", [lambda it: it.feed("x"), lambda it: it.resize(4, 2), lambda it: it.screen(), lambda it: it.cursor]
)
def test_whatever_the_emulator_fails_with_leaves_an_empty_screen_and_is_told(act):
    emulator = AvtEmulator(4, 2)
    assert emulator.failure is None
    emulator._vt = Unreadable()
    act(emulator)
    assert isinstance(emulator.failure, IndexError)
    assert emulator.screen() == AvtEmulator(4, 2).screen()


@pytest.mark.parametrize("emulator", [AvtEmulator, PyteEmulator])
@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_taken_by_either_emulator(emulator, seed):
    draw = random.Random(seed)
    alphabet = [bytes([byte]) for byte in range(256)] + [
        b"\x1b[",
        b"\x1b]",
        b"\x1b[?",
        b";",
        b"1",
        b"H",
        b"m",
    ] * 20
    fold = Fold(12, 4, emulator)
    for _ in range(40):
        fold.feed(b"".join(draw.choices(alphabet, k=draw.randrange(60))))
        if draw.random() < 0.1:
            fold.resize(draw.randrange(1, 30), draw.randrange(1, 9))
        picture = fold.picture()
        assert all(sum(run.width for run in row.runs) <= fold.cols for row in picture.lines)
        assert 0 <= picture.cursor.col <= fold.cols
        assert 0 <= picture.cursor.row < fold.rows
        dump(fold)


def test_rows_behind_the_alternate_screen_are_the_last_ones_when_the_screen_gets_smaller():
    fold = folded((20, 6), b"\r\n".join(b"row %d" % number for number in range(6)), b"\x1b[?1049h")
    fold.resize(20, 3)
    assert [text_of(row) for row in fold.screen().primary] == ["row 3", "row 4", "row 5"]
    assert [text_of(row) for row in Fold.from_dump(20, 3, dump(fold)).screen().primary] == [
        "row 3",
        "row 4",
        "row 5",
    ]
