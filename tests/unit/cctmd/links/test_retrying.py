"""When a link is dialled again."""

import trio
import trio.testing

from cctm.cctmd.links.retrying import FIRST_S, HURRIED_S, MOST_S, STEADY_S, Retrying


def test_pauses_grow_to_a_limit():
    retrying = Retrying(draw=lambda: 1.0)
    pauses = [retrying.next_pause_s(0.0) for _ in range(9)]
    assert pauses[:4] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    assert pauses[-2:] == [MOST_S, MOST_S]


def test_a_pause_is_between_its_half_and_its_whole():
    assert Retrying(draw=lambda: 0.0).next_pause_s(0.0) == FIRST_S / 2
    assert Retrying(draw=lambda: 0.5).next_pause_s(0.0) == FIRST_S * 0.75


def test_after_a_connection_that_held_pauses_begin_anew():
    retrying = Retrying(draw=lambda: 1.0)
    for _ in range(5):
        retrying.next_pause_s(0.0)
    assert retrying.next_pause_s(STEADY_S / 2) > FIRST_S
    assert retrying.next_pause_s(STEADY_S) == FIRST_S


async def test_the_time_that_dialling_took_is_none_that_a_connection_held(autojump_clock):
    retrying = Retrying(draw=lambda: 1.0)
    pauses = []
    for _ in range(4):
        await trio.sleep(2 * STEADY_S)  # nobody answered
        began = trio.current_time()
        await retrying.pause()
        pauses.append(trio.current_time() - began)
    assert pauses == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S, 8 * FIRST_S]
    retrying.opened()
    await trio.sleep(STEADY_S)
    began = trio.current_time()
    await retrying.pause()
    assert trio.current_time() - began == FIRST_S


async def test_a_refusal_that_no_haste_mends_is_waited_out(autojump_clock):
    began = trio.current_time()
    await Retrying().pause(at_least_s=60.0)
    assert trio.current_time() - began == 60.0


async def test_a_pause_is_cut_short(autojump_clock):
    retrying = Retrying()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(retrying.pause, 3_600.0)
        await trio.testing.wait_all_tasks_blocked()
        retrying.now()
    assert trio.current_time() == began


async def test_the_next_pause_is_left_out_if_it_has_not_begun(autojump_clock):
    retrying = Retrying()
    retrying.now()
    began = trio.current_time()
    await retrying.pause(3_600.0)
    assert trio.current_time() == began
    await retrying.pause()
    assert trio.current_time() > began


async def test_who_waits_hurries_a_pause_though_not_below_a_second(autojump_clock):
    retrying = Retrying()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(retrying.pause, 3_600.0)
        await trio.testing.wait_all_tasks_blocked()
        retrying.hurry()
    assert trio.current_time() - began == HURRIED_S
    retrying.hurry()
    await retrying.pause(3_600.0)
    assert trio.current_time() - began == HURRIED_S + 3_600.0
