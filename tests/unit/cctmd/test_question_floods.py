"""A program that asks without end is answered a few times, and otherwise treated as if it had not asked."""

import os

import pytest

from cctm.cctmd.questions import MAX_OPEN
from cctm.cctmd.recent import MAX_HOLES
from cctm.screen.fold import Fold
from daemon_parts import Watcher, opened, running_daemon

MANY = 1000
ATTRIBUTES = b"\x1b[c"
COPIED = b"\x1b]52;c;aGk=\x07"


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        yield one


def heard(terminal, slave):
    """How many answers reach the program."""
    terminal.pty.write(b"END")
    received = b""
    while not received.endswith(b"END"):
        received += os.read(slave, 65536)
    return received.count(b"\x1b[?")


class Draws(Watcher):
    """A client that loses its place at each output, and draws what is shown."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal
        self.pictures = []

    def output(self, data):
        super().output(data)
        self.pictures.append(self.terminal.shown.fold.picture())


async def test_of_many_questions_in_one_piece_some_are_answered_and_of_the_next_again(daemon):
    terminal, slave = await opened(daemon)
    for _ in range(2):
        terminal.output(terminal.recorder.offset, ATTRIBUTES * MANY)
        assert heard(terminal, slave) == MAX_OPEN
    terminal.output(terminal.recorder.offset, ATTRIBUTES)
    assert heard(terminal, slave) == 1


async def test_what_is_printed_around_them_is_shown_and_kept_as_if_nothing_was_asked(daemon):
    terminal, _ = await opened(daemon)
    viewer = Watcher()
    terminal.join(viewer)
    terminal.output(0, (b"text" + ATTRIBUTES) * MANY + COPIED + b"end")
    plain = b"text" * MANY + b"end"
    assert viewer.printed == plain
    assert viewer.asides == [COPIED]
    assert terminal.recent.read_all() == plain
    assert terminal.recent.end == terminal.recorder.offset
    fold = Fold(80, 24)
    fold.feed(plain)
    assert terminal.shown.fold.picture() == fold.picture()


async def test_a_client_whose_place_is_forgotten_meanwhile_draws_all_of_it(daemon):
    terminal, _ = await opened(daemon)
    viewer = Draws(terminal)
    terminal.join(viewer)
    terminal.output(0, (b"x" + ATTRIBUTES) * (MAX_HOLES + 1))
    assert viewer.pictures[-1] == terminal.shown.fold.picture()
    assert len(viewer.pictures) <= MAX_OPEN + 2
