"""A relay's parts in one process, and a client that speaks to it: over memory here, over WebSockets in the
end-to-end tests."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from cctm.protocol.admission import AccessList, Verb, sign_access
from cctm.protocol.entry import EntryKind, encode_record
from cctm.protocol.events import Output
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.dialling import Dialling
from cctm.protocol.sync.records import Joiner, Records, cut_appends
from cctm.protocol.sync.serving import Serving
from cctm.relay.journal import Journal
from cctm.relay.limits import Buckets
from cctm.relay.memory import Allowance, TailMemory
from cctm.relay.metrics import Metrics
from cctm.relay.options import Options
from cctm.relay.room import Surroundings
from cctm.relay.rooms import Rooms
from cctm.relay.session import Closed, Relay, Session
from cctm.relay.store import Store
from samples import (
    CHANNEL,
    EMPTY_KEYFRAME,
    HOST,
    MEMBER,
    append_grant,
    begin,
    drawn,
    host_log,
    host_writer,
    member_log,
    nonce,
)

ADDRESS = "https://relay.example"
LOG = host_writer().log
HOST_RECORDS = [encode_record(sealed) for sealed in host_log()]
MEMBER_RECORDS = [encode_record(sealed) for sealed in member_log()]
ALL = Verb.READ | Verb.APPEND | Verb.LIVE


def access(members=None, version=1, expires_us=None):
    return sign_access(
        AccessList(HOST.public, version, {MEMBER.public: ALL} if members is None else members, expires_us),
        HOST,
    )


def long_chain(keyframe_at, number):
    """A host log of *number* entries of 16 KiB, in which a grant and a keyframe come once more."""
    writer = host_writer()
    chain = begin(writer)
    while len(chain) < number:
        if len(chain) == keyframe_at - 1:
            chain.append(append_grant(writer))
            chain.append(writer.append(EntryKind.KEYFRAME, [EMPTY_KEYFRAME], nonce(0)))
        noise = b"".join(drawn(f"{len(chain)} {part}", 64) for part in range(256))
        chain.append(writer.append(EntryKind.DATA, [Output(0, 0, noise)], nonce(writer.size)))
    return [encode_record(sealed) for sealed in chain]


class RefusedByRelay(Exception):  # noqa: N818
    def __init__(self, refused):
        super().__init__(refused)
        self.refused = refused
        self.reason = refused.reason


class Client:
    """The side that dials, over any socket with `send` and `receive`."""

    def __init__(self, socket, key=HOST, channel=CHANNEL, address=ADDRESS, invite=None):
        self.socket = socket
        self.machine = Dialling(channel, key, address, drawn("nonce"), invite)
        self.rows = {}
        self._joiner = Joiner()
        self._kept = []

    async def open(self):
        """Up to the last of the logs."""
        await self.socket.send(self.machine.begin())
        opened = await self._receive()
        while True:
            logs = await self.expect(m.Logs)
            self.rows.update({row.log: row for row in logs.rows})
            if not logs.more:
                return opened

    async def _receive(self):
        while True:
            reply, message = self.machine.receive_untrusted(await self.socket.receive())
            if reply is not None:
                await self.socket.send(reply)
            if isinstance(message, m.Refused):
                raise RefusedByRelay(message)
            if message is not None:
                return message

    async def send(self, message):
        await self.socket.send(m.TABLE.encode(message))

    async def expect(self, *kinds):
        """The next message of one of *kinds*; others are kept for later."""
        for message in self._kept:
            if isinstance(message, kinds):
                self._kept.remove(message)
                return message
        while True:
            message = await self._receive()
            if isinstance(message, kinds):
                return message
            self._kept.append(message)

    async def append(self, log, first, records):
        for message in cut_appends(Records(log, first, records)):
            await self.send(message)

    async def stored(self, size):
        """Wait for the receipt of so many entries."""
        while True:
            receipt = await self.expect(m.Stored)
            if receipt.size >= size:
                return receipt

    async def records(self):
        """The next records, whole."""
        while True:
            run = self._joiner.take_untrusted(await self.expect(m.Entries, m.EntryPart))
            if run is not None:
                return run

    async def fetch(self, log, first, number):
        await self.send(m.Fetch(log, first, number))
        found = []
        while len(found) < number:
            run = await self.records()
            assert (run.log, run.first) == (log, first + len(found))
            if not run.records:
                break
            found += run.records
        return found

    async def follow(self, log, first, until):
        """Tail from *first* on, and wait for all before *until*."""
        await self.send(m.Tail(log, first))
        return await self.read_on(log, first, until)

    async def read_on(self, log, first, until):
        found = []
        while first + len(found) < until:
            run = await self.records()
            assert (run.log, run.first) == (log, first + len(found))
            found += run.records
        return found

    async def refused(self):
        """Wait until the relay ends the connection; why."""
        try:
            while True:
                await self._receive()
        except RefusedByRelay as refused:
            return refused.refused


class MemorySocket:
    """One end of a connection in memory, on which *most* messages wait to be received."""

    def __init__(self, sending, receiving):
        self._sending = sending
        self._receiving = receiving

    @classmethod
    def pair(cls, most):
        to_server, from_client = trio.open_memory_channel(1)
        to_client, from_server = trio.open_memory_channel(most)
        return cls(to_server, from_server), cls(to_client, from_client)

    async def send(self, frame):
        try:
            await self._sending.send(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise Closed from None

    def offer(self, framed):
        head = {126: 4, 127: 10}.get(framed[1], 2)
        try:
            self._sending.send_nowait(framed[head:])
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        return True

    has_rest = False

    @property
    def has_next(self):
        return self.waiting > 0

    async def flush(self):
        raise AssertionError("there is no rest")

    async def receive(self):
        try:
            return await self._receiving.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise Closed from None

    @property
    def waiting(self):
        """Messages that came and were not received."""
        return self._receiving.statistics().current_buffer_used

    def close(self):
        self._sending.close()
        self._receiving.close()


@dataclass
class Parts:
    relay: Relay
    nursery: trio.Nursery
    journal: Path
    wall_us: list

    async def connect(self, key=HOST, channel=CHANNEL, invite=None, most=1_000):
        """A client whose connection is being served, and not yet open."""
        ours, theirs = MemorySocket.pair(most)
        session = Session(theirs, Serving(drawn("challenge"), {ADDRESS}), self.relay)

        async def serve():
            await session.run()
            theirs.close()

        self.nursery.start_soon(serve)
        return Client(ours, key, channel, ADDRESS, invite)

    async def open(self, key=HOST, **more):
        client = await self.connect(key, **more)
        await client.open()
        return client

    def lines(self):
        return [json.loads(line) for line in self.journal.read_text().splitlines()]


@asynccontextmanager
async def relay_parts(place, rates=None, tail_bytes=2**30, joining_bytes=2**30, **options):
    """A relay with its store in *place*."""
    path = str(place / "relay.sqlite")
    metrics, wall_us = Metrics(), [1_700_000_000_000_000]
    store = Store(path, metrics)
    rooms = Rooms(
        Surroundings(store, Options(path, **options), metrics, lambda: wall_us[0], TailMemory(tail_bytes))
    )
    journal = place / "journal.txt"
    allowance, buckets = Allowance(joining_bytes), rates or Buckets(1e12, 1e12)
    try:
        with journal.open("ab") as lines:
            relay = Relay(rooms, store, buckets, allowance, metrics, Journal(lines.fileno()))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.run)
                yield Parts(relay, nursery, journal, wall_us)
                nursery.cancel_scope.cancel()
    finally:
        store.close()


async def shared(parts, members=None):
    """The owner, after it has made the channel and stored its log."""
    owner = await parts.open()
    await owner.send(m.Access(access(members)))
    assert await owner.expect(m.AccessStored) == m.AccessStored(1)
    await owner.append(LOG, 0, HOST_RECORDS)
    await owner.stored(len(HOST_RECORDS))
    return owner


async def refusal(parts, key, **more):
    client = await parts.connect(key, **more)
    with pytest.raises(RefusedByRelay) as caught:
        await client.open()
    return caught.value.refused
