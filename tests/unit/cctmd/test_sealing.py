"""What was added to a record is sealed at once or by the next tick, and when all is asked for."""

import pytest
import trio

from cctm.cctmd.sealing import Sealing, seal_now
from daemon_parts import SetClock, opened, running_daemon


@pytest.fixture
async def daemon(tmp_path):
    async with running_daemon(tmp_path, clock=SetClock()) as one:
        yield one


@pytest.fixture
async def sealing(nursery, autojump_clock):
    one = Sealing()
    nursery.start_soon(one.tick)
    yield one
    nursery.cancel_scope.cancel()


async def ticked():
    """Return once everything that waits for a time has had it."""
    await trio.sleep(1)


async def test_an_event_is_sealed_by_the_tick_and_not_before(daemon, sealing):
    terminal, _ = await opened(daemon)
    sealing.touch(terminal)
    sealing.turn_over()  # it was quiet: sealed at once
    assert not terminal.recorder.pending
    terminal.rename("new")
    sealing.touch(terminal)
    sealing.turn_over()
    assert terminal.recorder.pending
    await ticked()
    assert not terminal.recorder.pending


async def test_output_of_a_busy_terminal_is_sealed_by_the_tick(daemon, sealing):
    terminal, _ = await opened(daemon)
    for offset in (0, 1):
        terminal.output(offset, b"x")
        sealing.printed(terminal)
        sealing.turn_over()
    assert terminal.recorder.pending
    await ticked()
    assert not terminal.recorder.pending


async def test_what_may_become_a_question_is_shown_by_a_later_tick(daemon, sealing):
    terminal, _ = await opened(daemon)
    terminal.output(0, b"text\x1b[")
    sealing.printed(terminal)
    sealing.turn_over()
    assert terminal.waits_for_more
    await ticked()
    assert not terminal.waits_for_more
    assert not terminal.recorder.pending


async def test_one_that_has_ended_is_touched_no_more(daemon, sealing):
    terminal, _ = await opened(daemon)
    sealing.printed(terminal)
    sealing.ended(terminal)
    sealing.turn_over()
    await ticked()
    assert terminal.recorder.pending


async def test_all_are_sealed_when_that_is_asked_for(daemon):
    terminals = [(await opened(daemon, name))[0] for name in ("one", "other")]
    seal_now(terminals)
    assert [terminal.recorder.pending for terminal in terminals] == [False, False]
