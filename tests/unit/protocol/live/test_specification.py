"""SPEC.md §16.5, §16.6, §16.11 and the code say the same."""

import re

import specification
from cctm.protocol.live import box_keys, hailing, seats
from cctm.protocol.live.envelope import MAX_LIVE_BYTES, Kind
from cctm.protocol.live.messages import MIN_WORD_BYTES, Why
from cctm.protocol.live.pulse import MAX_HEADS, MAX_PEOPLE, MAX_PEOPLE_BYTES, Life
from cctm.protocol.live.words import MAX_INPUT_BYTES, Wish
from live_parts import SECOND

SECTION = specification.section(16)
PROSE = re.sub(r"\s+", " ", SECTION)


def test_the_kinds_and_the_words_are_those_of_the_specification():
    rows = re.findall(r"^\| (\d) \| (\w+) \|", SECTION, re.MULTILINE)
    assert rows[:4] == [(str(int(kind)), kind.name.lower()) for kind in Kind]
    assert rows[4:] == [("1", "input"), ("2", "enrol"), ("3", "window"), ("4", "floor"), ("5", "leave")]


def test_the_numbers_in_it_are_those_of_the_specification():
    assert [int(why) for why in (Why.ENDED, Why.REMOVED, Why.UNSHARED)] == [0, 1, 2]
    assert "0 the terminal ended, 1 removed, 2 no longer shared" in PROSE
    assert [int(life) for life in (Life.ENDED, Life.LIVES, Life.BEGUN)] == [0, 1, 2]
    assert "`life`: 0 it ended, 1 it lives, 2 the hail that is answered began it" in PROSE
    assert [int(wish) for wish in (Wish.REQUEST, Wish.RELEASE)] == [0, 1]
    assert "action u: 0 request, 1 release" in PROSE


def test_the_limits_are_those_of_the_specification():
    for said in (
        f"at most {MAX_LIVE_BYTES // 1024} KiB",
        f"padded to at least {MIN_WORD_BYTES} bytes",
        f"(1…{MAX_INPUT_BYTES:,} bytes)",
        f"*confirmed live* for {hailing.CONFIRMED_US // SECOND} s",
        f"hail every {hailing.READER_EVERY_US // SECOND} s, drivers every {hailing.DRIVER_EVERY_US / SECOND} s",
        f"drawn in the last {box_keys.RECENT_US // SECOND} s",
        f"not heard for {seats.SILENCE_US // SECOND} s has left",
        f"when the newest is {box_keys.RENEW_US // SECOND} s old",
        f"at the latest {box_keys.FORGET_US // SECOND} s after it was drawn",
        f"answered is older than {hailing.FRESH_US // SECOND} s",
        f"behind `heads` of a pulse for {hailing.WITHHELD_US // SECOND} s",
        f"| {seats.HAILS} · {seats.WORDS} a second, {seats.INPUT_BYTES // 1024} KiB of input a second;",
        f"| {MAX_HEADS} · {MAX_PEOPLE}, and not more than fit into {MAX_PEOPLE_BYTES // 1024} KiB |",
    ):
        assert said in PROSE, said
