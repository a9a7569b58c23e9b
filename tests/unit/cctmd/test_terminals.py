"""The registry: which terminal is meant, which names are free, and what becomes of output and ends."""

import contextlib
import os
import sqlite3
import threading
from contextlib import closing

import pytest
import trio
import trio.testing

from archive_fixtures import DEVICE
from cctm.archive.catalogue import Catalogue, State
from cctm.archive.reader import Archive
from cctm.cctmd.requests import answer
from cctm.cctmd.services import RefusedError, wait_for
from cctm.cctmd.stage import Ending
from cctm.cctmd.terminal import Held
from cctm.protocol.control import requests
from cctm.protocol.control.values import Reason
from cctm.protocol.events import How
from daemon_parts import SetClock, Watcher, opened, running_daemon


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path, clock=SetClock()) as one:
        yield one


async def end(daemon, terminal):
    """Let the terminal end and its end be stored, as after the keeper said so."""
    await daemon.terminals.settle()
    daemon.terminals.ended(terminal.stream, 0, 0, terminal.recent.end)
    with trio.fail_after(20):
        await daemon.terminals.all_concluded()
    daemon.services.clock.wall += 1


def refusal(find, target):
    with pytest.raises(RefusedError) as caught:
        find(target)
    return caught.value.reason


async def test_a_running_terminal_is_found_by_its_name_and_by_the_beginning_of_its_id(daemon):
    terminal, _ = await opened(daemon, "work")
    other, _ = await opened(daemon, "other")
    terminals = daemon.terminals
    assert terminals.find("work") == terminal.channel
    for digits in (4, 5, 63, 64):
        text = terminal.channel.hex()[:digits]
        if not other.channel.hex().startswith(text):
            assert terminals.find(text) == terminals.find(text.upper()) == terminal.channel
    assert terminals.find_alive("work") is terminal


@pytest.mark.parametrize("target", ["", "nobody", "wor", "WORK", "g" * 64, "\x1b[31m"])
async def test_what_nothing_is_called_is_not_found(daemon, target):
    await opened(daemon, "work")
    assert refusal(daemon.terminals.find, target) is Reason.NO_SUCH_TERMINAL


async def test_fewer_than_four_digits_are_no_id(daemon):
    terminal, _ = await opened(daemon, "work")
    assert refusal(daemon.terminals.find, terminal.channel.hex()[:3]) is Reason.NO_SUCH_TERMINAL


async def test_a_beginning_that_several_ids_have_is_ambiguous(daemon):
    terminal, _ = await opened(daemon, "work")
    twin = terminal.channel[:8] + bytes(24)
    daemon.terminals.abouts[twin] = daemon.terminals.abouts[terminal.channel]
    assert refusal(daemon.terminals.find, terminal.channel.hex()[:16]) is Reason.AMBIGUOUS
    assert daemon.terminals.find(terminal.channel.hex()[:40]) == terminal.channel


async def test_of_ended_terminals_of_one_name_the_newest_is_meant_and_a_running_one_before_all(daemon):
    first, _ = await opened(daemon, "work")
    await end(daemon, first)
    second, _ = await opened(daemon, "work")
    await end(daemon, second)
    assert daemon.terminals.find("work") == second.channel
    assert refusal(daemon.terminals.find_alive, "work") is Reason.NOT_RUNNING
    third, _ = await opened(daemon, "work")
    assert daemon.terminals.find_alive("work") is third


async def test_a_name_is_free_once_its_terminal_has_ended(daemon):
    terminals = daemon.terminals
    terminal, _ = await opened(daemon, "work")
    assert not terminals.name_is_free("work")
    assert not terminals.reserve("work")
    await end(daemon, terminal)
    assert terminals.reserve("work")
    assert not terminals.name_is_free("work")
    terminals.unreserve("work")
    assert terminals.name_is_free("work")


async def test_the_newest_that_nobody_is_attached_to_waits(daemon):
    assert refusal(lambda _: daemon.terminals.waiting(), "") is Reason.NOBODY_WAITS
    first, _ = await opened(daemon, "first")
    daemon.services.clock.wall += 1
    second, _ = await opened(daemon, "second")
    assert daemon.terminals.waiting() is second
    second.viewers.append(object())
    assert daemon.terminals.waiting() is first


async def test_overlapping_output_is_taken_once_and_a_jump_is_a_gap(daemon):
    terminal, _ = await opened(daemon)
    terminals = daemon.terminals
    terminals.output(terminal.stream, 0, b"abc")
    terminals.output(terminal.stream, 0, b"abc")
    terminals.output(terminal.stream, 1, b"bcde")
    terminals.output(terminal.stream, 10, b"later")
    terminals.output(b"?" * 16, 0, b"of nobody")
    await terminals.settle()
    archive = Archive(daemon.home, DEVICE)
    pieces = list(archive.fold_output(terminal.channel))
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == b"abcdelater"
    [hole] = [piece for piece in pieces if not isinstance(piece, bytes)]
    assert (hole.offset, hole.length, hole.declared) == (5, 5, True)


async def test_an_end_behind_the_last_output_records_what_is_missing(daemon):
    terminal, _ = await opened(daemon)
    daemon.terminals.output(terminal.stream, 0, b"abc")
    daemon.terminals.ended(terminal.stream, 0, 7, 10)
    daemon.terminals.ended(terminal.stream, 0, 8, 10)
    with trio.fail_after(20):
        await daemon.terminals.all_concluded()
    assert daemon.terminals.running == {}
    about = daemon.terminals.abouts[terminal.channel]
    assert (about.state, about.how, about.code, about.output_bytes) == (State.ENDED, How.EXITED, 7, 10)
    [hole] = [
        piece
        for piece in Archive(daemon.home, DEVICE).fold_output(terminal.channel)
        if not isinstance(piece, bytes)
    ]
    assert (hole.offset, hole.length) == (3, 7)


async def test_what_was_touched_is_sealed_by_the_next_tick(daemon, nursery):
    terminal, _ = await opened(daemon)
    nursery.start_soon(daemon.terminals.sealing.tick)
    daemon.terminals.touch(terminal)
    with trio.fail_after(20):
        while terminal.recorder.pending:
            await trio.lowlevel.checkpoint()
    assert terminal.recorder.sealed_size == 4
    nursery.cancel_scope.cancel()


async def test_output_of_a_quiet_terminal_is_sealed_at_the_end_of_the_turn(daemon):
    terminal, _ = await opened(daemon)
    daemon.terminals.output(terminal.stream, 0, b"key")
    daemon.terminals.turn_over()
    assert not terminal.recorder.pending
    daemon.terminals.output(terminal.stream, 3, b"next")
    daemon.terminals.turn_over()
    assert terminal.recorder.pending


async def test_a_terminal_that_cannot_be_recorded_is_held_and_no_other(daemon):
    broken, _ = await opened(daemon, "broken")
    good, _ = await opened(daemon, "good")
    broken.recorder.event(lambda dt_us: (dt_us, "no event of any kind"))
    for terminal in (broken, good):
        daemon.terminals.output(terminal.stream, 0, b"x")
    daemon.terminals.turn_over()
    assert broken.held == Held.FAILED.value
    assert good.held == ""
    assert not good.recorder.pending


async def test_what_is_forgotten_is_gone_from_disk_and_memory(daemon):
    terminal, _ = await opened(daemon, "work")
    await end(daemon, terminal)
    assert os.listdir(daemon.home.archive) == [terminal.channel.hex()]
    await daemon.terminals.forget(terminal.channel)
    assert os.listdir(daemon.home.archive) == []
    assert refusal(daemon.terminals.find, "work") is Reason.NO_SUCH_TERMINAL
    assert list(daemon.services.catalogue.abouts()) == []


async def test_settling_does_not_wait_for_a_storage_that_stands_still(daemon):
    go_on = threading.Event()
    daemon.services.storage.run_aside(go_on.wait)
    daemon.terminals.stalled = "no space left on device"
    with trio.fail_after(20):
        await daemon.terminals.settle()
    go_on.set()


async def test_what_is_stored_after_the_daemon_left_is_for_the_next_one(daemon):
    terminal, _ = await opened(daemon)
    daemon.terminals.close()
    daemon.terminals.ended(terminal.stream, 0, 0, 0)
    await daemon.terminals.settle()
    assert terminal.channel in daemon.terminals.running
    assert daemon.terminals.abouts[terminal.channel].state is State.RUNNING


async def test_clients_are_told_of_size_and_name_but_not_of_their_own_doing(daemon):
    terminal, _ = await opened(daemon)
    one, other = Watcher(), Watcher()
    terminal.join(one)
    terminal.join(other)
    terminal.resize(100, 30, by=one)
    terminal.resize(100, 30, by=other)
    terminal.rename("new")
    assert [type(message).__name__ for message in one.messages] == ["NameChanged"]
    assert [type(message).__name__ for message in other.messages] == ["Resized", "NameChanged"]
    assert terminal.size == (100, 30)
    assert terminal.name == "new"
    rows, cols = os.get_terminal_size(terminal.pty.master)[::-1]
    assert (cols, rows) == (100, 30)
    assert (one.sizes, other.sizes) == (1, 1)
    terminal.leave(one)
    terminal.leave(one)
    terminal.leave(other)
    assert terminal.recent.limit < 100_000


@pytest.mark.parametrize("reason", list(Held))
async def test_a_held_terminal_seals_nothing_until_every_reason_is_gone(daemon, reason):
    terminal, _ = await opened(daemon)
    assert terminal.hold(reason)
    assert not terminal.hold(reason)
    terminal.hold(Held.QUOTA)
    terminal.recorder.seal()
    assert terminal.recorder.pending
    terminal.release(reason)
    terminal.release(reason)
    assert terminal.recorder.pending is (reason is not Held.QUOTA)
    terminal.release(Held.QUOTA)
    assert not terminal.recorder.pending
    assert terminal.held == ""


async def test_a_terminal_that_is_over_is_over_for_its_pty(daemon):
    terminal, _ = await opened(daemon)
    before = os.fstat(terminal.pty.master)
    terminal.end(Ending(How.LOST, 0))
    assert terminal.ended.is_set()
    # Another thread may have been given its number in the meantime.
    with contextlib.suppress(OSError):
        assert not os.path.samestat(before, os.fstat(terminal.pty.master))


def known(daemon, terminal):
    """How far the catalogue knows each log of *terminal*: entries, and offset of its stream."""
    catalogue = Catalogue.open_read_only(daemon.home.catalogue, DEVICE.wrap_key)
    with closing(catalogue):
        return [(it.size, it.stream_offset) for it in catalogue.checkpoints(terminal.channel)]


async def test_the_catalogue_knows_of_a_log_from_its_begin_and_of_all_that_is_stored_when_it_is_asked(daemon):
    terminal, _ = await opened(daemon)
    await daemon.terminals.settle()
    await wait_for(daemon.services.storage.barrier())
    assert known(daemon, terminal) == [(4, 0)]
    daemon.terminals.output(terminal.stream, 0, b"printed")
    await answer(daemon, requests.Settle())
    assert known(daemon, terminal) == [(5, 7)]


async def test_a_catalogue_that_cannot_be_written_refuses_nobody(daemon, caplog):
    terminal, _ = await opened(daemon)
    await daemon.terminals.settle()
    await wait_for(daemon.services.storage.barrier())
    daemon.terminals.output(terminal.stream, 0, b"printed")
    with closing(sqlite3.connect(daemon.home.catalogue)) as other:
        other.execute("DROP TABLE logs")
    await answer(daemon, requests.Settle())
    assert "the catalogue cannot be written" in caplog.text


async def test_what_only_a_real_terminal_knows_is_asked_of_who_typed_last_else_of_the_newest(daemon):
    terminal, _ = await opened(daemon)
    clients = [Watcher() for _ in range(4)]
    first, second, newest, watching = clients
    watching.drives = False
    for client in clients:
        terminal.join(client)
        if client.drives:
            terminal.sizing.claim(client, (80, 24), 0)

    def is_asked():
        terminal.output(terminal.recorder.offset, b"\x1b]11;?\x07")
        asked = [client for client in clients if client.asked]
        for client in asked:
            [(number, _)] = client.asked
            client.asked.clear()
            terminal.questions.answered(client, number, b"")
        return asked

    assert is_asked() == [newest]
    terminal.sizing.typed(first, 1)
    assert is_asked() == [first]
    terminal.sizing.typed(second, 2)
    assert is_asked() == [second]
    second.can_be_asked = False
    assert is_asked() == [first]
    terminal.leave(first)
    assert is_asked() == [newest]
    newest.can_be_asked = False
    assert is_asked() == []
