"""A dump keeps each thing that a fold keeps; and says it in a form that every terminal understands."""

import re

import pytest

from casts import ALL
from cctm.screen.dump import dump, dump_shown, redraw
from cctm.screen.fold import Fold
from screens import feed, folded, state

SIZE = (20, 6)

KEPT = {
    "text": "hello",
    "a pen": "\x1b[1;2;3;4;5;7;9;31;42mx",
    "bright colours": "\x1b[95;106mx",
    "a colour of 256": "\x1b[38;5;200;48;5;17mx",
    "a colour of 16 million": "\x1b[38;2;1;2;3;48:2::4:5:6mx",
    "erased in a colour": "\x1b[44m\x1b[2J",
    "wide characters": "界あ한",
    "marks": "e\u0301 q\u0308\u0304 👩\u200d💻",
    "a soft wrap": "a" * 30,
    "a soft wrap before blanks": "a" * 20 + " ",
    "a wide character that did not fit": "a" * 19 + "界",
    "the cursor": "\x1b[3;7H",
    "a hidden cursor": "\x1b[?25l",
    "a pending wrap": "a" * 20,
    "a pending wrap behind another pen": "\x1b[31m" + "a" * 20 + "\x1b[32m",
    "a pending wrap behind a wide character": "a" * 18 + "界",
    "a pending wrap in insert mode": "\x1b[4h" + "a" * 20,
    "a pending wrap, wrapping off": "a" * 20 + "\x1b[?7l",
    "the last character": "xyz",
    "the last character, inserted": "hello\x1b[4h\x1b[2Ga",
    "the last character, inserted in a row that wraps": "a" * 30 + "\x1b[1;3H\x1b[4hb",
    "the last character, drawn": "\x1b(0qqq",
    "the last character, wrapping off": "\x1b[?7l" + "a" * 25,
    "the last character before the last column, wrapping off": "\x1b[?7l" + "a" * 18 + "b",
    "the current pen": "\x1b[1;34m",
    "a saved cursor": "\x1b[2;3H\x1b[31m\x1b7\x1b[H\x1b[m",
    "a saved cursor with origin mode": "\x1b[2;4r\x1b[?6h\x1b[2;3H\x1b7\x1b[?6l\x1b[r",
    "a saved cursor without wrapping": "\x1b[?7l\x1b7\x1b[?7h",
    "margins": "\x1b[2;5r",
    "origin mode": "\x1b[2;5r\x1b[?6h\x1b[2;2H",
    "no wrapping": "\x1b[?7l",
    "insert mode": "\x1b[4h",
    "newline mode": "\x1b[20h",
    "tab stops": "\x1b[3g\x1b[5G\x1bH\x1b[11G\x1bH",
    "no tab stops": "\x1b[3g",
    "line drawing in G0": "\x1b(0",
    "line drawing in G1": "\x1b)0\x0e",
    "the alternate screen": "primary\x1b[?1049halternate",
    "the alternate screen, old": "primary\x1b[?47halternate",
    "the alternate screen, its cursor not saved": "primary\x1b[?1047halternate",
    "the alternate screen, from a coloured pen": "primary\x1b[44m\x1b[?1049h\x1b[m\x1b[2Jx",
    "the saved cursor of the alternate screen": "\x1b[?1049h\x1b[3;3H\x1b7\x1b[H",
    "the saved cursor of the alternate screen, hidden": "\x1b[?1049h\x1b[3;3H\x1b7\x1b[?1049l",
    "cursor keys": "\x1b[?1h",
    "the keypad": "\x1b=",
    "reverse video": "\x1b[?5h",
    "a steady cursor": "\x1b[?12h",
    "the mouse": "\x1b[?1002h\x1b[?1006h",
    "focus": "\x1b[?1004h",
    "bracketed paste": "\x1b[?2004h",
    "a mode that nobody knows": "\x1b[?7777h",
    "the cursor's style": "\x1b[5 q",
    "kitty flags": "\x1b[=3u",
    "a stack of kitty flags": "\x1b[>1u\x1b[>5u",
    "kitty flags of both screens": "\x1b[>1u\x1b[?1049h\x1b[>7u",
    "kitty flags of the hidden alternate screen": "\x1b[?1049h\x1b[>7u\x1b[?1049l",
    "modifyOtherKeys": "\x1b[>4;2m",
    "a title": "\x1b]2;a title\x07",
    "titles put aside": "\x1b]2;one\x07\x1b[22;0;0t\x1b]2;two\x07\x1b[22t\x1b]2;three\x07",
    "an unfinished escape": "\x1b",
    "an unfinished sequence": "\x1b[38;5;1",
    "an unfinished private sequence": "\x1b[?10",
    "an unfinished character set": "\x1b(",
    "an unfinished title": "\x1b]0;half a ti",
    "an unfinished string": "\x1bPq#0",
}
EMPTY = folded(SIZE)


@pytest.mark.parametrize("name", KEPT)
def test_it_is_kept(name):
    fold = folded(SIZE, KEPT[name].encode())
    assert state(fold) != state(EMPTY)
    restored = Fold.from_dump(*SIZE, dump(fold))
    assert state(restored) == state(fold)
    for more in (
        b"\x1b8x\x1b[?1049l\x1b8y",
        b"\t1m\x1b\\z\r\nnext\x1b[23t",
        "\u0301 a\u0308".encode(),
        b"\x1b[10;1Hx\n\n",
    ):
        assert state(folded(SIZE, dump(fold), more)) == state(folded(SIZE, KEPT[name].encode(), more))


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_an_unfinished_character_is_kept(cut):
    fold = folded(SIZE, b"x" + "👍".encode()[:cut])
    assert fold.pending == "👍".encode()[:cut]
    assert Fold.from_dump(*SIZE, dump(fold)).pending == fold.pending


@pytest.mark.untraced
@pytest.mark.parametrize("cast", ALL, ids=lambda cast: cast.name)
def test_recordings_go_on_from_a_dump_at_each_event(cast):
    fold = Fold(*cast.size)
    for number, event in enumerate(cast.events):
        feed(fold, [event])
        restored = Fold.from_dump(fold.cols, fold.rows, dump(fold))
        assert state(restored) == state(fold)
        following = cast.events[number + 1 : number + 3]
        if all(isinstance(event, bytes) for event in following):
            again = Fold.from_dump(fold.cols, fold.rows, dump(fold))
            assert state(feed(again, following)) == state(feed(restored, following))


@pytest.mark.parametrize("name", KEPT)
def test_a_dump_has_sequences_of_seven_bits_and_no_repeat(name):
    for text in (dump(folded(SIZE, KEPT[name].encode())), redraw(folded(SIZE, KEPT[name].encode()))):
        assert not re.search("[\x80-\x9f\x7f]|\x1b\\[[0-9;]*[bS]", text.decode())


def test_what_the_alternate_screen_hides_is_left_out_for_others():
    fold = folded(SIZE, b"hidden\x1b7\x1b[?1049hshown")
    shown = Fold.from_dump(*SIZE, dump_shown(fold))
    assert b"hidden" not in dump_shown(fold)
    assert b"hidden" in dump(fold)
    assert shown.picture() == fold.picture()
    shown.feed(b"\x1b[?1049l")
    assert all(not row.runs for row in shown.picture().lines)


def test_nothing_is_left_out_where_nothing_is_hidden():
    fold = folded(SIZE, b"all of it\x1b[2;2H\x1b7")
    assert dump_shown(fold) == dump(fold)


def test_a_redrawn_screen_is_the_folds_whatever_was_there():
    fold = folded(SIZE, b"new\x1b[2;5r\x1b[?2004h")
    terminal = folded(SIZE, b"\r\n".join(b"old" * 5 for _ in range(6)), redraw(fold))
    assert terminal.picture() == fold.picture()
    assert state(terminal) == state(fold)
