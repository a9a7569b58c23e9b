"""What time does: access expires; what is in use is noted; what was closed, or nobody used for long, is deleted."""

from collections.abc import Callable
from typing import Final

import trio

from cctm.relay.journal import Journal
from cctm.relay.options import Options
from cctm.relay.rooms import Rooms
from cctm.relay.store import Store

TICK_S: Final = 1.0
ROUND_S: Final = 3600.0
_AT_ONCE: Final = 64
_DAY_S: Final = 86_400


async def keep_house(
    rooms: Rooms, store: Store, options: Options, journal: Journal, wall_us: Callable[[], int]
) -> None:
    """Until cancelled: let go whose access has expired each second, and go round each hour."""
    due_s = trio.current_time()
    while True:
        for room in rooms.in_use():
            room.let_expired_go()
        try:
            await rooms.remove_closed()
        except OSError as error:
            journal.note("the store cannot be read", errno=error.errno)
        if trio.current_time() >= due_s:
            due_s += ROUND_S
            try:
                await go_round(rooms, store, options, wall_us() // 1_000_000)
            except OSError as error:
                journal.note("the store cannot be read", errno=error.errno)
        await trio.sleep(TICK_S)


async def go_round(rooms: Rooms, store: Store, options: Options, now_s: int) -> None:
    """Note what is in use, and delete what was not for too long; and what was closed, and an earlier life, or a disk
    that refused, left.

    Raises:
        OSError: the store cannot be read.
    """
    store.touch([room.channel for room in rooms.in_use() if room.exists], now_s)
    await store.settle()
    for channel in await store.closed():
        await rooms.remove(channel)
    if options.idle_days:
        for channel in await store.idle(now_s - options.idle_days * _DAY_S, _AT_ONCE):
            await rooms.remove(channel)
