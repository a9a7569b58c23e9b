"""The product's relay, its limits raised so far that none is met."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.contenders.base import first_line
from bench.contenders.cctm import executable
from bench.relays.base import HISTORY_BYTES, LOCALHOST, PAYLOAD_BYTES, Message, RelayContender
from bench.relays.readers import Dial
from bench.relays.wire import WebSocket, frame
from bench.results import PRODUCT
from cctm.protocol.access import Role
from cctm.protocol.admission import AccessList, Verb, sign_access
from cctm.protocol.entry import EntryKind, Sealed, encode_record
from cctm.protocol.events import Keyframe, Output
from cctm.protocol.grant import Recipient, Table, make_grant
from cctm.protocol.keys import (
    ChannelId,
    DeviceKeys,
    EpochSecret,
    Incarnation,
    StreamId,
    WriterKey,
    channel_id,
)
from cctm.protocol.log_writer import LogWriter
from cctm.protocol.sync.dialling import Dialling
from cctm.protocol.sync.messages import TABLE, Append, LogRow, Logs, Stored, Tail
from cctm.protocol.sync.records import Records, cut_appends
from cctm.relay.database import RECORD_OVERHEAD_BYTES, Database, LogState

SCREEN_BYTES = 8_192
AT_ONCE = 64


class HostLog:
    """One terminal's, as its host writes it."""

    def __init__(self) -> None:
        self.host, self.guest = WriterKey.from_seed(os.urandom(32)), WriterKey.from_seed(os.urandom(32))
        self.channel = channel_id(self.host.public)
        self._epoch = EpochSecret(1, os.urandom(32))
        self._stream = StreamId(os.urandom(16))
        self._writer = LogWriter(self.channel, self.host, self._epoch, Incarnation(os.urandom(16)), 1, None)
        self.log = self._writer.log
        self.grant = self.keyframe = 0
        self._printed = 0

    @property
    def size(self) -> int:
        return self._writer.size

    @property
    def state(self) -> LogState:
        return LogState(
            self.log, self.host.public, 1, self.size, self._writer.head, self.grant, self.keyframe
        )

    def access(self) -> bytes:
        return sign_access(AccessList(self.host.public, 1, {self.guest.public: Verb.READ}, None), self.host)

    def begin(self) -> list[Sealed]:
        return [self._writer.append_open(), *self.step()]

    def step(self) -> list[Sealed]:
        """A grant and a keyframe with a screen."""
        self.grant = self.size
        device = DeviceKeys.from_seed(os.urandom(32))
        body = make_grant(
            self._writer.place(EntryKind.GRANT),
            self._epoch,
            [Recipient(device.box_public, (self._epoch,))],
            Table({self.host.public: Role.OWNER}, ()),
            os.urandom(32),
        )
        grant = self._writer.append_grant(body)
        self.keyframe = self.size
        screen = os.urandom(SCREEN_BYTES)
        event = Keyframe(0, self._stream, self._printed, 80, 24, "bench", 1, screen, b"\x01", (), None)
        return [grant, self._writer.append(EntryKind.KEYFRAME, [event], os.urandom(24))]

    def output(self, size: int) -> Sealed:
        event = Output(0, self._printed, os.urandom(size))
        self._printed += size
        return self._writer.append(EntryKind.DATA, [event], os.urandom(24))


@dataclass(frozen=True, slots=True)
class Join:
    """Comes in as a member. *follow*: from which seq on, or None for the newest keyframe; *reads*: whether at all."""

    port: int
    channel: ChannelId
    key: WriterKey
    follow: int | None = None
    reads: bool = True

    def __call__(self) -> WebSocket:
        connection = WebSocket((LOCALHOST, self.port), "/sync/0")
        address = f"http://{LOCALHOST}:{self.port}"
        machine = Dialling(self.channel, self.key, address, os.urandom(32))
        connection.send(machine.begin())
        rows: list[LogRow] = []
        more = True
        while more:
            reply, message = machine.receive_untrusted(connection.receive())
            if reply is not None:
                connection.send(reply)
            if isinstance(message, Logs):
                rows += message.rows
                more = message.more
        if self.reads:
            row = rows[0]
            first = row.keyframe if self.follow is None else self.follow
            connection.send(TABLE.encode(Tail(row.log, first)))
        return connection


class OurRelay(RelayContender):
    name = PRODUCT
    program = "cctm"
    package = "cctm"

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self.env = {**self.env, "CCTM_HOME": str(scratch / "home")}
        self._store = scratch / "relay.sqlite"
        self._host_log = HostLog()

    @classmethod
    def version(cls) -> str | None:
        found = executable()
        return None if found is None else first_line([found, "--version"])

    @classmethod
    def how_to_get(cls) -> str:
        return "not installed: cctm (make setup)"

    def command(self) -> list[str]:
        raised = ["--connections", "100000", "--connections-per-address", "100000"]
        quotas = ["--channel-quota", "100G", "--total-quota", "100G"]
        listen = ["--listen", f"{LOCALHOST}:0", "--store", str(self._store)]
        return [executable() or "cctm", "relay", "serve", *listen, *raised, *quotas]

    def start(self, history_bytes: int = 0) -> None:
        self._write_store(history_bytes)
        self._launch()

    def _write_store(self, history_bytes: int) -> None:
        """A store with *history_bytes* of history and, at its end, a keyframe: a relay lets nobody upload so fast."""
        log, channel = self._host_log, self._host_log.channel
        with closing(Database(str(self._store))) as database:
            with database.transaction():
                database.ensure(channel, int(time.time()), None, by_invite=False)
                database.put_access(channel, log.access())
            self._put(database, log.begin())
            count = history_bytes // HISTORY_BYTES
            for first in range(0, count, AT_ONCE):
                chain = [log.output(HISTORY_BYTES) for _ in range(min(AT_ONCE, count - first))]
                self._put(database, chain)
            last = log.step()
            self._put(database, last)
        self.shown = last[-1].entry.sig[-16:]

    def _put(self, database: Database, chain: Sequence[Sealed]) -> None:
        records = [encode_record(sealed) for sealed in chain]
        cost = sum(map(len, records)) + RECORD_OVERHEAD_BYTES * len(records)
        with database.transaction():
            database.append(self._host_log.channel, self._host_log.state, records, cost)

    @contextmanager
    def writing(self) -> Iterator[WebSocket]:
        with Join(self.port, self._host_log.channel, self._host_log.host, reads=False)() as connection:
            yield connection

    def reading(self) -> Dial:
        log = self._host_log
        return Join(self.port, log.channel, log.guest, follow=log.size)

    def joining(self) -> Dial:
        return Join(self.port, self._host_log.channel, self._host_log.guest)

    def messages(self, count: int, size: int = PAYLOAD_BYTES) -> Sequence[Message]:
        log, made = self._host_log, []
        for _ in range(count):
            sealed = log.output(size)
            (append,) = cut_appends(Records(log.log, sealed.entry.seq, [encode_record(sealed)]))
            made.append(Message(TABLE.encode(append), sealed.entry.sig[-16:], log.size))
        return made

    def append_waiting(self, writer: WebSocket, messages: Sequence[Message]) -> int:
        appends = [TABLE.decode_untrusted(message.data) for message in messages]
        records = [record for append in appends if isinstance(append, Append) for record in append.records]
        run = Records(self._host_log.log, messages[0].number - 1, records)
        parts = (TABLE.encode(part) for part in cut_appends(run))
        return writer.pump(b"".join(map(frame, parts)), self.receipts(messages))

    def receipts(self, messages: Sequence[Message]) -> Callable[[bytes], bool]:
        wanted = messages[-1].number

        def take(payload: bytes) -> bool:
            said = TABLE.decode_untrusted(payload)
            return isinstance(said, Stored) and said.size >= wanted

        return take
