"""tmux as the other terminal: it shows the same of raw bytes, of a dump, and of what is painted.

Left out, as the two disagree (SPEC.md §13.7): pens of blanks at the end of rows, which `capture-pane` does not tell;
what of a blank's pen cannot be seen; characters whose width is disputed; what only one of both knows.
"""

import itertools
import re
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casts import ALL, PROGRAMS
from cctm.screen.dump import dump, dump_shown, redraw
from cctm.screen.fold import Fold
from cctm.screen.frame import Framer, Overlay, row_of
from cctm.screen.painter import Painter
from screens import SIZES, feed, looks, streams
from tmux import TmuxPane

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

DISPUTED = re.compile("[\U0001f000-\U0001ffff\u200d\ufe0f\u3099\u0301\u0308]")
CAN = b"\x18"  # tmux takes a title that is cut; so nothing is left unfinished here


@pytest.fixture(scope="module")
def pane(tmp_path_factory):
    with TmuxPane(tmp_path_factory.mktemp("tmux")) as one:
        yield one


def flag(is_set):
    return "1" if is_set else "0"


def told(fold):
    """What tmux tells of a pane's state."""
    screen, modes = fold.screen(), fold.modes
    top, bottom = screen.margins or (0, fold.rows - 1)
    tabs = range(8, fold.cols, 8) if screen.tabs is None else screen.tabs
    return {
        "alternate_on": flag(screen.alternate is not None),
        "insert_flag": flag(screen.insert),
        "keypad_cursor_flag": flag(modes.private.get(1, False)),
        "keypad_flag": flag(modes.keypad),
        "mouse_standard_flag": flag(modes.private.get(1000, False)),
        "mouse_button_flag": flag(modes.private.get(1002, False)),
        "mouse_all_flag": flag(modes.private.get(1003, False)),
        "mouse_sgr_flag": flag(modes.private.get(1006, False)),
        "origin_flag": flag(screen.origin),
        "wrap_flag": flag(screen.wrap),
        "scroll_region_upper": str(top),
        "scroll_region_lower": str(bottom),
        "pane_tabs": ",".join(map(str, tabs)),
        "pane_title": fold.title,
    }


def place(cursor, cols):
    return (min(cursor.col, cols - 1), cursor.row, cursor.visible)


def check_same(shown, fold):
    picture = fold.picture()
    assert looks(shown.lines, fold.cols) == looks(picture.lines, fold.cols)
    assert place(shown.cursor, fold.cols) == place(picture.cursor, fold.cols)
    assert {name: shown.state[name] for name in told(fold)} == told(fold)


def before_a_new_size(cast):
    return list(itertools.takewhile(lambda event: isinstance(event, bytes), cast.events))


def named(cast):
    return cast.name


@pytest.mark.untraced
@pytest.mark.parametrize("cast", PROGRAMS, ids=named)
def test_a_program_looks_the_same_folded_as_in_tmux(cast, pane):
    fold = Fold(*cast.size)
    pane.resize(*cast.size)
    printed = b""
    for data in before_a_new_size(cast):
        fold.feed(data)
        printed += data
        if not fold.pending:
            check_same(pane.show(printed), fold)


@pytest.mark.untraced
@pytest.mark.parametrize("cast", ALL, ids=named)
def test_a_dump_shows_in_tmux_what_was_folded(cast, pane):
    fold = Fold(*cast.size)
    pane.resize(*cast.size)
    for event in cast.events:
        feed(fold, [event])
        if not isinstance(event, bytes):
            pane.resize(fold.cols, fold.rows)
        elif not fold.pending and not DISPUTED.search(event.decode()):
            check_same(pane.show(dump(fold)), fold)


@pytest.mark.untraced
@pytest.mark.parametrize("cast", PROGRAMS, ids=named)
def test_raw_output_may_follow_a_dump_in_tmux(cast, pane):
    pane.resize(*cast.size)
    whole = b"".join(before_a_new_size(cast))
    wanted = pane.show(whole)
    for part in range(1, 40):
        cut = len(whole) * part // 40
        fold = Fold(*cast.size)
        fold.feed(whole[:cut])
        shown = pane.show(dump(fold), whole[cut:])
        assert looks(shown.lines, fold.cols) == looks(wanted.lines, fold.cols)
        assert (shown.cursor, shown.state) == (wanted.cursor, wanted.state)


@pytest.mark.untraced
@pytest.mark.parametrize("cast", PROGRAMS, ids=named)
@pytest.mark.parametrize("window", [None, (50, 15), (110, 35)], ids=["its size", "smaller", "larger"])
def test_a_pane_follows_the_painter(cast, window, pane):
    fold, size = Fold(*cast.size), window or cast.size
    pane.resize(*size)
    pane.show(b"\r\n".join(b"line %d" % number for number in range(60)))
    before, history = pane.shown(), pane.history()
    painter = Painter(*size)
    for event in before_a_new_size(cast):
        fold.feed(event)
        pane.write(painter.paint(fold.picture()))
        shown = pane.shown()
        wanted = Framer(size).frame(fold.picture(), painter.view, [])
        assert looks(shown.lines, size[0]) == looks(wanted.lines, size[0])
        assert shown.cursor.visible == wanted.cursor.visible
        if wanted.cursor.visible:
            assert place(shown.cursor, size[0]) == place(wanted.cursor, size[0])
        assert shown.state["pane_title"] == fold.title
    pane.write(painter.leave())
    assert pane.history() == history
    assert pane.shown() == before


def test_an_overlay_comes_and_goes(pane):
    pane.resize(40, 10)
    pane.show(b"")
    fold, painter = Fold(40, 10), Painter(40, 10)
    fold.feed("\r\n".join(f"row {number} 界界" for number in range(10)).encode())
    overlay = Overlay(5, 2, (row_of("┌────┐"), row_of("│ 界 │", "7"), row_of("└────┘")))
    for overlays in ([overlay], [], [overlay], []):
        pane.write(painter.paint(fold.picture(), overlays))
        shown = looks(pane.shown().lines, 40)
        assert shown == looks(Framer((40, 10)).frame(fold.picture(), painter.view, overlays).lines, 40)
    assert shown == looks(fold.picture().lines, 40)
    pane.write(painter.leave())


def test_what_the_alternate_screen_hides_is_not_shown_to_others(pane):
    pane.resize(40, 10)
    fold = Fold(40, 10)
    fold.feed(b"secret\r\n" * 9 + b"\x1b[?1049h\x1b[2;2Hpublic")
    check_same(pane.show(dump_shown(fold)), fold)
    pane.write(b"\x1b[?1049l")
    assert all(not row for row in looks(pane.shown().lines, 40))
    pane.show(dump(fold), b"\x1b[?1049l")
    assert len([row for row in looks(pane.shown().lines, 40) if row]) == 9


def test_a_redrawn_screen_scrolls_nothing_away(pane):
    pane.resize(40, 10)
    pane.show(b"\r\n".join(b"line %d" % number for number in range(30)))
    history = pane.history()
    fold = Fold(40, 10)
    fold.feed(b"new \x1b[31mscreen\x1b[?2004h")
    pane.write(redraw(fold))
    check_same(pane.shown(), fold)
    assert pane.history() == history


def test_lines_that_wrap_softly_are_whole_lines_in_tmux(pane):
    pane.resize(20, 6)
    fold = Fold(20, 6)
    fold.feed(b"a" * 20 + b"b" * 15 + b"\r\nshort\r\n" + b"c" * 20 + b"\r\n" + b"d" * 25)
    painted = Painter(20, 6).paint(fold.picture())
    for shown in (dump(fold), painted):
        pane.show(shown)
        joined = pane.joined()
        assert joined == ["a" * 20 + "b" * 15, "short", "c" * 20, "d" * 25]


@pytest.mark.untraced
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SIZES[1:]), streams.filter(lambda stream: not DISPUTED.search(stream.decode())))
def test_whatever_was_folded_its_dump_shows_it_in_tmux(pane, size, stream):
    fold = Fold(*size)
    fold.feed(stream + CAN)
    pane.resize(*size)
    check_same(pane.show(dump(fold)), fold)
