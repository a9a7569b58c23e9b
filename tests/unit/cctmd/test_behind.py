"""Whatever one terminal prints, the daemon's other work goes on, its order is kept, and what waits is bounded."""

import pytest
import trio
import trio.testing

from cctm.cctmd.backlog import SLICE_BYTES
from cctm.cctmd.requests import answer
from cctm.cctmd.shown import FULL_BYTES, Shown
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminal import Held
from cctm.protocol.control import requests
from cctm.protocol.events import How
from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from cctm.screen.queries import query_of
from cctm.screen.steps import STEP_NS
from daemon_parts import Watcher, opened, running_daemon, screen_owner

SIZE = (640, 200)
QUERY = query_of(b"\x1b[6n")
HOSTILE = {
    "resets": b"\x1bc",
    "alignments": b"\x1b#8",
    "erasures": b"\x1b[H\x1b[2J",
    "inserted lines": b"\x1b[999L",
    "deleted lines": b"\x1b[999M",
    "scrolls": b"\x1b[999S",
    "line ends": b"\n",
    "screens": b"\x1b[?1049h\x1b[?1049l",
    "repetitions": b"a\x1b[999b",
    "kitty flags": b"\x1b[>1u",
    "marks": "e\u0301\u0302".encode(),
}


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        yield one


async def never(_until):
    raise AssertionError


def flood(operation, least_ns=6 * STEP_NS):
    """As often *operation* as costs a fold several turns."""
    data, cost = operation * 8, 0
    while cost < least_ns:
        data, cost = data * 2, sum(Fold(*SIZE).steps(data * 2))
    return data, cost


def shown(data, size=SIZE):
    fold = Fold(*size)
    fold.feed(data)
    return fold


@pytest.mark.parametrize("operation", HOSTILE.values(), ids=HOSTILE)
async def test_others_have_their_turns_while_a_hostile_output_is_folded(operation, nursery):
    data, cost = flood(operation)
    one = Shown("0123abcd", Fold(*SIZE), never, screen_owner(size=lambda: SIZE), nursery)
    one.take(data + b"end")
    assert one.fold is None
    assert one.known is not None
    turns = []

    async def other():
        while one.fold is None:
            turns.append(None)
            await trio.lowlevel.checkpoint()

    nursery.start_soon(other)
    fold = await one.live()
    assert len(turns) >= cost // STEP_NS - 1
    assert fold.picture() == shown(data + b"end").picture()
    assert dump(fold) == dump(shown(data + b"end"))


async def test_in_one_turn_one_of_the_terminals_that_are_behind_folds(nursery):
    data, cost = flood(HOSTILE["resets"])
    many = [Shown("work", Fold(*SIZE), never, screen_owner(size=lambda: SIZE), nursery) for _ in range(3)]
    for one in many:
        one.take(data)
        assert one.fold is None
    turns = []

    async def other():
        while any(one.fold is None for one in many):
            turns.append(None)
            await trio.lowlevel.checkpoint()

    nursery.start_soon(other)
    for one in many:
        await one.live()
    assert len(turns) >= 3 * (cost // STEP_NS - 1)


async def test_ordinary_output_is_folded_when_it_is_looked_at(nursery):
    one = Shown("work", Fold(*SIZE), never, screen_owner(size=lambda: SIZE), nursery)
    for piece in (
        b"$ ls\r\n",
        b"\x1b[1;34mdir\x1b[0m file\r\n" * 200,
        b"\x1b[H\x1b[2J",
        b"\x1b[?25l\x1b[K\x1b[?25h",
    ):
        one.take(piece)
        assert one.fold is not None


async def test_another_terminals_request_is_answered_while_one_is_behind(daemon):
    mad, _ = await opened(daemon, "mad")
    await opened(daemon, "calm")
    mad.resize(*SIZE)
    data, _ = flood(HOSTILE["alignments"], 100 * STEP_NS)
    daemon.terminals.output(mad.stream, 0, data)
    assert mad.shown.fold is None
    [screen] = await answer(daemon, requests.AskScreen("calm", drawn=False))
    assert screen.cols == 80
    assert mad.shown.is_behind


async def test_questions_and_sizes_keep_their_place_in_what_waits(nursery):
    data, _ = flood(HOSTILE["resets"])
    places = []
    owner = screen_owner(size=lambda: (100, 30), asked=lambda _, fold: places.append(fold.place))
    one = Shown("work", Fold(*SIZE), never, owner, nursery)
    for piece in (data, b"abc", QUERY, (100, 30), b"\x1b[30;1Hdef", QUERY):
        one.take(piece)
    assert places == []
    fold = await one.live()
    assert places == [(1, 4), (30, 4)]
    assert (fold.cols, fold.rows) == (100, 30)


async def test_sizes_that_change_without_end_take_their_turns(nursery):
    one = Shown("work", Fold(*SIZE), never, screen_owner(size=lambda: SIZE), nursery)
    for _ in range(20):
        one.take((600, 200))
        one.take(SIZE)
    assert one.fold is None
    assert (await one.live()).picture() == Fold(*SIZE).picture()


async def test_what_waits_is_bounded_and_let_come_again_once_it_is_folded(daemon):
    terminal, _ = await opened(daemon)
    data = b"\x1bc" * 50_000 + b"x" * (FULL_BYTES + SLICE_BYTES)
    for start in range(0, len(data), 65536):
        daemon.terminals.output(terminal.stream, start, data[start : start + 65536])
    assert terminal.held == Held.SCREEN.value
    await terminal.shown.live()
    assert terminal.held == ""


async def test_a_dump_is_folded_in_turns_and_ends_whatever_waits(nursery):
    data, _ = flood(HOSTILE["resets"])
    told = []
    owner = screen_owner(
        size=lambda: SIZE, lost=lambda: told.append("lost"), release=lambda: told.append("release")
    )
    one = Shown("work", Fold(*SIZE), never, owner, nursery)
    one.take(data)
    one.take(b"x" * (FULL_BYTES + 1))
    one.begin_with(SIZE, data + b"dumped")
    assert told == ["release", "lost"]
    assert one.fold is None
    one.take(b" more")
    fold = await one.live()
    assert text_of(fold.picture().lines[0]) == "dumped more"


async def test_who_begins_anew_while_behind_is_level(nursery):
    data, _ = flood(HOSTILE["resets"])
    one = Shown("work", Fold(*SIZE), never, screen_owner(size=lambda: SIZE), nursery)
    one.take(data)
    assert one.fold is None
    one.begin_anew()
    one.take(b"anew")
    assert text_of(one.fold.picture().lines[0]) == "anew"
    await trio.testing.wait_all_tasks_blocked()
    assert text_of(one.fold.picture().lines[0]) == "anew"


async def test_whoever_looks_is_told_of_the_end_once_the_last_output_is_folded(daemon):
    terminal, _ = await opened(daemon)
    terminal.resize(*SIZE)
    data, _ = flood(HOSTILE["resets"])
    viewer = Last(terminal)
    terminal.join(viewer)
    daemon.terminals.output(terminal.stream, 0, data + b"last")
    terminal.end(Ending(How.EXITED, 0))
    assert viewer.ending is None
    terminal.typed(viewer, b"typed too late", 1)
    terminal.claim(viewer, (100, 30), 2)
    with trio.fail_after(60):
        await viewer.told.wait()
    assert viewer.row == "last"
    assert list(terminal.viewers) == []


class Last(Watcher):
    """A client that looks at the screen when it hears of the end."""

    def __init__(self, terminal):
        super().__init__()
        self.told = trio.Event()
        self.row = None
        self._terminal = terminal

    def terminal_ended(self, ending):
        super().terminal_ended(ending)
        self.row = text_of(self._terminal.shown.known.picture().lines[0])
        self.told.set()
