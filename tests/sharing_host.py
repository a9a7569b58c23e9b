"""A host that shares one terminal through a relay: the protocol's own parts, without a daemon."""

import os
from contextlib import asynccontextmanager

import trio

from cctm.cctmd.links.connection import dial
from cctm.protocol.access import Role
from cctm.protocol.admission import AccessList, Verb, sign_access
from cctm.protocol.entry import EntryKind, encode_record
from cctm.protocol.events import Closed, How, Keyframe, LogHead, Output, Resized
from cctm.protocol.grant import Recipient, Table, make_grant
from cctm.protocol.keys import (
    DeviceKeys,
    EpochSecret,
    Incarnation,
    StreamId,
    WriterId,
    WriterKey,
    channel_id,
)
from cctm.protocol.link import SECRET_BYTES, Link, encode_link
from cctm.protocol.live.decisions import Answer, Enlist, Fit, Member, Moment, Standing, Type
from cctm.protocol.live.gate import Gate
from cctm.protocol.live.messages import Why, seal_farewell
from cctm.protocol.log_writer import LogWriter
from cctm.protocol.origin import decode_origin_untrusted
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.records import Records, cut_appends

READER = Verb.READ | Verb.LIVE


class SharingHost:
    """One shared terminal, of 20 by 5, called *name*; `running` connects it to the relay."""

    def __init__(self, relay, name="theirs", role=Role.DRIVER, size=(20, 5)):
        self.key = WriterKey.from_seed(os.urandom(32))
        self.channel = channel_id(self.key.public)
        self.stream = StreamId(os.urandom(16))
        self.name = name
        self.size = size
        self.origin = decode_origin_untrusted(relay)
        self.epoch = EpochSecret(1, os.urandom(32))
        self.device = DeviceKeys.from_seed(os.urandom(32))
        self.link = Link(self.origin, self.channel, os.urandom(SECRET_BYTES), 1, 1)
        self.members = {
            WriterId(self.link.device.sign_public): (
                Member(Standing.LINK, role, ""),
                self.link.device.box_public,
            )
        }
        self.typed = b""
        self.windows = []
        self.labels = []
        self.offset = 0
        self.answers = True  # hails
        self.gate = Gate(self.channel, self.key, self._member, os.urandom)
        self.gate.open_for_input()
        self._version = 0
        self._durable = LogHead(b"", 0, b"")
        self._stored = trio.Event()
        self._sending = trio.Lock()
        self.connection = None
        self.begin_log(None)

    @property
    def url(self):
        return encode_link(self.link)

    def _member(self, who):
        found = self.members.get(who)
        return None if found is None else found[0]

    # --- its log

    def begin_log(self, predecessor, screen=b"", generation=1):
        incarnation = Incarnation(os.urandom(16))
        self.log = LogWriter(self.channel, self.key, self.epoch, incarnation, generation, predecessor)
        self.generation = generation
        self.records = [self.log.append_open(), self._grant(), self.keyframe(screen)]
        self.sent = 0

    def _grant(self):
        roles = {who: member.role for who, (member, _) in self.members.items()}
        boxes = [self.device.box_public, *(box for _, box in self.members.values())]
        body = make_grant(
            self.log.place(EntryKind.GRANT),
            self.epoch,
            [Recipient(box, (self.epoch,)) for box in boxes],
            Table({self.key.public: Role.OWNER, **roles}, ()),
            os.urandom(32),
        )
        return self.log.append_grant(body)

    def keyframe(self, screen):
        event = Keyframe(0, self.stream, self.offset, *self.size, self.name, 1, screen, b"", (), None)
        return self.log.append(EntryKind.KEYFRAME, [event], os.urandom(24))

    def events(self, *events, kind=EntryKind.DATA):
        self.records.append(self.log.append(kind, events, os.urandom(24)))

    # --- its connection

    @asynccontextmanager
    async def running(self):
        """Connected to the relay, which has its log and its access list."""
        async with dial(self.origin, self.channel, self.key) as connection, trio.open_nursery() as nursery:
            self.connection = connection
            nursery.start_soon(self._read)
            await self.say_who_may()
            await self.upload()
            yield self
            nursery.cancel_scope.cancel()

    async def say_who_may(self):
        self._version += 1
        verbs = dict.fromkeys(self.members, READER)
        access = AccessList(self.key.public, self._version, verbs, None)
        await self.connection.send(m.Access(sign_access(access, self.key)))

    async def upload(self):
        """Send what is new of the log, and wait until it is stored."""
        await self._send_new()
        while self._durable.log != self.log.log or self._durable.size < self.log.size:
            self._stored = trio.Event()
            await self._stored.wait()

    async def _send_new(self):
        async with self._sending:  # who prints, and who enrols guests, send records of one log
            records = [encode_record(sealed) for sealed in self.records[self.sent :]]
            first, self.sent = self.sent, len(self.records)
            for message in cut_appends(Records(self.log.log, first, records)):
                await self.connection.send(message)

    async def prints(self, data):
        self.events(Output(0, self.offset, data))
        self.offset += len(data)
        await self.upload()

    async def resizes(self, cols, rows):
        self.size = cols, rows
        self.events(Resized(0, cols, rows, b""))
        await self.upload()

    async def ends(self, code=0):
        self.events(Closed(0, How.EXITED, code), kind=EntryKind.CLOSE)
        await self.upload()

    async def says_farewell(self, why=Why.REMOVED):
        for who in self.members:
            data = seal_farewell(self.key, self.channel, who, why)
            await self.connection.send(m.Live(who, data))

    async def _read(self):
        while True:
            message = await self.connection.receive()
            match message:
                case m.Stored(log, size, head):
                    self._durable = LogHead(log, size, head)
                    self._stored.set()
                case m.LiveFrom(who, data) if self.answers:
                    await self._take(who, data)

    async def _take(self, who, data):
        now_us = int(trio.current_time() * 1e6)
        moment = Moment(now_us, self.stream, self.offset, (self._durable,), self.epoch)
        for decision in self.gate.take_untrusted(who, data, moment):
            match decision:
                case Answer(to, answer):
                    await self.connection.send(m.Live(to, answer))
                case Type(_, typed):
                    self.typed += typed
                case Fit(_, cols, rows):
                    self.windows.append((cols, rows))
                case Enlist(link, sign_key, box_key, label):
                    await self._enlist(link, sign_key, box_key, label)

    async def _enlist(self, link, sign_key, box_key, label):
        if sign_key in self.members:
            return
        self.labels.append(label)
        role = self.members[link][0].role
        self.members[sign_key] = (Member(Standing.GUEST, role, label), box_key)
        await self.say_who_may()
        self.records.append(self._grant())
        await self._send_new()

    async def removes_everybody(self):
        """A new epoch, for nobody."""
        self.members = {}
        self.epoch = EpochSecret(self.epoch.number + 1, os.urandom(32))
        await self.say_who_may()
