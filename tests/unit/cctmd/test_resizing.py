"""A window that is dragged gives its terminal one size each frame, and its last one always."""

import pytest
import trio

from cctm.cctmd.frames import FRAME_S, Frames
from cctm.cctmd.resizing import Resizing


@pytest.fixture
async def frames(nursery):
    one = Frames()
    nursery.start_soon(one.run)
    return one


async def test_the_first_size_of_a_quiet_window_is_applied_at_once(frames, autojump_clock):
    applied = []
    resizing = Resizing(frames, applied.append)
    resizing.offer((100, 30))
    assert applied == [(100, 30)]
    await trio.sleep(2 * FRAME_S)
    resizing.offer((90, 20))
    assert applied == [(100, 30), (90, 20)]


async def test_of_many_sizes_in_a_frame_the_newest_is_applied_when_it_is_due(frames, autojump_clock):
    applied = []
    resizing = Resizing(frames, applied.append)
    for cols in range(80, 2000):
        resizing.offer((cols, 24))
    assert applied == [(80, 24)]
    await trio.sleep(1.01 * FRAME_S)
    assert applied == [(80, 24), (1999, 24)]
    await trio.sleep(10)
    assert len(applied) == 2


async def test_a_storm_is_applied_once_each_frame(frames, autojump_clock):
    applied = []
    resizing = Resizing(frames, applied.append)
    began = trio.current_time()
    for cols in range(1000):
        resizing.offer((cols, 24))
        await trio.sleep(0.001)
    passed_s = trio.current_time() - began
    await trio.sleep(1)
    assert len(applied) <= passed_s / FRAME_S + 2 < 1000
    assert applied[-1] == (999, 24)


async def test_what_waits_is_applied_before_the_window_leaves_and_only_once(frames, autojump_clock):
    applied = []
    resizing = Resizing(frames, applied.append)
    resizing.offer((100, 30))
    resizing.offer((90, 20))
    resizing.frame()
    assert applied == [(100, 30), (90, 20)]
    resizing.frame()
    await trio.sleep(1)
    assert len(applied) == 2


async def test_what_is_forgotten_is_not_applied(frames, autojump_clock):
    applied = []
    resizing = Resizing(frames, applied.append)
    resizing.offer((100, 30))
    resizing.offer((90, 20))
    resizing.forget()
    await trio.sleep(1)
    assert applied == [(100, 30)]
