"""Each question has one answer, from the fold at that byte; or somebody is named who is asked."""

import pytest

from cctm.screen.answers import Who, answer
from cctm.screen.fold import Fold
from cctm.screen.queries import Kind, Query, QueryScanner, query_of

FOLD = Fold(80, 24)
FOLD.feed(
    b"\x1b[2;20r\x1b[?6h\x1b[3;5H\x1b[1;31m\x1b[4h\x1b[?2004h\x1b[?1049h\x1b=\x1b[4 q\x1b[>4;2m\x1b[?25l"
)

ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[0c": b"\x1b[?62;22c",
    b"\x1bZ": b"\x1b[?62;22c",
    b"\xc2\x9a": b"\x1b[?62;22c",
    b"\xc2\x9bc": b"\x1b[?62;22c",
    b"\x1b[>c": b"\x1b[>0;330;0c",
    b"\x1b[=c": b"\x1bP!|00000000\x1b\\",
    b"\x1b[5n": b"\x1b[0n",
    b"\x1b[6n": b"\x1b[3;5R",
    b"\x1b[?6n": b"\x1b[?3;5;1R",
    b"\x1b[6\nn": b"\x1b[3;5R",
    b"\x1b[?15n": b"\x1b[?13n",
    b"\x1b[?25n": b"\x1b[?20n",
    b"\x1b[?26n": b"\x1b[?27;1;0;0n",
    b"\x1b[?2004$p": b"\x1b[?2004;1$y",
    b"\x1b[?1049$p": b"\x1b[?1049;1$y",
    b"\x1b[?47$p": b"\x1b[?47;1$y",
    b"\x1b[?1000$p": b"\x1b[?1000;2$y",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
    b"\x1b[?25$p": b"\x1b[?25;2$y",
    b"\x1b[?6$p": b"\x1b[?6;1$y",
    b"\x1b[?7$p": b"\x1b[?7;1$y",
    b"\x1b[?66$p": b"\x1b[?66;1$y",
    b"\x1b[?2027$p": b"\x1b[?2027;0$y",
    b"\x1b[4$p": b"\x1b[4;1$y",
    b"\x1b[20$p": b"\x1b[20;2$y",
    b"\x1b[2$p": b"\x1b[2;0$y",
    b"\x1b[>q": b"\x1bP>|CCTM 1.2\x1b\\",
    b"\x1b[>0q": b"\x1bP>|CCTM 1.2\x1b\\",
    b"\x1bP$qm\x1b\\": b"\x1bP1$r0;31;1m\x1b\\",
    b"\x1bP$qr\x1b\\": b"\x1bP1$r2;20r\x1b\\",
    b"\x1bP$q q\x1b\\": b"\x1bP1$r4 q\x1b\\",
    b'\x1bP$q"p\x1b\\': b'\x1bP1$r62;1"p\x1b\\',
    b"\xc2\x90$qm\xc2\x9c": b"\x1bP1$r0;31;1m\x1b\\",
    b"\x1bP$qz\x1b\\": b"\x1bP0$r\x1b\\",
    b"\x1b[?4m": b"\x1b[>4;2m",
    b"\x1b[11t": b"\x1b[1t",
    b"\x1b[13t": b"\x1b[3;0;0t",
    b"\x1b[14t": b"\x1b[4;480;800t",
    b"\x1b[14;2t": b"\x1b[4;480;800t",
    b"\x1b[15t": b"\x1b[5;480;800t",
    b"\x1b[16t": b"\x1b[6;20;10t",
    b"\x1b[18t": b"\x1b[8;24;80t",
    b"\x1b[19t": b"\x1b[9;24;80t",
}
ONE_CLIENT = [
    *(
        b"\x1b]4;1;?\x07",
        b"\x1b]10;?\x1b\\",
        b"\x1b]11;?\x07",
        b"\x1b]12;?\x07",
        b"\x1b]21;foreground=?\x1b\\",
    ),
    *(b"\x1b[?u", b"\x1bP+q544e\x1b\\", b"\x1b]22;?pointer\x1b\\", b"\x1b[?996n", b"\x1b[?1;1;0S"),
    b"\x1b_Gi=31,s=1,v=1,a=q;AAAA\x1b\\",
]
NOBODY = [
    *(
        b"\x05",
        b"\x1b]52;c;?\x07",
        b"\x1b]52;;?\x1b\\",
        b"\x1b[20t",
        b"\x1b[21t",
        b"\x1b[x",
        b"\x1b[1;1;1;1;2;2*y",
    ),
    *(b"\x1b[1$u", b"\x1b[2$w", b"\x1b[1c", b"\x1b[>1c", b"\x1b[?6c", b"\x1b[>1q", b"\x1b[7n", b"\x1b[?99n"),
]


def asked(raw, cell=(10, 20), fold=FOLD):
    [query] = QueryScanner().feed(raw)
    return answer(query, fold, "1.2", cell)


@pytest.mark.parametrize("raw", ANSWERS)
def test_the_daemon_answers(raw):
    assert asked(raw) == ANSWERS[raw]


@pytest.mark.parametrize("raw", ONE_CLIENT)
def test_what_only_a_terminal_knows_one_client_is_asked(raw):
    assert asked(raw) is Who.ONE_CLIENT


@pytest.mark.parametrize("raw", NOBODY)
def test_nobody_answers(raw):
    assert asked(raw) is Who.NOBODY


@pytest.mark.parametrize("raw", [b"\x1b[14t", b"\x1b[15t", b"\x1b[16t"])
def test_without_a_known_size_of_characters_a_client_is_asked(raw):
    assert asked(raw, cell=None) is Who.ONE_CLIENT


@pytest.mark.parametrize("raw", [b"\x1b]52;c;c2VjcmV0\x1b\\", b"\x1b]52;c;!\x07"])
def test_writing_the_clipboard_is_no_question(raw):
    assert asked(raw) is Who.ALL_CLIENTS


def test_the_cursor_is_reported_where_it_is_at_that_byte():
    fold, places = Fold(10, 3), []
    for piece in QueryScanner().feed(b"\x1b[6nab\x1b[6n\r\n\x1b[6n0123456789\x1b[6n"):
        if isinstance(piece, Query):
            places.append(answer(piece, fold, ""))
        else:
            fold.feed(piece)
    assert places == [b"\x1b[1;1R", b"\x1b[1;3R", b"\x1b[2;1R", b"\x1b[2;10R"]


def test_origin_mode_that_came_back_with_a_saved_cursor_counts():
    fold = Fold(10, 5)
    fold.feed(b"\x1b[2;4r\x1b[?6h\x1b7\x1b[?6l\x1b[r\x1b[2;4r\x1b[5;5H\x1b8")
    assert asked(b"\x1b[6n", fold=fold) == b"\x1b[1;1R"


@pytest.mark.parametrize("number", [b"9" * 30, b"4294967296", b"1:2"])
def test_no_number_is_too_large_to_be_answered(number):
    for raw in (b"\x1b[?%b$p", b"\x1b[%b$p", b"\x1b[>%bq", b"\x1b[%bn", b"\x1b[18;%bt"):
        assert isinstance(asked(raw % number), bytes | Who)


def test_every_kind_of_question_is_met():
    seen = {query_of(raw).kind for raw in (*ANSWERS, *ONE_CLIENT, *NOBODY)}
    assert seen == set(Kind)
