"""What goes wrong in showing a terminal costs what is shown: not its record, nor its other clients, nor the daemon."""

import pytest
import trio
import trio.testing

from cctm.cctmd.shown import Shown
from cctm.screen.avt_emulator import AvtEmulator
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from cctm.screen.pyte_emulator import PyteEmulator
from cctm.screen.queries import query_of
from daemon_parts import Watcher, opened, running_daemon, screen_owner

QUERY = query_of(b"\x1b[6n")
PANIC = "\x1b[?7l👩👩👩👩".encode()  # for avt with a single column, which no fold has


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        yield one


def panics(_cols, _rows):
    return AvtEmulator(1, 1)


class Raises(PyteEmulator):
    """An emulator in which a text, or reading, meets a bug."""

    def feed(self, text):
        if "bug" in text:
            raise ZeroDivisionError
        super().feed(text)

    def screen(self):
        if "trap" in "".join(self._screen.display):
            raise ZeroDivisionError
        return super().screen()


def first_row(fold):
    return text_of(fold.picture().lines[0])


def shown_by(emulator, nursery, **told):
    return Shown("0123abcd", Fold(80, 24, emulator), never, screen_owner(**told), nursery)


async def never(_until):
    raise AssertionError


@pytest.mark.parametrize(("emulator", "data"), [(panics, PANIC), (Raises, b"bug"), (Raises, b"trap")])
async def test_an_emulator_that_fails_costs_what_was_shown_and_that_is_said_once(
    emulator, data, nursery, caplog, capfd
):
    losses = []
    one = shown_by(emulator, nursery, lost=lambda: losses.append(first_row(one.fold)))
    for piece in (b"before", data):
        one.take(piece)
    assert one.fold.picture() == Fold(80, 24).picture()
    one.take(b"after")
    await trio.testing.wait_all_tasks_blocked()
    assert losses == ["after"]
    [line] = [record.getMessage() for record in caplog.records]
    assert "0123abcd" in line
    capfd.readouterr()


async def test_an_emulator_that_fails_again_and_again_fills_no_log(nursery, caplog):
    one = shown_by(Raises, nursery)
    for _ in range(3):
        one._fold = Fold(80, 24, Raises)
        one.take(b"bug")
        assert first_row(one.fold) == ""
    assert len(caplog.records) == 1


async def test_a_question_that_meets_a_bug_is_not_answered_and_the_next_is(nursery):
    asked = []

    def ask(query, fold):
        asked.append(query)
        if len(asked) == 1:
            raise ZeroDivisionError

    one = shown_by(Raises, nursery, asked=ask)
    one.take(QUERY)
    one.take(QUERY)
    assert len(asked) == 2


class Fails(Watcher):
    """A client that meets a bug when it is to do one thing, and then each time."""

    def __init__(self, name):
        super().__init__()
        setattr(self, name, self.fail)

    def fail(self, *_):
        raise ZeroDivisionError


@pytest.mark.parametrize("name", ["output", "changed", "fit", "say", "tell", "aside", "draw_anew"])
async def test_a_client_that_cannot_be_drawn_is_sent_away_and_no_other(daemon, name):
    terminal, _ = await opened(daemon)
    one, other = Fails(name), Watcher()
    terminal.join(one)
    terminal.join(other)
    daemon.terminals.output(terminal.stream, 0, b"text\x1b]52;c;aGk=\x07")
    terminal.resize(100, 30)
    terminal.say("said")
    terminal.shown.begin_anew()
    await trio.testing.wait_all_tasks_blocked()
    assert list(terminal.viewers) == [other]
    assert "cannot be shown" in one.said[-1]
    assert other.printed == b"text"
    assert (other.sizes, other.said, other.drawings, len(other.asides)) == (1, ["said"], 1, 1)
    assert terminal.held == ""


async def test_one_that_cannot_even_be_sent_away_is_gone(daemon):
    terminal, _ = await opened(daemon)
    one = Fails("changed")
    one.release = one.fail
    terminal.join(one)
    daemon.terminals.output(terminal.stream, 0, b"text")
    assert list(terminal.viewers) == []
    assert terminal.held == ""


async def test_a_client_that_meets_a_bug_at_the_end_keeps_no_other_from_hearing_of_it(daemon):
    terminal, _ = await opened(daemon)
    one, other = Fails("terminal_ended"), Watcher()
    terminal.join(one)
    terminal.join(other)
    daemon.terminals.ended(terminal.stream, 0, 7, 0)
    assert other.ending.code == 7
    assert terminal.held == ""


async def test_a_bug_in_telling_questions_from_output_costs_a_piece_of_what_is_shown(daemon, caplog):
    terminal, _ = await opened(daemon)
    viewer = Watcher()
    terminal.join(viewer)
    terminal._scanner = None
    daemon.terminals.output(terminal.stream, 0, b"lost to the screen")
    daemon.terminals.output(terminal.stream, 18, b"shown")
    daemon.terminals.turn_over()
    await trio.testing.wait_all_tasks_blocked()
    assert first_row(terminal.shown.fold) == "shown"
    assert (viewer.printed, viewer.drawings) == (b"shown", 1)
    assert (terminal.recorder.offset, terminal.recent.end, terminal.held) == (23, 23, "")
    assert not terminal.recorder.pending


async def test_a_screen_that_cannot_be_dumped_keeps_nothing_from_the_record(daemon):
    terminal, _ = await opened(daemon)
    daemon.terminals.output(terminal.stream, 0, b"text")
    terminal.shown.fold.modes.private = None  # what a bug might leave
    terminal.keyframe(1)
    daemon.terminals.turn_over()
    assert not terminal.recorder.pending
    assert terminal.held == ""
    terminal.keyframe(1)
    assert first_row(terminal.shown.fold) == ""
