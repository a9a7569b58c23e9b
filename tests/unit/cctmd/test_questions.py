"""Questions are answered once each, in order, by the daemon or by one client."""

import pytest
import trio

from cctm.cctmd.questions import ANSWER_S, MAX_ANSWER_BYTES, MAX_OPEN, Questions
from cctm.screen.fold import Fold
from cctm.screen.queries import query_of

ATTRIBUTES = query_of(b"\x1b[c")
COLOUR = query_of(b"\x1b]11;?\x07")
KITTY = query_of(b"\x1b[?u")
BLUE = b"\x1b]11;rgb:0000/0000/ffff\x07"


class Client:
    """A terminal that remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def ask(self, number, question):
        self.asked.append((number, question))


class Program:
    """What the program has heard, and the questions it asks of a screen."""

    def __init__(self, nursery, *clients):
        self.clients = list(clients)
        self.heard = []
        self.questions = Questions(
            self.heard.append, lambda: self.clients[0] if self.clients else None, nursery
        )

    def ask(self, *queries):
        for query in queries:
            self.questions.ask(query, Fold(80, 24))


async def test_what_the_daemon_knows_is_answered_at_once_with_and_without_clients(nursery):
    program = Program(nursery)
    program.ask(ATTRIBUTES)
    assert len(program.heard) == 1
    assert program.heard[0].endswith(b"c")


async def test_one_client_is_asked_and_its_answer_reaches_the_program_once(nursery):
    one, other = Client(), Client()
    program = Program(nursery, one, other)
    program.ask(COLOUR)
    assert (len(one.asked), other.asked) == (1, [])
    number, question = one.asked[0]
    assert question == COLOUR.raw
    program.questions.answered(other, number, b"a lie")
    program.questions.answered(one, number + 1, b"another's")
    assert program.heard == []
    program.questions.answered(one, number, BLUE)
    program.questions.answered(one, number, BLUE)
    assert program.heard == [BLUE]


async def test_an_answer_that_is_there_waits_for_those_asked_before_it(nursery):
    client = Client()
    program = Program(nursery, client)
    program.ask(KITTY, ATTRIBUTES, COLOUR)
    assert program.heard == []
    program.questions.answered(client, client.asked[1][0], BLUE)
    assert program.heard == []
    program.questions.answered(client, client.asked[0][0], b"\x1b[?1u")
    assert program.heard[0] == b"\x1b[?1u"
    assert program.heard[1].endswith(b"c")
    assert program.heard[2] == BLUE


async def test_no_answer_and_a_client_that_leaves_hold_nothing_up(nursery):
    client = Client()
    program = Program(nursery, client)
    program.ask(KITTY, ATTRIBUTES)
    program.questions.answered(client, client.asked[0][0], b"")
    assert len(program.heard) == 1
    program.ask(KITTY, ATTRIBUTES)
    program.questions.left(client)
    assert len(program.heard) == 2


async def test_after_half_a_second_nothing_is_waited_for_and_late_answers_are_dropped(
    nursery, autojump_clock
):
    client = Client()
    program = Program(nursery, client)
    program.ask(KITTY, ATTRIBUTES)
    await trio.sleep(ANSWER_S + 0.01)
    assert len(program.heard) == 1
    program.questions.answered(client, client.asked[0][0], b"late")
    assert len(program.heard) == 1


@pytest.mark.parametrize("query", [COLOUR, KITTY, query_of(b"\x1b]52;c;?\x07")])
async def test_without_a_client_and_for_the_clipboard_nobody_answers(nursery, query):
    program = Program(nursery)
    program.ask(query, ATTRIBUTES)
    assert len(program.heard) == 1


async def test_a_program_that_asks_without_end_and_an_endless_answer_cost_little(nursery):
    client = Client()
    program = Program(nursery, client)
    program.ask(*[COLOUR] * (3 * MAX_OPEN))
    assert len(client.asked) == MAX_OPEN
    program.questions.answered(client, client.asked[0][0], b"x" * 100_000)
    assert program.heard == [b"x" * MAX_ANSWER_BYTES]


async def test_what_the_daemon_knows_waits_behind_an_open_question_no_more_than_the_rest(nursery):
    client = Client()
    program = Program(nursery, client)
    program.ask(COLOUR, *[ATTRIBUTES] * (3 * MAX_OPEN))
    assert program.heard == []
    program.questions.answered(client, client.asked[0][0], BLUE)
    assert len(program.heard) == MAX_OPEN
    program.ask(ATTRIBUTES)
    assert len(program.heard) == MAX_OPEN + 1
