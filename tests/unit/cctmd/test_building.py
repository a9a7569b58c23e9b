"""What a terminal shows is found again in its record, from the newest keyframe, and level with what comes meanwhile."""

from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from cctm.archive.reader import Archive
from cctm.archive.since import events_since_keyframe
from cctm.archive.storage import Sync
from cctm.cctmd.backlog import SLICE_BYTES, Backlog
from cctm.cctmd.building import build_fold, fold_events
from cctm.cctmd.shown import FULL_BYTES, Shown
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminal import Held
from cctm.protocol.events import Gap, How, Keyframe, Opened, Output, Resized
from cctm.protocol.keys import StreamId
from cctm.screen.dump import dump
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from cctm.screen.queries import query_of
from cctm.screen.steps import CHAR_NS, STEP_NS
from daemon_parts import opened, running_daemon, screen_owner

OURS, OTHER = StreamId(b"a" * 16), StreamId(b"b" * 16)
QUERY = query_of(b"\x1b[6n")


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path) as one:
        yield one


def shown(data, cols=80, rows=24):
    fold = Fold(cols, rows)
    fold.feed(data)
    return fold


def keyframe(stream, offset, screen, cols=80, rows=24):
    return Keyframe(0, stream, offset, cols, rows, "work", 0, screen, b"", (), None)


KEPT = dump(shown(b"\x1b[1mkept"))


def begins(stream):
    return Opened(0, (b"sh",), b"/", 80, 24, "work", "xterm", 0, stream)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([begins(OURS), Output(0, 0, b"one"), Output(0, 3, b" two")], b"one two"),
        ([begins(OURS), Output(0, 0, b"one"), Output(0, 1, b"ne two")], b"one two"),
        ([begins(OURS), Output(0, 0, b"one"), Gap(0, 3, 100), Output(0, 103, b"two")], b"onetwo"),
        ([keyframe(OURS, 10, KEPT), Output(0, 5, b"befor"), Output(0, 10, b"!")], b"\x1b[1mkept!"),
        ([begins(OURS), Output(0, 0, b"one"), keyframe(OURS, 3, None), Output(0, 3, b"!")], b"one!"),
        ([begins(OTHER), Output(0, 0, b"not ours"), begins(OURS), Output(0, 0, b"ours")], b"ours"),
        ([begins(OURS), Output(0, 0, b"a\x1b[6"), Output(0, 4, b"nb")], b"ab"),
        ([], b""),
    ],
)  # fmt: skip
def test_events_are_folded_each_byte_once_without_questions(events, expected):
    assert fold_events(events, OURS, 1 << 40).picture() == shown(expected).picture()


def test_what_is_behind_the_offset_asked_for_is_not_folded():
    events = [begins(OURS), Output(0, 0, b"one two"), Output(0, 7, b" three")]
    assert fold_events(events, OURS, 3).picture() == shown(b"one").picture()


def test_sizes_are_folded_in_their_order():
    events = [begins(OURS), Output(0, 0, b"x" * 100), Resized(0, 40, 10, b""), Output(0, 100, b"!")]
    fold = shown(b"x" * 100)
    fold.resize(40, 10)
    fold.feed(b"!")
    assert fold_events(events, OURS, 1 << 40).picture() == fold.picture()


async def test_a_terminals_screen_is_built_from_its_newest_keyframe_and_what_came_since(daemon):
    terminal, _ = await opened(daemon)
    for part in (b"first\r\n", b"second\r\n"):
        terminal.output(terminal.recorder.offset, part)
        terminal.keyframe(1)
    terminal.resize(100, 30)
    terminal.output(terminal.recorder.offset, b"\x1b[31mthird")
    terminal.recorder.seal(Sync.NOW)
    await daemon.terminals.settle()
    await daemon.terminals.settle()  # the second keyframe's place is written behind the first settling
    archive = Archive(daemon.home, daemon.services.device)
    first, *rest = events_since_keyframe(archive, terminal.channel, terminal.stream)
    assert isinstance(first, Keyframe)
    assert first.offset == len(b"first\r\nsecond\r\n")
    assert b"".join(event.data for event in rest if isinstance(event, Output)) == b"\x1b[31mthird"
    built = await build_fold(daemon.terminals, terminal.channel, terminal.stream, terminal.recorder.offset)
    assert built.picture() == terminal.shown.fold.picture()


async def test_a_keyframe_is_due_after_so_much_output_and_not_again_at_once(daemon):
    terminal, _ = await opened(daemon)
    terminal.recorder.seal()
    before = terminal.recorder.sealed_size
    terminal.output(0, b"x" * 999)
    terminal.recorder.seal()
    terminal.keyframe(1000)
    assert terminal.recorder.sealed_size == before + 1
    terminal.output(999, b"x")
    terminal.keyframe(1000)
    terminal.keyframe(1000)
    assert terminal.recorder.sealed_size == before + 3


async def test_a_record_that_says_nothing_of_a_stream_shows_an_empty_screen(daemon):
    built = await build_fold(daemon.terminals, (await opened(daemon))[0].channel, OTHER, 5)
    assert built.picture() == Fold(80, 24).picture()


async def test_files_that_cannot_be_read_leave_an_empty_screen_and_a_daemon_that_lives(
    daemon, nursery, caplog
):
    terminal, _ = await opened(daemon)
    terminal.output(0, b"text")
    terminal.recorder.seal(Sync.NOW)
    await daemon.terminals.settle()
    spoil_segments(daemon.home.archive)
    build = partial(build_fold, daemon.terminals, terminal.channel, terminal.stream)
    one = Shown("0123abcd", None, build, screen_owner(size=lambda: (90, 30)), nursery)
    assert (await one.live()).picture() == Fold(90, 30).picture()
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "0123abcd" in line


async def test_a_record_that_nobody_thought_of_leaves_an_empty_screen_too(nursery, caplog):
    async def build(_until):
        raise KeyError("a bug")

    one = Shown("0123abcd", None, build, screen_owner(size=lambda: (90, 30)), nursery)
    one.wake()
    one.take(b"printed meanwhile")
    assert (await one.live()).picture() == shown(b"printed meanwhile", 90, 30).picture()
    assert "0123abcd" in caplog.text


def spoil_segments(archive):
    for segment in Path(archive).rglob("*.seg"):
        segment.unlink()
        segment.mkdir()


class Record:
    """A record that is read when the test says so."""

    def __init__(self, data):
        self.go_on = trio.Event()
        self.data = data
        self.asked_for = []

    async def build(self, until):
        self.asked_for.append(until)
        await self.go_on.wait()
        return shown(self.data[:until])


async def test_what_comes_while_the_record_is_read_waits_in_its_order(nursery):
    record = Record(b"recorded")
    asked = []
    one = Shown(
        "work",
        None,
        record.build,
        screen_owner(
            level=lambda: 8,
            size=lambda: (40, 10),
            asked=lambda query, fold: asked.append(fold.picture().cursor.col),
        ),
        nursery,
    )
    one.take(b"never folded: it is in the record")
    assert one.fold is None
    one.take(QUERY)
    for piece in (b" now", QUERY, (40, 10), b"!"):
        one.take(piece)
    assert asked == []
    record.go_on.set()
    fold = await one.live()
    assert record.asked_for == [8]
    assert asked == [8, 12]
    expected = shown(b"recorded now")
    expected.resize(40, 10)
    expected.feed(b"!")
    assert fold.picture() == expected.picture()


async def test_what_comes_while_what_waited_is_folded_comes_behind_it(nursery):
    record = Record(b"")
    rows = []

    def ask(_query, fold):
        rows.append(fold.picture().cursor.row)
        if len(rows) == 1:
            one.take(b"third\r\n")
            one.take(QUERY)
            assert one.fold is None

    one = Shown("work", None, record.build, screen_owner(asked=ask), nursery)
    one.wake()
    for piece in (b"first\r\n", QUERY, b"second\r\n"):
        one.take(piece)
    record.go_on.set()
    assert (await one.live()).picture() == shown(b"first\r\nsecond\r\nthird\r\n").picture()
    assert rows == [1, 3]


async def test_what_waited_is_folded_a_turns_worth_at_a_time_between_which_others_are_served(nursery):
    record = Record(b"")
    one = Shown("work", None, record.build, screen_owner(), nursery)
    one.wake()
    for _ in range(40):
        one.take(b"x" * SLICE_BYTES)
    turns = []

    async def other():
        while one.fold is None:
            turns.append(None)
            await trio.lowlevel.checkpoint()

    record.go_on.set()
    nursery.start_soon(other)
    await one.live()
    assert len(turns) >= 40 * SLICE_BYTES * CHAR_NS // STEP_NS


async def test_when_too_much_waits_no_more_is_let_come_until_it_is_folded(nursery):
    record = Record(b"")
    told = []
    owner = screen_owner(hold=lambda: told.append("hold"), release=lambda: told.append("release"))
    one = Shown("work", None, record.build, owner, nursery)
    one.wake()
    one.take(b"\n" * FULL_BYTES)
    assert told == []
    one.take(b"last")
    assert told == ["hold"]
    record.go_on.set()
    assert text_of((await one.live()).picture().lines[-1]) == "last"
    assert told == ["hold", "release"]


@pytest.fixture
async def full(daemon):
    """A terminal that has printed too much while its screen is read, and the record that it is read from."""
    terminal, _ = await opened(daemon)
    record = Record(b"")
    nursery = daemon.services.nursery
    terminal.shown = Shown(terminal.log_name, None, record.build, terminal.shown._owner, nursery)
    terminal.shown.wake()
    for start in range(0, FULL_BYTES + 1, SLICE_BYTES):
        daemon.terminals.output(terminal.stream, start, b"\n" * SLICE_BYTES)
    assert terminal.held == Held.SCREEN.value
    daemon.terminals.turn_over()
    assert terminal.recorder.pending
    return terminal, record


async def test_a_terminal_whose_screen_is_read_acknowledges_nothing_until_that_is_done(full):
    terminal, record = full
    record.go_on.set()
    await terminal.shown.live()
    await trio.testing.wait_all_tasks_blocked()
    assert terminal.held == ""
    assert not terminal.recorder.pending


async def test_who_wants_to_read_the_record_meanwhile_gets_all_of_it(daemon, full):
    terminal, _ = full
    await daemon.terminals.settle()
    assert not terminal.recorder.pending
    terminal.hold(Held.QUOTA)
    daemon.terminals.output(terminal.stream, terminal.recorder.offset, b"more")
    await daemon.terminals.settle()
    assert terminal.recorder.pending


async def test_the_end_of_a_terminal_does_not_wait_for_its_screen(full):
    terminal, _ = full
    terminal.end(Ending(How.EXITED, 0))
    assert not terminal.recorder.pending


def test_a_backlog_joins_small_pieces_and_cuts_large_ones():
    backlog = Backlog()
    for _ in range(1000):
        backlog.append(b"key")
    backlog.append(QUERY)
    backlog.append((100, 30))
    backlog.append(b"y" * (SLICE_BYTES + 1))
    assert len(backlog) == 5
    assert backlog.kept_bytes > 3000 + SLICE_BYTES
    assert list(iter(backlog.popleft, b"y")) == [b"key" * 1000, QUERY, (100, 30), b"y" * SLICE_BYTES]
    assert not backlog
    assert backlog.kept_bytes == 0


async def test_a_new_terminal_is_live_from_its_first_byte(nursery):
    record = Record(b"")
    one = Shown("work", Fold(80, 24), record.build, screen_owner(), nursery)
    one.take(b"text")
    assert (await one.live()).picture() == shown(b"text").picture()
    assert record.asked_for == []
