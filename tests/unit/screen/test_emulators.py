"""avt and pyte, two emulators that know nothing of each other, show the same.

Where they do not, and what is right (SPEC.md §13.7): pyte has RGB for numbered colours and no faint pen; it blanks
in the background alone; it clamps the cursor into margins; IL and DL return its cursor to the first column; an
insertion of a wide character moves the rest by two columns, avt's by one.
"""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from casts import ALL
from cctm.screen import widths
from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.mark_table import MARKS, clusters_of
from cctm.screen.picture import cells
from cctm.screen.pyte_emulator import PyteEmulator
from screens import sizes, wide, words

NUMBERED = re.compile(r"([34]8);5;(\d+)")
BASIC = ["000000", "cd0000", "00cd00", "cdcd00", "0000ee", "cd00cd", "00cdcd", "e5e5e5"]


def rgb(match):
    """A numbered colour as pyte has it."""
    which, number = match[1], int(match[2])
    if number >= 232:
        level = 8 + 10 * (number - 232)
        return f"{which};2;{level};{level};{level}"
    cube = (0, 0x5F, 0x87, 0xAF, 0xD7, 0xFF)
    number -= 16
    return f"{which};2;{cube[number // 36]};{cube[number // 6 % 6]};{cube[number % 6]}"


def looks(fold):
    """Characters of each column and their pens, as far as both keep them."""
    rows = []
    for row in fold.picture().lines:
        columns = []
        for cell in cells(row):
            pen = ";".join(part for part in NUMBERED.sub(rgb, cell.pen).split(";"))
            columns.append((cell.text, cell.width, None if cell.text == " " else pen))
        while columns and columns[-1][0] == " ":
            columns.pop()
        rows.append(columns)
    cursor = fold.picture().cursor
    return rows, (min(cursor.col, fold.cols - 1), cursor.row, cursor.visible)


def without_faint_and_numbers(data):
    """What pyte has no pen for: faint, and the numbers of sixteen colours."""
    return re.sub(rb"(?<=[\[;])2(?=[;m])", b"22", re.sub(rb"[34]8[;:]5[;:](?:1[0-5]|\d)(?=[;m])", b"1", data))


@pytest.mark.untraced
@pytest.mark.parametrize("cast", ALL, ids=lambda cast: cast.name)
def test_recordings_look_the_same_in_both(cast):
    avt, pyte = Fold(*cast.size), Fold(*cast.size, PyteEmulator)
    for event in cast.events:
        if not isinstance(event, bytes):
            break  # pyte cuts rows where avt wraps them
        for fold in (avt, pyte):
            fold.feed(without_faint_and_numbers(event))
        assert looks(avt) == looks(pyte)


common = st.one_of(
    words,
    st.sampled_from(["\r\n", "\r", "\b", "\t", "\x1bM", "\x1bE", "\x1b7", "\x1b8", "\x1b)0\x0ejklqx\x0f"]),
    st.builds("\x1b[{}{}".format, st.integers(1, 9), st.sampled_from("ABCDEFG`dPX@")),
    st.builds("\x1b[{}{}".format, st.integers(0, 2), st.sampled_from("JK")),
    st.builds("\x1b[{};{}H".format, st.integers(1, 4), st.integers(1, 10)),
    st.builds(
        "\x1b[{}m".format,
        st.sampled_from(["", "1", "3", "4", "7", "9", "31", "42", "97", "22", "27", "38;5;200"]),
    ),
    st.sampled_from(
        [
            "\x1b[?25l",
            "\x1b[?25h",
            "\x1b[?1049h",
            "\x1b[2S",
            "\x1b[T",
            "\x1b[3b",
            "\x1b[Z",
        ]
    ),
)


def both(size, tokens):
    """The two folds; never with the cursor behind the last column, where each terminal erases in its own way."""
    avt, pyte = Fold(*size), Fold(*size, PyteEmulator)
    for token in tokens:
        for fold in (avt, pyte):
            fold.feed(token.encode())
        assume(avt.cursor.col < avt.cols)
    return avt, pyte


@given(sizes, st.lists(common, max_size=12))
def test_what_both_know_they_show_alike(size, tokens):
    avt, pyte = both(size, tokens)
    assert looks(avt) == looks(pyte)


@given(sizes, st.lists(st.one_of(words, wide.filter(lambda text: "🇩" not in text), st.just("\r\n"))))
def test_wide_characters_wrap_alike(size, tokens):
    avt, pyte = both(size, tokens)
    assert looks(avt) == looks(pyte)


@given(sizes, st.lists(common, max_size=12))
def test_a_dump_of_one_is_taken_by_the_other(size, tokens):
    _, pyte = both(size, tokens)
    assert looks(Fold.from_dump(*size, dump(pyte))) == looks(pyte)


def test_widths_are_those_of_the_library_but_for_newer_characters():
    from wcwidth import wcwidth

    differ = [
        code for code in range(0xA0, 0x20000) if wcwidth(chr(code)) == 2 and widths.width_of(chr(code)) == 1
    ]
    # Hexagrams, regional indicators, and what Unicode 16 and later have made wide or added.
    assert len(differ) < 1400
    assert all(not 0x3000 <= code < 0x4DC0 or code in {0x31E4, 0x31E5} for code in differ)
    assert all(widths.width_of(char) == 2 for char in "界あ한👩🎉ｗ")
    assert all(widths.width_of(char) == 1 for char in "aé─€·\ue0b0")


def test_marks_are_those_of_the_library_but_for_spacing_ones():
    import unicodedata

    from wcwidth import wcwidth

    none = {
        chr(code)
        for code in range(0x300, 0x110000)
        if not 0xD800 <= code < 0xE000 and wcwidth(chr(code)) == 0
    }
    assert none >= MARKS
    spacing = {char for char in none - MARKS if unicodedata.category(char) == "Mc"}
    assert none - MARKS - spacing == set("\u2028\u2029\u3164\uffa0")


def test_clusters_are_characters_with_their_marks():
    assert clusters_of("ae\u0301\u0302b") == ["a", "e\u0301\u0302", "b"]
    assert clusters_of("") == []
    assert clusters_of("\u0301a") == ["\u0301", "a"]
