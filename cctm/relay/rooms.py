"""Rooms: all channels in use.

Invariant: while a channel is in use its room is the truth about it. It is loaded when the first comes, and given up
when the last has gone and all is stored; nobody else writes to the channel in the store.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from cctm.protocol.ids import ChannelId
from cctm.relay.room import Room, Surroundings


class Rooms:
    """All channels in use."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._rooms: dict[ChannelId, Room] = {}
        self._loading = trio.Lock()
        self._closed: set[ChannelId] = set()  # not in use, and to be deleted

    @asynccontextmanager
    async def using(self, channel: ChannelId) -> AsyncIterator[Room]:
        """The room of *channel*, there while it is used."""
        room = await self._enter(channel)
        room.users += 1
        try:
            yield room
        finally:
            room.users -= 1
            self._give_up(room)

    async def _enter(self, channel: ChannelId) -> Room:
        async with self._loading:  # nobody writes to a channel while its room is being made
            self._closed.discard(channel)  # its room says anew what becomes of it
            room = self._rooms.get(channel)
            if room is None or room.is_broken:
                room = Room(channel, await self._around.store.channel(channel), self._around)
                room.on_idle = lambda made=room: self._give_up(made)  # type: ignore[misc]
                self._rooms[channel] = room
                self._around.metrics.channels = len(self._rooms)
            return room

    def _give_up(self, room: Room) -> None:
        if self._rooms.get(room.channel) is not room:
            return
        if room.users == 0 and room.is_settled:
            del self._rooms[room.channel]
            room.give_up_memory()
            if room.is_closed:
                self._closed.add(room.channel)
            self._around.metrics.channels = len(self._rooms)

    async def remove(self, channel: ChannelId) -> None:
        """Delete *channel* if nobody uses it."""
        async with self._loading:
            if channel in self._rooms:
                return
            found = await self._around.store.channel(channel)
            if found is not None:
                self._around.store.remove(channel, found.stored_bytes)
                await self._around.store.settle()

    async def remove_closed(self) -> None:
        """Delete the channels whose owners closed them, but for those in use.

        Raises:
            OSError: the store cannot be read.
        """
        for channel in list(self._closed):
            if channel in self._closed:
                await self.remove(channel)
                self._closed.discard(channel)

    def in_use(self) -> list[Room]:
        return list(self._rooms.values())
