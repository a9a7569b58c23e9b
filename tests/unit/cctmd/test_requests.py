"""What clients ask for is done, or refused for a reason."""

import os

import pytest
import trio
import trio.testing

from archive_fixtures import DEVICE
from cctm.archive.reader import Archive
from cctm.cctmd.requests import PART_BYTES, answer
from cctm.cctmd.services import RefusedError
from cctm.protocol.control import replies, requests
from cctm.protocol.control.frames import MAX_FRAME, encode_message
from cctm.protocol.control.values import Reason, Scope
from cctm.protocol.events import Renamed
from cctm.screen.fold import Fold
from cctm.screen.picture import text_of
from daemon_parts import SetClock, opened, running_daemon


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path, clock=SetClock()) as one:
        yield one


async def end(daemon, terminal, code=0):
    await daemon.terminals.settle()
    daemon.terminals.ended(terminal.stream, 0, code, terminal.recent.end)
    with trio.fail_after(20):
        await daemon.terminals.all_concluded()
    daemon.services.clock.wall += 1_000_000


async def ended(daemon, name, printed=b"x"):
    terminal, slave = await opened(daemon, name)
    daemon.terminals.output(terminal.stream, 0, printed)
    await end(daemon, terminal)
    os.close(slave)
    return terminal


async def rows(daemon, request):
    parts = await answer(daemon, request)
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    return [row for part in parts for row in part.rows]


async def refused(daemon, request):
    with pytest.raises(RefusedError) as caught:
        await answer(daemon, request)
    assert caught.value.what.endswith(".")
    assert caught.value.advice.endswith((".", "?"))
    return caught.value.reason


async def test_a_listing_shows_running_terminals_first_and_each_as_it_is(daemon):
    old = await ended(daemon, "old", b"x" * 1000)
    busy, _ = await opened(daemon, "busy", (b"echo", b"two words"))
    first, second = await rows(daemon, requests.List(0))
    assert first == replies.Row(
        busy.channel,
        "busy",
        "echo 'two words'",
        True,
        busy.created_us,
        None,
        None,
        None,
        80,
        24,
        0,
        0,
        "",
        None,
    )
    assert (second.channel, second.name, second.running, second.how, second.code) == (
        old.channel,
        "old",
        False,
        0,
        0,
    )
    assert second.stored_bytes > 1000
    assert second.ended_us is not None


async def test_a_listing_leaves_out_what_ended_before(daemon):
    await ended(daemon, "old")
    since = daemon.services.clock.wall
    await ended(daemon, "young")
    assert [row.name for row in await rows(daemon, requests.List(since))] == ["young"]


async def test_a_listing_of_none_is_one_empty_part(daemon):
    assert await answer(daemon, requests.List(0)) == [replies.Listing([], more=False)]


async def test_a_listing_of_long_commands_comes_in_parts_that_a_frame_holds(daemon):
    for number in range(12):
        await opened(daemon, f"t{number}", (b"sh", b"-c", b"'" * 120_000, b"\xff"))
    parts = await answer(daemon, requests.List(0))
    assert len(parts) > 3
    assert max(len(encode_message(part)) for part in parts) < 4 * PART_BYTES
    assert {row.name for row in await rows(daemon, requests.List(0))} == {f"t{n}" for n in range(12)}


async def test_renaming_changes_listing_record_and_catalogue(daemon):
    terminal, _ = await opened(daemon, "work")
    assert await answer(daemon, requests.Rename("work", "better")) == [replies.Done()]
    assert [row.name for row in await rows(daemon, requests.List(0))] == ["better"]
    await daemon.terminals.settle()
    archive = Archive(daemon.home, DEVICE)
    names = [
        event.name
        for entry in archive.entries(terminal.channel)
        for event in entry.events
        if isinstance(event, Renamed)
    ]
    assert names == ["better"]
    assert archive.resolve("better").channel == terminal.channel


async def test_renaming_to_its_own_name_changes_nothing(daemon):
    terminal, _ = await opened(daemon, "work")
    terminal.recorder.seal()
    await answer(daemon, requests.Rename("work", "work"))
    assert not terminal.recorder.pending


async def test_a_name_that_is_taken_or_none_is_refused(daemon):
    await opened(daemon, "work")
    await opened(daemon, "other")
    assert await refused(daemon, requests.Rename("other", "work")) is Reason.NAME_TAKEN
    for bad in ("", "-x", "a\nb", "x" * 65):
        assert await refused(daemon, requests.Rename("other", bad)) is Reason.BAD_NAME
    await ended(daemon, "gone")
    assert await refused(daemon, requests.Rename("gone", "x")) is Reason.NOT_RUNNING


async def test_of_several_ended_ones_of_a_name_none_is_removed_or_renamed(daemon):
    old, new = await ended(daemon, "work"), await ended(daemon, "work")
    for request in (requests.Remove("work"), requests.Rename("work", "better")):
        with pytest.raises(RefusedError) as caught:
            await answer(daemon, request)
        assert caught.value.reason is Reason.AMBIGUOUS
        assert old.channel.hex()[:8] in caught.value.what
        assert new.channel.hex()[:8] in caught.value.what
    assert len(await rows(daemon, requests.List(0))) == 2
    await answer(daemon, requests.Remove(old.channel.hex()[:8]))
    assert [row.channel for row in await rows(daemon, requests.List(0))] == [new.channel]
    await answer(daemon, requests.Remove("work"))
    assert await rows(daemon, requests.List(0)) == []


@pytest.mark.parametrize(
    "request_",
    [
        requests.Kill("nobody", 0),
        requests.Kill("", 9),
        requests.Rename("nobody", "x"),
        requests.Remove("nobody"),
        requests.AskClients("nobody"),
    ],
    ids=repr,
)
async def test_nobody_cannot_be_asked_for_anything(daemon, request_):
    assert await refused(daemon, request_) is Reason.NO_SUCH_TERMINAL


@pytest.mark.parametrize("number", [65, 1000, 2**62, 32])
async def test_there_is_no_such_signal(daemon, number):
    await opened(daemon, "work")
    assert await refused(daemon, requests.Kill("work", number)) is Reason.FAILED


async def test_a_running_terminal_is_not_removed(daemon):
    await opened(daemon, "busy")
    assert await refused(daemon, requests.Remove("busy")) is Reason.STILL_RUNNING


async def test_an_ended_terminal_is_removed(daemon):
    await ended(daemon, "old")
    assert await answer(daemon, requests.Remove("old")) == [replies.Done()]
    assert await refused(daemon, requests.Remove("old")) is Reason.NO_SUCH_TERMINAL
    assert os.listdir(daemon.home.archive) == []


async def test_pruning_by_age_takes_the_old_ones_only_and_never_a_running_one(daemon):
    await ended(daemon, "old")
    await ended(daemon, "older")
    daemon.services.clock.wall += 100_000_000
    await ended(daemon, "young")
    await opened(daemon, "busy")
    only_say = requests.Prune(50_000_000, None, only_say=True)
    assert [row.name for row in await rows(daemon, only_say)] == ["old", "older"]
    assert len(await rows(daemon, requests.List(0))) == 4
    assert len(await rows(daemon, only_say._replace(only_say=False))) == 2
    assert {row.name for row in await rows(daemon, requests.List(0))} == {"young", "busy"}
    assert await rows(daemon, only_say) == []


async def test_pruning_by_size_takes_the_oldest_until_enough_is_gone(daemon):
    noise = os.urandom(20_000)
    for name in ("one", "two", "three"):
        await ended(daemon, name, noise)
    chosen = await rows(daemon, requests.Prune(None, 45_000, only_say=False))
    assert [row.name for row in chosen] == ["one"]
    chosen = await rows(daemon, requests.Prune(None, 0, only_say=False))
    assert [row.name for row in chosen] == ["two", "three"]
    assert os.listdir(daemon.home.archive) == []


@pytest.mark.parametrize(
    "request_", [requests.Remove("work"), requests.Prune(0, None, only_say=False)], ids=repr
)
async def test_a_terminal_whose_end_is_not_stored_yet_can_go_too(daemon, request_):
    terminal, _ = await opened(daemon, "work")
    daemon.terminals.ended(terminal.stream, 0, 0, 0)
    daemon.services.clock.wall += 1
    await answer(daemon, request_)
    assert daemon.terminals.running == {}
    assert await rows(daemon, requests.List(0)) == []
    daemon.services.storage.barrier().result(20)
    await trio.testing.wait_all_tasks_blocked()
    assert os.listdir(daemon.home.archive) == []
    with trio.fail_after(20):
        await daemon.terminals.all_concluded()


async def test_status_counts_what_is_alive(daemon):
    await opened(daemon, "work")
    await ended(daemon, "old")
    [status] = await answer(daemon, requests.AskStatus())
    assert (status.daemon_pid, status.terminals, status.clients, status.stalled) == (os.getpid(), 1, 0, "")


async def test_settling_is_done_when_all_is_on_disk(daemon):
    terminal, _ = await opened(daemon)
    daemon.terminals.output(terminal.stream, 0, b"printed")
    assert await answer(daemon, requests.Settle()) == [replies.Done()]
    assert b"".join(Archive(daemon.home, DEVICE).fold_output(terminal.channel)) == b"printed"


async def test_clients_are_counted(daemon):
    await opened(daemon, "work")
    assert await answer(daemon, requests.AskClients("work")) == [replies.Clients([])]


async def screen(daemon, *, drawn):
    """What the parts of the answer say together; each fits a frame."""
    parts = await answer(daemon, requests.AskScreen("work", drawn))
    assert [part.more for part in parts] == [True] * (len(parts) - 1) + [False]
    assert max(len(encode_message(part)) for part in parts) < 2 * PART_BYTES
    lines = [line for part in parts for line in part.lines]
    return parts[-1]._replace(lines=lines, drawn=b"".join(part.drawn for part in parts))


async def test_a_screen_is_told_as_text_and_drawn_if_that_is_asked_for(daemon):
    terminal, _ = await opened(daemon, "work")
    terminal.output(0, b"\x1b]0;title\x07one\r\n\x1b[31mtwo")
    told = await screen(daemon, drawn=False)
    assert [line.rstrip() for line in told.lines] == ["one", "two"] + [""] * 22
    assert told._replace(lines=[]) == replies.Screen(80, 24, 3, 1, True, False, "title", [], b"", more=False)
    drawn = (await screen(daemon, drawn=True)).drawn
    assert Fold.from_dump(80, 24, drawn).picture() == terminal.shown.fold.picture()


async def test_a_screen_that_no_frame_holds_comes_in_parts(daemon):
    terminal, _ = await opened(daemon, "work")
    cols, rows = 400, 250
    terminal.resize(cols, rows)
    cells = (
        f"\x1b[38;2;{n % 256};{n // 256 % 256};1;48;2;{n % 199};2;3m\U0001f600".encode()
        for n in range(cols * rows // 2)
    )
    terminal.output(0, b"".join(cells))
    told = await screen(daemon, drawn=True)
    assert len(told.drawn) > MAX_FRAME
    assert told.lines == [text_of(row) for row in terminal.shown.fold.picture().lines]
    assert Fold.from_dump(cols, rows, told.drawn).picture() == terminal.shown.fold.picture()


@pytest.mark.parametrize("scope", [*Scope, 99])
async def test_stopping_and_restarting_end_the_daemon(daemon, scope):
    await answer(daemon, requests.Restart(scope))
    assert daemon.leaving.is_set()
    daemon.leaving = trio.Event()
    await answer(daemon, requests.Stop(scope))
    assert daemon.leaving.is_set()


async def test_what_this_daemon_cannot_do_is_refused_as_such(daemon):
    assert await refused(daemon, replies.Done()) is Reason.NOT_YET


NEW = requests.New([b"cat"], b"/", [], 0o022, 80, 24, "", record_input=False, private=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "-x"}, Reason.BAD_NAME),
        ({"name": "taken"}, Reason.NAME_TAKEN),
        ({"cols": 0}, Reason.FAILED),
        ({"rows": 65_536}, Reason.FAILED),
        ({"argv": [b""]}, Reason.FAILED),
        ({"argv": [b"a\0b"]}, Reason.FAILED),
        ({"cwd": b"/\0"}, Reason.FAILED),
        ({"cwd": b"/" * 5000}, Reason.FAILED),
        ({"umask": 0o1000}, Reason.FAILED),
        ({"umask": 2**62}, Reason.FAILED),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_a_terminal_that_cannot_be_is_refused_and_leaves_nothing(daemon, change, reason):
    await opened(daemon, "taken")
    assert await refused(daemon, NEW._replace(**change)) is reason
    assert len(await rows(daemon, requests.List(0))) == 1


async def test_no_terminal_is_opened_while_nothing_can_be_recorded(daemon):
    daemon.terminals.stalled = "disk full"
    assert await refused(daemon, NEW) is Reason.NO_ROOM
