"""What is painted, in whatever steps, is what the program's own bytes show."""

import itertools
import re

import avt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casts import ALL
from cctm.screen.fold import Fold
from cctm.screen.frame import Overlay, row_of
from cctm.screen.painter import Painter
from cctm.screen.picture import Cursor, cells, text_of
from screens import SIZES, feed, sizes, streams

pytestmark = pytest.mark.untraced

BLANK = (" ", "")
MARK = ("·", "2")


def grid(lines, cols):
    """Each column's (text, pen); None is the right half of a wide character."""
    rows = []
    for row in lines:
        columns = []
        for cell in cells(row):
            columns += [(cell.text, cell.pen), *[None] * (cell.width - 1)]
        rows.append(columns + [BLANK] * (cols - len(columns)))
    return rows


def halved(columns, start, end):
    """Columns *start* to *end*; blanks in the pen of a wide character that the cut divides."""
    part = columns[start:end]
    if part and part[0] is None:
        part[0] = (" ", columns[start - 1][1])
    if end < len(columns) and columns[end] is None and part:
        part[-1] = (" ", part[-1][1])
    return part


def expected(picture, view, size, overlays=()):
    """What a window of *size* has to show: made from single cells, where the painter works on runs."""
    cols, rows = size
    whole = grid(picture.lines, picture.cols)
    shown = []
    for number in range(rows):
        row = view.row + number
        if row >= picture.rows:
            shown.append([MARK] * cols)
        else:
            part = halved(whole[row], view.col, view.col + cols)
            shown.append(part + [MARK] * (cols - len(part)))
    for overlay in overlays:
        for number, line in enumerate(overlay.lines, overlay.row):
            if number < rows:
                over = grid([line], 0)[0]
                left = halved(shown[number], 0, overlay.col)
                right = halved(shown[number], overlay.col + len(over), cols)
                shown[number] = halved(left + over + right, 0, cols)
    return shown


def cursor_shown(picture, view, size):
    col, row = min(picture.cursor.col, picture.cols - 1) - view.col, picture.cursor.row - view.row
    inside = 0 <= col < size[0] and 0 <= row < size[1]
    return (col, row) if inside and picture.cursor.visible else None


def check(client, picture, painter, size, overlays=()):
    seen = client.picture()
    assert grid(seen.lines, size[0]) == expected(picture, painter.view, size, overlays)
    place = cursor_shown(picture, painter.view, size)
    assert seen.cursor.visible == (place is not None)
    if place is not None:
        assert (min(seen.cursor.col, size[0] - 1), seen.cursor.row) == place


@given(sizes, st.lists(streams, max_size=5))
def test_a_painted_screen_is_the_programs_screen_after_each_step(size, steps):
    fold, client, painter = Fold(*size), Fold(*size), Painter(*size)
    for step in steps:
        fold.feed(step)
        client.feed(painter.paint(fold.picture()))
        check(client, fold.picture(), painter, size)
        assert client.picture().modes == fold.picture().modes
        assert client.title == fold.title
        assert painter.paint(fold.picture()) == b""


@given(sizes, sizes, st.lists(st.one_of(streams, st.sampled_from(SIZES)), max_size=5))
def test_a_window_of_another_size_shows_the_same_rows_cut_or_with_marks_beside_them(size, window, steps):
    fold, client, painter = Fold(*size), Fold(*window), Painter(*window)
    for step in steps:
        feed(fold, [step])
        picture = fold.picture()
        client.feed(painter.paint(picture))
        check(client, picture, painter, window)
        assert picture.cursor.visible == client.picture().cursor.visible
        assert 0 <= painter.view.col <= max(0, picture.cols - window[0])
        assert 0 <= painter.view.row <= max(0, picture.rows - window[1])


@pytest.mark.parametrize("window", [None, (30, 9), (120, 40)], ids=["its size", "smaller", "larger"])
@pytest.mark.parametrize("cast", ALL, ids=lambda cast: cast.name)
def test_a_recording_painted_step_by_step_is_the_recording(cast, window):
    fold, client, painter = Fold(*cast.size), Fold(*(window or cast.size)), Painter(*(window or cast.size))
    for event in cast.events:
        feed(fold, [event])
        if window is None and not isinstance(event, bytes):
            client.resize(fold.cols, fold.rows)
            painter.resize(fold.cols, fold.rows)
        client.feed(painter.paint(fold.picture()))
        check(client, fold.picture(), painter, (client.cols, client.rows))
    client.feed(painter.leave())
    assert client.picture().modes == Fold(80, 24).picture().modes


texts = st.text("ab 界é👩\u0301·", max_size=12).filter(lambda text: text[:1] != "\u0301")
overlays = st.lists(
    st.builds(
        lambda col, row, lines: Overlay(col, row, tuple(row_of(text, "7") for text in lines)),
        st.integers(0, 9),
        st.integers(0, 5),
        st.lists(texts, max_size=3),
    ),
    max_size=2,
)


@given(sizes, sizes, st.lists(st.tuples(streams, overlays), max_size=4), streams)
def test_overlays_lie_on_top_and_leave_nothing_behind(size, window, steps, last):
    fold, client, painter = Fold(*size), Fold(*window), Painter(*window)
    for step, over in steps:
        fold.feed(step)
        client.feed(painter.paint(fold.picture(), over))
        check(client, fold.picture(), painter, window, over)
    fold.feed(last)
    client.feed(painter.paint(fold.picture()))
    check(client, fold.picture(), painter, window)


def test_an_overlay_may_have_the_cursor():
    fold, client, painter = Fold(20, 5), Fold(20, 5), Painter(20, 5)
    fold.feed(b"\x1b[?25l")
    client.feed(painter.paint(fold.picture(), [Overlay(2, 1, (row_of("name: "),), cursor=(8, 1))]))
    assert client.picture().cursor == Cursor(8, 1, visible=True)
    client.feed(painter.paint(fold.picture()))
    assert not client.picture().cursor.visible


@given(sizes, st.lists(streams, min_size=1, max_size=4), st.booleans())
def test_painting_never_scrolls_and_leaving_brings_everything_back(size, steps, forgets):
    cols, rows = size
    terminal = avt.Vt(cols, rows, 1000)
    terminal.feed_str("\x1b[1m" + "\r\n".join("abcdefgh"[: 1 + number % 8] for number in range(30)))
    before = terminal.dump(), [line.text for line in terminal.lines()]
    fold, painter = Fold(*size), Painter(*size)
    for step in steps:
        fold.feed(step)
        terminal.feed_str(painter.paint(fold.picture()).decode())
        if forgets:
            painter.forget()
    terminal.feed_str(painter.leave().decode())
    # The pen of whoever ran the client is the one thing that no terminal tells.
    terminal.feed_str("\x1b[1m")
    assert [line.text for line in terminal.lines()] == before[1]
    after = Fold(cols, rows)
    after.feed(terminal.dump().encode())
    assert after.picture().modes == Fold(cols, rows).picture().modes
    assert painter.leave() == b""


@given(sizes, streams, streams)
def test_whatever_a_client_showed_is_painted_over_after_forgetting(size, stream, noise):
    fold, client, painter = Fold(*size), Fold(*size), Painter(*size)
    fold.feed(stream)
    client.feed(painter.paint(fold.picture()))
    client.feed(b"\x1b[2;1H\x1b[31mnoise from elsewhere\x1b[m")
    painter.forget()
    client.feed(painter.paint(fold.picture()))
    check(client, fold.picture(), painter, size)


@given(sizes, streams)
def test_rows_that_wrap_softly_do_so_on_the_clients_terminal(size, stream):
    fold, client, painter = Fold(*size), Fold(*size), Painter(*size)
    fold.feed(stream)
    client.feed(painter.paint(fold.picture()))
    lines, painted = fold.picture().lines, client.picture().lines
    for number, (row, following) in enumerate(itertools.pairwise(lines)):
        # Across the edge only what every terminal gives the same width is printed.
        if not any(
            ord(char) > 0x2000 or "\u0300" <= char <= "\u036f" for char in text_of(row) + text_of(following)
        ):
            assert painted[number].wraps == row.wraps


@given(streams, sizes, sizes)
def test_painted_bytes_are_seven_bit_sequences_that_ask_nothing(stream, size, window):
    fold, painter = Fold(*size), Painter(*window)
    fold.feed(stream)
    painted = painter.paint(fold.picture()) + painter.leave()
    text = painted.decode()
    assert not any("\x7f" <= char <= "\x9f" for char in text)
    for sequence in text.split("\x1b")[1:]:
        assert sequence.startswith(("[", "(B", ")B", "]2;", "\\", "=", ">"))
        # Cursor and erasing, pens, modes, cursor style, kitty flags, modifyOtherKeys, the title's stack.
        assert not sequence.startswith("[") or re.match(
            r"\[(?:[0-9;]*[HGJKXm]|\?[0-9]+[hl]|[0-9] q|[=<>][0-9;]*[um]|r|4l|2[23];0;0t)", sequence
        )
