"""A terminal's answers are told from keys, cut anywhere."""

import itertools

import pytest

from cctm.screen.client_answers import MAX_HELD, Answer, AnswerScanner
from cctm.screen.queries import Kind

ANSWERS = {
    b"\x1b]4;1;rgb:ff/00/00\x1b\\": Kind.COLOUR,
    b"\x1b]11;rgb:0000/0000/0000\x07": Kind.COLOUR,
    b"\x1b]21;foreground=rgb:ff/ff/ff\x1b\\": Kind.COLOUR,
    b"\x1b]22;1,0\x1b\\": Kind.POINTER,
    b"\x1b]52;c;c2VjcmV0\x1b\\": Kind.CLIPBOARD,
    b"\x1b[?5u": Kind.KITTY_KEYS,
    b"\x1bP1+r544e=787465726d\x1b\\": Kind.CAPABILITY,
    b"\x1bP0+r\x1b\\": Kind.CAPABILITY,
    b"\x1bP1$r0m\x1b\\": Kind.SETTING,
    b"\x1bP>|xterm(380)\x1b\\": Kind.VERSION,
    b"\x1b_Gi=31;OK\x1b\\": Kind.KITTY_GRAPHICS,
    b"\x1b[?1;0;256S": Kind.GRAPHICS,
    b"\x1b[>4;2m": Kind.GRAPHICS,
    b"\x1b[4;480;800t": Kind.WINDOW,
    b"\x1b[6;20;10t": Kind.WINDOW,
    b"\x1b]lsome title\x1b\\": Kind.TITLE,
    b"\x1b[?997;1n": Kind.STATUS,
    b"\x1b[0n": Kind.STATUS,
    b"\x1b[?1;2;1R": Kind.STATUS,
    b"\x1b[?62;22c": Kind.ATTRIBUTES,
    b"\x1b[>41;354;0c": Kind.ATTRIBUTES,
    b"\x1bP!|00000000\x1b\\": Kind.ATTRIBUTES,
    b"\x1b[?2026;2$y": Kind.MODE,
}
KEYS = [
    *(
        b"",
        b"ls -l\r",
        b"\x03",
        b"\x1b",
        b"\x1b\x1b",
        b"\x1ba",
        b"\x1b[A",
        b"\x1bOA",
        b"\x1b[1;5C",
        b"\x1b[3~",
        b"\x1b[15;2~",
    ),
    *(
        b"\x1b[97;5u",
        b"\x1b[27;5;98~",
        b"\x1b[1;2R",
        b"\x1b[13;2R",
        b"\x1b[<0;10;20M",
        b"\x1b[<0;10;20m",
        b"\x1b[M !!",
    ),
    *(
        b"\x1b[I",
        b"\x1b[O",
        b"\x1b[200~pasted \xe7\x95\x8c\x1b[201~",
        b"\x1b[Z",
        b"\x1bP",
        b"\x1b]",
        b"\x1b_",
        b"\x1b[[",
    ),
]


def scanned(*pieces, expecting=False):
    scanner = AnswerScanner()
    scanner.expecting = expecting
    found = [part for piece in pieces for part in scanner.feed(piece)] + scanner.flush()
    return b"".join(part for part in found if isinstance(part, bytes)), [
        part for part in found if isinstance(part, Answer)
    ]


@pytest.mark.parametrize("raw", ANSWERS)
def test_an_answer_is_told_from_the_keys_around_it(raw):
    for keys in KEYS[:9]:
        assert scanned(b"x" + raw + keys) == (b"x" + keys, [Answer(ANSWERS[raw], raw)])


@pytest.mark.parametrize("raw", ANSWERS)
@pytest.mark.parametrize("expecting", [True, False])
def test_an_answer_cut_anywhere_is_whole_again(raw, expecting):
    for cut in range(2 if expecting or raw[1:2] != b"[" else 3, len(raw)):
        # What a key may begin as well is waited for only while an answer is expected.
        if expecting or not raw.startswith(b"\x1b[") or raw[2:3] in b"?>":
            pieces = (b"a" + raw[:cut], raw[cut:] + b"b")
            assert scanned(*pieces, expecting=expecting) == (b"ab", [Answer(ANSWERS[raw], raw)])


@pytest.mark.parametrize("raw", ANSWERS)
def test_an_expected_answer_may_come_byte_by_byte(raw):
    assert scanned(*(bytes([byte]) for byte in raw), expecting=True) == (b"", [Answer(ANSWERS[raw], raw)])


@pytest.mark.parametrize("keys", KEYS)
@pytest.mark.parametrize("expecting", [True, False])
def test_keys_are_no_answers(keys, expecting):
    assert scanned(keys, expecting=expecting) == (keys, [])
    assert scanned(*(bytes([byte]) for byte in keys), expecting=expecting) == (keys, [])


def test_escape_is_handed_on_at_once_unless_an_answer_is_expected():
    scanner = AnswerScanner()
    assert scanner.feed(b"\x1b") == [b"\x1b"]
    assert not scanner.holds
    scanner.expecting = True
    assert scanner.feed(b"\x1b") == []
    assert scanner.holds
    assert scanner.flush() == [b"\x1b"]
    assert not scanner.holds


def test_an_answer_that_never_ends_is_keys_after_all():
    scanner = AnswerScanner()
    assert scanner.feed(b"\x1b]11;") == []
    assert (
        sum(len(piece) for piece in itertools.chain(*(scanner.feed(b"x" * 100) for _ in range(100)))) > 9000
    )
    assert len(b"".join(scanner.flush())) <= MAX_HELD
