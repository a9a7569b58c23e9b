"""What a terminal would answer is cut out, and nothing else."""

import pytest

from cctm.screen import queries
from cctm.screen.queries import MAX_HELD, Query, QueryScanner, up_to_nth_query, without_queries

QUERIES = {
    "DA1": [b"\x1b[c", b"\x1b[0c"],
    "DA2": [b"\x1b[>c", b"\x1b[>0c"],
    "DA3": [b"\x1b[=c"],
    "DECID": [b"\x1bZ"],
    "ENQ": [b"\x05"],
    "DSR": [b"\x1b[5n", b"\x1b[?996n"],
    "CPR": [b"\x1b[6n", b"\x1b[?6n"],
    "DECRQM": [b"\x1b[?2026$p", b"\x1b[4$p"],
    "DECREQTPARM": [b"\x1b[x", b"\x1b[1x"],
    "DECRQCRA": [b"\x1b[1;1;1;1;2;2*y"],
    "terminal state": [b"\x1b[1$u", b"\x1b[2$w"],
    "graphics": [b"\x1b[?1;1;0S"],
    "key modes": [b"\x1b[?4m"],
    "XTVERSION": [b"\x1b[>q", b"\x1b[>0q"],
    "kitty keys": [b"\x1b[?u"],
    "kitty graphics": [b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"],
    "window reports": [b"\x1b[14t", b"\x1b[14;2t", b"\x1b[18t", b"\x1b[21t", b"\x1b[11t"],
    "DECRQSS": [b"\x1bP$qm\x1b\\", b'\x1bP$q"p\x1b\\'],
    "XTGETTCAP": [b"\x1bP+q544e\x1b\\", b"\x1bP+q544e;524742\x1b\\"],
    "palette": [b"\x1b]4;1;?\x07", b"\x1b]4;1;?\x1b\\", b"\x1b]4;1;?;2;?\x07", b"\x1b]5;0;?\x07"],
    "colours": [b"\x1b]10;?\x07", b"\x1b]11;?\x1b\\", b"\x1b]12;?\x07", b"\x1b]19;?\x07"],
    "colours by name": [b"\x1b]21;foreground=?\x1b\\"],
    "pointer": [b"\x1b]22;?__current__,pointer\x1b\\"],
    "clipboard": [b"\x1b]52;c;?\x07", b"\x1b]52;c;c2VjcmV0\x1b\\", b"\x1b]52;;?\x1b\\"],
}
ORDINARY = [
    b"",
    b"plain text, 6n and [c\r\n",
    bytes(range(6, 27)) + bytes(range(28, 256)),
    b"\x1b[0m\x1b[1;31mred\x1b[m",
    b"\x1b[H\x1b[2J\x1b[10;20H\x1b[K\x1b[3S\x1b[2T",
    b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b=\x1b>",
    b"\x1b[4 q\x1b[2;5r\x1b[!p\x1bc",
    b"\x1b[>1u\x1b[<u\x1b[=1u\x1b[>4;2m",
    b"\x1b[22;0;0t\x1b[23;0;0t\x1b[8;24;80t\x1b[2t",
    b"\x1b]0;a title?\x07\x1b]2;what ?\x1b\\",
    b"\x1b]4;1;rgb:ff/00/00\x07\x1b]11;#000000\x1b\\\x1b]104\x07",
    b"\x1b]8;;https://example.org/?q=1\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b]133;A\x07\x1b]7;file://host/home\x1b\\",
    b"\x1bPq#0;2;0;0;0#0~~@@\x1b\\",
    b"\x1bM\x1bD\x1bE\x1b7\x1b8\x1b(0\x1b)B\x0e\x0f",
    "wide 界 é \u20ac".encode(),
]


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_cut_out_of_whatever_stands_around_it(name):
    for query in QUERIES[name]:
        for around in ORDINARY:
            assert without_queries(around + query + around) == around * 2


@pytest.mark.parametrize("output", ORDINARY)
def test_ordinary_output_stays_as_it_is(output):
    assert without_queries(output) == output


def test_all_queries_in_a_row_leave_nothing():
    every = [query for queries in QUERIES.values() for query in queries]
    assert without_queries(b"".join(every)) == b""


def test_a_million_beginnings_of_queries_take_no_square_of_time():
    unfinished = b"\x1b]52;" * 200_000 + b"\x1b[?" + b"1" * 1_000_000 + b"\x1bP$q" * 100_000
    assert without_queries(unfinished) == unfinished


def scanned(*pieces):
    scanner = QueryScanner()
    return [part for piece in pieces for part in scanner.feed(piece)], scanner


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_cut_anywhere_is_found_whole(name):
    for query in QUERIES[name]:
        for cut in range(len(query) + 1):
            found, scanner = scanned(b"before" + query[:cut], query[cut:] + b"behind")
            assert b"".join(part for part in found if isinstance(part, bytes)) == b"beforebehind"
            assert [part.raw for part in found if isinstance(part, Query)] == [query]
            assert not scanner.holds


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_that_comes_byte_by_byte_is_found_whole(name):
    for query in QUERIES[name]:
        found, _ = scanned(*(bytes([byte]) for byte in query))
        assert [part.raw for part in found] == [query]


@pytest.mark.parametrize("output", [output for output in ORDINARY if output])
def test_ordinary_output_is_one_piece(output):
    assert scanned(output)[0] == [output]


@pytest.mark.parametrize(
    "begun",
    [
        *(
            b"\x1b",
            b"\x1b[",
            b"\x1b[?20",
            b"\x1b[?2026$",
            b"\x1b]",
            b"\x1b]1",
            b"\x1b]11;?",
            b"\x1b]52;c;AAAA",
            b"\xc2",
        ),
        *(
            b"\x1bP",
            b"\x1bP+q54",
            b"\x1b_G",
            b"\x1b_Ga=q\x1b",
            b"\xc2\x9b6",
            b"\xc2\x9d11;?\xc2",
            b"\x1b]52;\xc2\x9d\x1b",
        ),
    ],
)
def test_what_may_become_a_query_is_held_back_until_it_is_asked_for(begun):
    found, scanner = scanned(b"text" + begun)
    assert found == [b"text"]
    assert scanner.holds
    assert scanner.flush() == [begun]
    assert not scanner.holds
    assert scanner.flush() == []


@pytest.mark.parametrize(
    "ended",
    [
        b"text",
        b"\x1b[31m",
        b"\x1b[H",
        b"\x1b]0;title",
        b"\x1b]2;x\x07",
        b"\x1bPq#0",
        b"\x1bX",
        b"\x1b(",
        b"\x1b[31;1 ",
    ],
)
def test_what_cannot_become_a_query_is_handed_on_at_once(ended):
    found, scanner = scanned(ended)
    assert found == [ended]
    assert not scanner.holds


def test_a_held_beginning_is_bounded():
    scanner = QueryScanner()
    scanner.feed(b"\x1b]52;c;")
    handed_on = sum(len(part) for _ in range(MAX_HELD // 1000 + 10) for part in scanner.feed(b"A" * 1000))
    assert handed_on > MAX_HELD
    assert sum(map(len, scanner.flush())) <= MAX_HELD


def test_many_beginnings_behind_c1_characters_take_no_square_of_time():
    unfinished = b"\xc2\x9d52;" * 200_000 + b"\x1b[m" + b"\x1b]21;=?" * 100_000 + b"\x1b[m"
    assert without_queries(unfinished) == unfinished
    assert scanned(unfinished)[0] == [unfinished]


def test_the_nth_question_is_counted_without_what_is_copied_to_the_clipboard():
    pieces = QueryScanner().feed(b"a\x1b[cb\x1b]52;c;aGk=\x07\x1b[6nc\x1b]52;c;?\x07d")
    assert [up_to_nth_query(pieces, n) for n in range(4)] == [1, 4, 6, len(pieces)]
    assert [piece.copies for piece in pieces if isinstance(piece, Query)] == [False, True, False, False]


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize(
    "endless",
    [
        b"\x1b]52;c;" + b"A" * 50_000,
        b"\x1b]0052;c;" + "°界".encode() * 10_000,
        b"\xc2\x9d52;c;" + "°界".encode() * 10_000,
        b"\x1bP+q" + b"54" * 25_000,
        b"\xc2\x9fG" + b"\xc2\xb0" * 25_000,
        b"\x1b[?" + b"1;" * 25_000,
        b"\xc2\x9b" + b"\x001" * 25_000,
        b"\x1b]" + b"0" * 50_000,
        b"\x1b]52;c;" + b"A" * 2 * MAX_HELD,
        (b"\x1b]52;c;" + b"A" * 10_000 + b"\x07") * 5,
        (b"\x1b]11;?" + b"A" * 10_000 + b"\x1b\\") * 5,
        (b"\x1b[" + b"1" * 10_000 + b"n") * 5,
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_trickles_in_is_looked_at_a_few_times_and_not_with_each_byte_again(monkeypatch, endless, size):
    looked_at = []

    def counting(data, look=queries._held_from):
        looked_at.append(len(data))
        return look(data)

    monkeypatch.setattr(queries, "_held_from", counting)
    found, scanner = scanned(*(endless[at : at + size] for at in range(0, len(endless), size)))
    assert sum(looked_at) < 5 * len(endless)
    found += scanner.flush()
    assert b"".join(part if isinstance(part, bytes) else part.raw for part in found) == endless


@pytest.mark.parametrize("around", [b"x", b"\xc2\xb0", "界".encode()])
@pytest.mark.parametrize("opened", [b"\x1b]52;", b"\xc2\x9d52;"])
@pytest.mark.parametrize("closed", [b"\x07", b"\x1b\\", b"\xc2\x9c"])
def test_a_long_query_is_found_where_it_ends_in_whatever_pieces_that_comes(opened, around, closed):
    query = opened + around * 20
    for cut in range(1, len(closed) + 1):
        found, scanner = scanned(query[:-1], query[-1:] + closed[:cut], closed[cut:] + b"behind")
        assert [part.raw for part in found if isinstance(part, Query)] == [query + closed]
        assert found[-1] == b"behind"
        assert not scanner.holds


@pytest.mark.parametrize("aborted", [b"\x18", b"\x1a", b"\x1b[m"])
def test_a_long_query_that_is_aborted_is_output(aborted):
    query = b"\x1b]52;c;" + b"A" * 100
    found, scanner = scanned(query, b"A" * 100, aborted, b"behind")
    assert b"".join(found) == query + b"A" * 100 + aborted + b"behind"
    assert not scanner.holds
