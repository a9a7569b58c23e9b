"""A stream as lines."""

import tracemalloc

import pytest

from cctm.screen.text import MAX_LINE, Piece, TextLines


def lines(*pieces):
    text = TextLines()
    found = [line for piece in pieces for line in text.feed(piece)]
    return [*found, *text.finish()]


CASES = {
    "lines": (b"one\r\ntwo\nthree", ["one", "two", "three"]),
    "an empty line": (b"a\n\nb\n", ["a", "", "b"]),
    "blanks at the end": (b"a   \r\n  b\n", ["a", "  b"]),
    "nothing": (b"", []),
    "progress": (b" 10%\r 50%\r100%\n", ["100%"]),
    "a shorter line over a longer one": (b"long line\rshort\n", ["shortline"]),
    "erased to its end": (b"long line\rab\x1b[K\n", ["ab"]),
    "erased to its end, by number": (b"long line\rab\x1b[0K\n", ["ab"]),
    "erased from its beginning": (b"long line\x1b[4D\x1b[1K\n", ["      ine"]),
    "erased from its beginning, behind its end": (b"ab\x1b[9C\x1b[1Kc\n", ["           c"]),
    "erased as a whole": (b"long line\x1b[2Kx\n", ["         x"]),
    "erased in an unknown way": (b"line\x1b[7K\n", ["line"]),
    "backspace": (b"cat\b\b\bdog\n", ["dog"]),
    "backspace at the beginning": (b"\b\bx\n", ["x"]),
    "a prompt that erases with backspaces": (b"$ ls\b \b\b \bpwd\n", ["$ pwd"]),
    "tabs": (b"a\tb\t\tc\n", ["a       b               c"]),
    "a tab from a tab stop": (b"12345678\tx\n", ["12345678        x"]),
    "right": (b"a\x1b[3Cb\x1b[Cc\x1b[0ad\n", ["a   b c d"]),
    "left": (b"abcd\x1b[2DX\x1b[99DY\n", ["YbXd"]),
    "column": (b"abcd\x1b[2GX\x1b[GY\x1b[6`Z\n", ["YXcd Z"]),
    "deleted characters": (b"abcdef\x1b[3G\x1b[2P\n", ["abef"]),
    "next line by escape": (b"a\x1b[Eb\x1b[1;1Hc\x1b[Jd", ["a", "b", "c", "d"]),
    "home on an empty line": (b"\x1b[5C\x1b[Hx\n", ["x"]),
    "vertical tab and form feed": (b"a\vb\fc", ["a", "b", "c"]),
    "next line and index of 8 bits": ("a\x85b\x84c".encode(), ["a", "b", "c"]),
    "colours": (b"\x1b[1;31mred\x1b[0m \x1b[38:2::1:2:3mtext\x1b[m\n", ["red text"]),
    "charset": (b"\x1b(0x\x1b(Bx\x0e\x0f\n", ["xx"]),
    "short escapes": (b"\x1b7a\x1b8\x1b=b\x1b>\x1bM\x1bc\n", ["ab"]),
    "title, by BEL": (b"\x1b]0;a title\x07text\n", ["text"]),
    "title, by ST": (b"\x1b]2;a title\x1b\\text\n", ["text"]),
    "title, by ST of 8 bits": ("\x1b]2;a title\x9ctext\n".encode(), ["text"]),
    "title, given up": (b"\x1b]2;a title\x18text\n", ["text"]),
    "title, interrupted by an escape": (b"\x1b]2;a ti\x1b[1mtext\n", ["text"]),
    "picture": (b"\x1bPq" + b"#0;2~~" * 5_000 + b"\x1b\\text\n", ["text"]),
    "clipboard": (b"\x1b]52;c;" + b"QUJD" * 5_000 + b"\x07text\n", ["text"]),
    "graphics and other strings": (b"\x1b_Gpay\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\text\n", ["text"]),
    "alternate screen": (b"before\r\n\x1b[?1049hvim\r\n~\x1b[5;5Hx\x1b[?1049lafter\n", ["before", "after"]),
    "older alternate screens": (b"\x1b[?47hx\x1b[?47la\x1b[?1047;25hy\x1b[?1047lb\n", ["ab"]),
    "a title on the alternate screen": (b"\x1b[?1049h\x1b]0;x\x07\x1b[?1049lend\n", ["end"]),
    "colours on every line": (b"\x1b[31ma\x1b[0m\r\n\x1b[32mb  \x1b[m\n\x1b[33mc", ["a", "b", "c"]),
    "lines that are plain, then busy, then plain": (
        b"a\nb\nc\rd\ne\n\tf\ng",
        ["a", "b", "d", "e", "        f", "g"],
    ),
    "two carriage returns": (b"abc\r\r\nd\n", ["abc", "d"]),
    "modes": (b"\x1b[?25l\x1b[?2004hx\x1b[4hy\n", ["xy"]),
    "wide text": ("界界 é €\r\n".encode(), ["界界 é €"]),
    "wide text overwritten": ("界x\rab\n".encode(), ["ab"]),
    "invalid UTF-8": (b"a\xffb\xc3(\n", ["a\ufffdb\ufffd("]),
    "UTF-8 that is cut at the end": (b"a\xe2\x82", ["a\ufffd"]),
    "NUL, bell, delete": (b"a\0b\ac\x7fd\n", ["abcd"]),
    "an escape before text": (b"a\x1b\x01b\n", ["ab"]),
    "an unfinished sequence": (b"text\x1b[12;3", ["text"]),
    "an escape at the end": (b"text\x1b", ["text"]),
    "cursor up and other moves": (b"ab\x1b[Acd\x1b[sx\n", ["abcdx"]),
    "down ends a line that has something": (b"\x1b[Bab\x1b[Bcd\n", ["ab", "cd"]),
}


@pytest.mark.parametrize("name", CASES)
def test_lines_are_as_a_reader_saw_them(name):
    stream, expected = CASES[name]
    assert lines(stream) == expected


@pytest.mark.parametrize("name", CASES)
def test_lines_are_the_same_however_the_stream_is_cut(name):
    stream, expected = CASES[name]
    for cut in range(0, len(stream) + 1, max(1, len(stream) // 50)):
        assert lines(stream[:cut], stream[cut:]) == expected
    assert lines(*(bytes((byte,)) for byte in stream)) == expected


def test_a_line_of_a_megabyte_is_one_line():
    assert lines(b"x" * MAX_LINE + b"\nrest") == ["x" * MAX_LINE, "rest"]


def test_a_longer_line_is_broken_at_the_same_place_however_it_comes():
    stream = b"x" * (2 * MAX_LINE + 10) + b"\n"
    expected = ["x" * MAX_LINE, "x" * MAX_LINE, "x" * 10]
    assert [isinstance(line, Piece) for line in lines(stream)] == [True, True, False]
    assert lines(stream) == expected
    assert lines(*(stream[at : at + 65_537] for at in range(0, len(stream), 65_537))) == expected


def test_of_a_broken_line_no_blank_is_lost():
    stream = b"x" * (MAX_LINE - 2) + b"    y  \n"
    assert lines(stream) == ["x" * (MAX_LINE - 2) + "  ", "  y"]


NOTHING = 1_000_000
LINE = 40 * MAX_LINE  # cells of a line take more room than its bytes
# A stream, and the bytes that may be kept of it at any time.
LONG = {
    "colours": (b"\x1b[m" * 130_000, NOTHING),
    "tabs": (b"\x1b[999999C" + b"\t" * 10_000 + b"x", NOTHING),
    "right": (b"\x1b[999999C" * 20 + b"x", NOTHING),
    "column": (b"\x1b[999999Gx\x1b[2K" * 3, NOTHING),
    "string": (b"\x1b]" + b"x" * 4_000_000, NOTHING),
    "text": (b"x" * 4_000_000, LINE),
    "parameters": (b"\x1b[" + b"1" * 4_000_000, LINE),
    "intermediates": (b"\x1b" + b" " * 4_000_000, LINE),
}


@pytest.mark.untraced
@pytest.mark.parametrize("name", LONG)
def test_no_stream_takes_more_memory_than_a_line(name):
    stream, most_bytes = LONG[name]
    pieces = [stream[at : at + 65_536] for at in range(0, len(stream), 65_536)]
    text = TextLines()
    tracemalloc.start()
    try:
        for piece in pieces:
            for line in text.feed(piece):
                assert len(line) <= MAX_LINE
        for line in text.finish():
            assert len(line) <= MAX_LINE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most_bytes
