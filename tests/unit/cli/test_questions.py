"""What programs ask the user's terminal, and what becomes of its answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.cli.questions import ANSWER_S, DA1, LATE_S, Questions
from cctm.protocol.control.replies import Query
from cctm.protocol.control.requests import Answer

COLOUR = b"\x1b]11;?\x1b\\"
BLACK = b"\x1b]11;rgb:0000/0000/0000\x1b\\"
DA1_ANSWER = b"\x1b[?62;22c"


def test_without_a_question_keys_pass_untouched():
    keys = BLACK + DA1_ANSWER + b"\x1b"
    questions = Questions()
    assert questions.receive(keys, 0) == (keys, [])
    assert questions.due() is None


def test_a_question_is_followed_by_one_that_every_terminal_answers():
    assert Questions().ask(Query(1, COLOUR), 0) == COLOUR + DA1


def test_the_answer_goes_to_the_daemon_and_keys_around_it_to_the_program():
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    assert questions.receive(b"a" + BLACK + b"b" + DA1_ANSWER + b"c", 0.1) == (b"abc", [Answer(1, BLACK)])
    assert questions.due() is None


def test_a_terminal_that_does_not_know_answers_with_nothing():
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    assert questions.receive(DA1_ANSWER, 0.1) == (b"", [Answer(1, b"")])


def test_each_question_has_its_own_answer():
    questions = Questions()
    for number in (1, 2, 3):
        questions.ask(Query(number, COLOUR), 0)
    data = BLACK + DA1_ANSWER + DA1_ANSWER + BLACK + BLACK + DA1_ANSWER
    assert questions.receive(data, 0.1) == (b"", [Answer(1, BLACK), Answer(2, b""), Answer(3, BLACK + BLACK)])


@pytest.mark.parametrize(
    "report",
    [
        b"\x1b]lrm -rf\x1b\\",  # a title
        b"\x1b]52;c;c2VjcmV0\x1b\\",
        b"\x1b[?997;1n",  # the colours have changed: a program may have asked to be told
        b"\x1b[48;24;80;480;800t",  # and so of the window's size
        b"\x1b[?1u",
        b"\x1b[>41;354;0c",
        b"\x1bP!|00000000\x1b\\",
    ],
)
def test_what_answers_no_open_question_is_input(report):
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    assert questions.receive(report + BLACK + report, 0.1) == (report * 2, [])
    assert questions.receive(DA1_ANSWER, 0.1) == (b"", [Answer(1, BLACK)])


def test_a_title_does_not_pass_for_the_size_of_the_window():
    questions = Questions()
    questions.ask(Query(1, b"\x1b[14t"), 0)
    title, size = b"\x1b]lrm -rf\x1b\\", b"\x1b[4;480;800t"
    assert questions.receive(title + size + DA1_ANSWER, 0.1) == (title, [Answer(1, size)])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"\x1b]4;1;?\x07", b"\x1b]4;1;rgb:ff/00/00\x07"),
        (b"\x1b]22;?__current__\x1b\\", b"\x1b]22;1\x1b\\"),
        (b"\x1b[?u", b"\x1b[?5u"),
        (b"\x1b_Gi=31,a=q;AAAA\x1b\\", b"\x1b_Gi=31;OK\x1b\\"),
        (b"\x1bP+q544e\x1b\\", b"\x1bP1+r544e=787465726d\x1b\\"),
        (b"\x1b[?996n", b"\x1b[?997;1n"),
        (b"\x1b[16t", b"\x1b[6;20;10t"),
        (b"\x1b[?1;1;0S", b"\x1b[?1;0;256S"),
    ],
)
def test_an_answer_of_the_questions_kind_is_taken(question, answer):
    questions = Questions()
    questions.ask(Query(1, question), 0)
    assert questions.receive(answer + DA1_ANSWER, 0.1) == (b"", [Answer(1, answer)])


@pytest.mark.parametrize("question", [b"", b"\x1b[99z", b"of another version", COLOUR + COLOUR])
def test_a_question_that_nobody_here_knows_is_asked_and_its_answer_is_input(question):
    questions = Questions()
    assert questions.ask(Query(1, question), 0) == question + DA1
    assert questions.receive(BLACK + DA1_ANSWER, 0.1) == (BLACK, [Answer(1, b"")])


def test_after_half_a_second_there_is_no_answer_and_a_late_one_is_no_key():
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    assert questions.expire(ANSWER_S - 0.1) == (b"", [])
    assert questions.due() == ANSWER_S
    assert questions.expire(ANSWER_S) == (b"", [Answer(1, b"")])
    assert questions.receive(b"x" + BLACK + DA1_ANSWER + b"y", 1) == (b"xy", [])
    assert questions.receive(b"\x1b", 1) == (b"\x1b", [])


def test_a_terminal_that_never_answers_is_not_waited_for_for_ever():
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    questions.expire(ANSWER_S)
    assert questions.due() == LATE_S
    assert questions.expire(LATE_S) == (b"", [])
    assert questions.receive(DA1_ANSWER, LATE_S) == (DA1_ANSWER, [])


def test_after_the_daemon_went_answers_are_for_nobody():
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    questions.forget()
    assert questions.receive(BLACK + DA1_ANSWER + b"x", 0.1) == (b"x", [])


def test_what_may_begin_an_answer_is_held_and_given_back_if_it_does_not():
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    assert questions.receive(b"a\x1b]11;rgb", 0.1) == (b"a", [])
    due = questions.due()
    assert due is not None
    assert 0.1 < due < ANSWER_S
    assert questions.expire(due) == (b"\x1b]11;rgb", [])


def test_too_many_questions_are_not_asked():
    questions = Questions()
    asked = [questions.ask(Query(number, COLOUR), 0) for number in range(100)]
    assert asked[:64] == [COLOUR + DA1] * 64
    assert asked[64:] == [b""] * 36


@settings(deadline=None)
@given(st.data())
def test_an_answer_may_come_in_any_pieces(data):
    whole = b"ab" + BLACK + b"cd" + DA1_ANSWER + b"ef"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    questions = Questions()
    questions.ask(Query(1, COLOUR), 0)
    keys, answers = b"", []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        some, found = questions.receive(whole[start:end], 0.1)
        keys += some
        answers += found
    assert answers == [Answer(1, BLACK)]
    assert keys == b"abcdef"
