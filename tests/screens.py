"""Streams that programs might print, and what to compare of two folds."""

import itertools
import re

from hypothesis import strategies as st

from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.picture import cells

SIZES = [(2, 1), (3, 2), (10, 4), (12, 5), (20, 6)]

numbers = st.sampled_from(["", "0", "1", "2", "3", "5", "8", "12", "40", "999", "65536", "9" * 20])
parameters = st.lists(numbers, max_size=3).map(";".join)
pens = st.lists(
    st.sampled_from(
        [
            *("0", "1", "2", "3", "4", "5", "7", "9", "22", "23", "24", "25", "27", "29", "39", "49"),
            *(
                "31",
                "44",
                "97",
                "100",
                "38;5;9",
                "38;5;200",
                "48:5:100",
                "38;2;1;2;3",
                "48:2::4:5:6",
                "58;5;1",
                "8",
            ),
        ]
    ),
    max_size=3,
).map(lambda parts: f"\x1b[{';'.join(parts)}m")
private_modes = st.lists(
    st.sampled_from(
        ["1", "5", "6", "7", "12", "25", "47", "1000", "1002", "1004", "1006", "1047", "1048", "1049", "2004"]
    ),
    min_size=1,
    max_size=2,
).map(";".join)
words = st.text("abcdefghijk .-", min_size=1, max_size=14)
wide = st.text("界あ한👩🇩é€─", min_size=1, max_size=5)
marked = st.text(st.sampled_from("aé界👩q\u0301\u0308\u200d\ufe0f\u3099"), min_size=1, max_size=5)
controls = st.text("\r\n\t\b\v\f\x07\x00\x0e\x0f", min_size=1, max_size=3)

tokens = st.one_of(
    words,
    words,
    wide,
    marked,
    controls,
    pens,
    st.just("\r\n"),
    st.builds("\x1b[{}{}".format, parameters, st.sampled_from("@ABCDEFGHIJKLMPSTXZ`abdefgrsu")),
    st.builds("\x1b[{};{}H".format, st.integers(0, 7), st.integers(0, 22)),
    st.builds("\x1b[{};{}r".format, st.integers(0, 5), st.integers(0, 7)),
    st.builds("\x1b[?{}{}".format, private_modes, st.sampled_from("hl")),
    st.sampled_from(["\x1b[4h", "\x1b[4l", "\x1b[20h", "\x1b[20l", "\x1b[!p"]),
    st.sampled_from(
        ["\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bH", "\x1bM", "\x1bc", "\x1b=", "\x1b>", "\x1b#8"]
    ),
    st.sampled_from(["\x1b(0", "\x1b(B", "\x1b)0", "\x1b)B"]),
    st.builds("\x1b[{}{}u".format, st.sampled_from("<>="), parameters),
    st.builds("\x1b[>4;{}m".format, numbers),
    st.builds("\x1b[{} q".format, st.integers(0, 6)),
    st.builds(
        "\x1b]{};{}{}".format, st.sampled_from("0128"), words, st.sampled_from(["\x07", "\x1b\\", "\x9c", ""])
    ),
    st.sampled_from(
        ["\x1b[22;0;0t", "\x1b[23;0;0t", "\x1bP1$qm", "\x1b_Ga", "\x1b\\", "\x9b31", "\x85", "\x80"]
    ),
    st.sampled_from(["\x18", "\x1a", "\x1b", "\x7f", "\x1b[", "\x1b[?", "\x1b[3\n1", "\x1b]2;x\u0301"]),
)
streams = st.lists(tokens, max_size=30).map(lambda parts: "".join(parts).encode())
outputs = st.lists(st.one_of(streams, streams, streams, st.sampled_from(SIZES)), max_size=4)
sizes = st.sampled_from(SIZES)


def folded(size, *pieces):
    fold = Fold(*size)
    for piece in pieces:
        fold.feed(piece)
    return fold


def state(fold):
    """All that is to be equal of two folds in one state."""
    return {
        "screen": fold.screen(),
        "picture": fold.picture(),
        "modes": (fold.modes.dump_shared(), fold.modes.alternate, fold.modes.client, fold.modes.kitty_stacks),
        "titles": (fold.titles.text, fold.titles.stack),
        "pending": fold.pending,
        "last": fold.last,
        "dump": dump(fold),
    }


def feed(fold, events):
    """Feed bytes; (cols, rows) is a new size, not taken while the primary screen is hidden (SPEC.md §13.2)."""
    for event in events:
        if isinstance(event, bytes):
            fold.feed(event)
        elif fold.screen().alternate is None:
            fold.resize(*event)
    return fold


def cut(data, places):
    at = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(at)]


def visible(pen):
    """What of *pen* a blank shows: background, underline, strike; the text's colour if inverse."""
    parts = pen.split(";")
    if "7" in parts:
        return pen
    background = re.search(r"(?:^|;)(4[0-7]|10[0-7]|48;5;\d+|48;2;\d+;\d+;\d+)(?:;|$)", pen)
    plain = re.sub(r"[34]8;(?:5;\d+|2;\d+;\d+;\d+)", "", pen).split(";")
    return background[1] if background else "", "4" in plain, "9" in plain


def looks(lines, cols):
    """Each column's text and pen, up to the last that is not blank."""
    rows = []
    for row in lines:
        columns = []
        for cell in cells(row):
            shown = (cell.text, visible(cell.pen) if cell.text == " " else cell.pen)
            columns += [shown, *[None] * (cell.width - 1)]
        while columns and columns[-1] is not None and columns[-1][0] == " ":
            columns.pop()
        rows.append(columns[:cols])
    return rows
