"""A host that is shared, a relay that is honest, and what a reader ends up with: all in memory, without I/O."""

from collections import deque
from itertools import count

from cctm.protocol.access import Role
from cctm.protocol.entry import EntryKind, decode_record_untrusted, digest, encode_record, entry_hash
from cctm.protocol.events import Keyframe, LogHead, Opened, Output
from cctm.protocol.grant import Recipient, Table, make_grant
from cctm.protocol.keys import DeviceKeys, EpochSecret, Incarnation, channel_id
from cctm.protocol.log_writer import LogWriter
from cctm.protocol.sync import followed as f
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.chain import place_of
from cctm.protocol.sync.follower import Follower
from cctm.protocol.sync.records import Records, cut_entries
from samples import CHANNEL, DEVICE, HOST, STREAM, drawn, nonce

LINK = DeviceKeys.from_seed(drawn("a link"))
GUEST = DeviceKeys.from_seed(drawn("a guest"))
STRANGER = DeviceKeys.from_seed(drawn("a stranger"))


def secret(number):
    return EpochSecret(number, drawn(f"shared epoch {number}"))


class Host:
    """What the writer of a channel puts into its logs. *readers*: device → the first epoch that it may see."""

    def __init__(self, readers=None, key=HOST, lineage="host"):
        self.key = key
        self.channel = channel_id(key.public)
        self.readers = {DEVICE: 1, LINK: 1} if readers is None else readers
        self.epoch = 1
        self.records = {}  # log → its records
        self.heads = {}  # log → the hash at each size
        self.writers = []
        self.end = 0
        self.stream = STREAM
        self.cuts = ()
        self.lineage = lineage
        self._numbers = count()

    @property
    def writer(self):
        return self.writers[-1]

    @property
    def log(self):
        return self.writer.log

    def _number(self):
        return next(self._numbers)

    def store(self, sealed):
        self.records[self.log].append(encode_record(sealed))
        self.heads[self.log].append(self.writer.head)

    def begin(self, screen=b"", *, generation=None, predecessor="newest", blank=False):
        """A log of the next generation: open, grant, keyframe."""
        before = None
        if predecessor == "newest" and self.writers:
            before = LogHead(self.log, self.writer.size, self.writer.head)
        elif predecessor != "newest":
            before = predecessor
        number = generation or (self.generation_of(self.log) + 1 if self.writers else 1)
        incarnation = Incarnation(drawn(f"{self.lineage} {self._number()}", 16))
        writer = LogWriter(self.channel, self.key, secret(self.epoch), incarnation, number, before)
        writer.generation = number
        self.writers.append(writer)
        self.records[writer.log], self.heads[writer.log] = [], [bytes(32)]
        self.store(writer.append_open())
        if not blank:
            self.grant()
            self.keyframe(screen)
        return writer.log

    def generation_of(self, log):
        return next(writer.generation for writer in self.writers if writer.log == log)

    def grant(self):
        number = self._number()
        recipients = [
            Recipient(device.box_public, tuple(secret(n) for n in range(first, self.epoch + 1)))
            for device, first in self.readers.items()
        ]
        roles = {self.key.public: Role.OWNER}
        roles.update((device.sign_public, Role.VIEWER) for device in self.readers if device is not DEVICE)
        place = self.writer.place(EntryKind.GRANT)
        body = make_grant(
            place, secret(self.epoch), recipients, Table(roles, self.cuts), drawn(f"grant {number}")
        )
        self.store(self.writer.append_grant(body))

    def rotate(self, readers=None, screen=b"rotated"):
        """Somebody goes: the next epoch, its grant and keyframe."""
        self.readers = self.readers if readers is None else readers
        self.epoch += 1
        self.writer.rotate(secret(self.epoch))
        self.grant()
        self.keyframe(screen)

    def keyframe(self, screen=b"screen"):
        event = Keyframe(0, self.stream, self.end, 80, 24, "build", 1, screen, b"", (), None)
        self.events(event, kind=EntryKind.KEYFRAME)

    def output(self, data):
        """Bytes of the stream; as many as there are."""
        self.events(Output(0, self.end, data))
        self.end += len(data)

    def opened(self, stream):
        self.stream, self.end = stream, 0
        self.events(Opened(0, (b"sh",), b"/", 80, 24, "build", "xterm", 1, stream))

    def garbage(self, kind=EntryKind.DATA):
        """An entry that is signed, and holds what nobody can open."""
        self.store(self.writer._append_body(kind, b"\x00" * 200))

    def events(self, *events, kind=EntryKind.DATA):
        self.store(self.writer.append(kind, list(events), nonce(self._number() + 1_000)))


class Own:
    """A log of the host's, as its home has it: the first *size* entries, of which the first hashes may be forgotten."""

    def __init__(self, host, log=None, size=None, *, is_written=True, forgotten=0):
        self.log, self.is_written, self.forgotten = log or host.log, is_written, forgotten
        heads = host.heads[self.log]
        self._heads = heads if size is None else heads[: size + 1]

    @property
    def size(self):
        return len(self._heads) - 1

    def head_at(self, size):
        return self._heads[size] if self.forgotten <= size < len(self._heads) else None


class PureRelay:
    """Offers logs, and answers as §15.6 says. *has*: log → the records that are there."""

    def __init__(self, host, has=None):
        self.host = host
        self.has = {log: list(records) for log, records in (host.records if has is None else has).items()}

    def row(self, log, /, **changed):
        records = self.has[log]
        kinds = [decode_record_untrusted(record).entry.kind for record in records]
        newest = {
            kind: max((seq for seq, one in enumerate(kinds) if one is kind), default=0) for kind in EntryKind
        }
        row = m.LogRow(
            log,
            self.host.key.public,
            self.host.generation_of(log),
            len(records),
            self.host.heads[log][len(records)],
            newest[EntryKind.GRANT],
            newest[EntryKind.KEYFRAME],
        )
        return row._replace(**changed)

    def logs(self):
        return m.Logs([self.row(log) for log, records in self.has.items() if records], more=False)

    def answers(self, ask):
        records = self.has.get(ask.log, [])
        end = ask.first + ask.number if isinstance(ask, m.Fetch) else len(records)
        found = records[ask.first : end]
        if isinstance(ask, m.Fetch) and not found:
            return [m.Entries(ask.log, ask.first, [])]
        return list(cut_entries(Records(ask.log, ask.first, found)))

    def update(self):
        """Have all that the host has by now."""
        self.has = {log: list(records) for log, records in self.host.records.items()}


class Reader:
    """A follower with what its effects come to: what an archive and a screen hold."""

    def __init__(self, boxes=(LINK,), least=(1, 1), known=f.NOTHING_KNOWN, channel=CHANNEL):
        self.follower = Follower(channel, boxes, least, known)
        self.stored = {}  # log → seq → record
        self.learnt = []
        self.screen = None  # the keyframe's, and the output since
        self.events = []
        self.noticed = []
        self.asked = []  # what waits to be answered
        self.starts = []  # keyframes

    @property
    def doubts(self):
        return [noticed.doubt for noticed in self.noticed]

    def take(self, message):
        effects = self.follower.take_untrusted(message)
        for effect in effects:
            self._perform(effect)
        return effects

    def _perform(self, effect):
        match effect:
            case f.Ask(message):
                self.asked.append(message)
            case f.Store(ref, first, records):
                here = self.stored.setdefault(ref.log, {})
                assert not here or first > max(here), "records come in ascending order, each once"
                assert effect.head == decode_head(self.follower.channel, ref.log, records[-1])
                here.update(enumerate(records, first))
            case f.Learnt():
                self.learnt.append(effect)
            case f.Shown(keyframe):
                self.screen = keyframe.screen
                self.starts.append(keyframe)
            case f.Happened(events):
                assert events
                self.events += events
                assert not any(isinstance(event, Keyframe) for event in events)
                self.screen = (self.screen or b"") + b"".join(
                    event.data for event in events if isinstance(event, Output)
                )
            case f.Noticed():
                self.noticed.append(effect)

    def connect(self, relay):
        """A new connection, up to all that the relay has."""
        self.offered(relay.logs())
        self.settle(relay)

    def offered(self, logs):
        """A new connection, on which the relay says that it has these."""
        self.follower.connected()
        self.asked = []
        self.take(logs)

    def settle(self, relay):
        """Have everything that was asked for answered."""
        answers = deque()
        while self.asked or answers:
            answers += (answer for ask in self.asked for answer in relay.answers(ask))
            self.asked = []
            if answers:
                self.take(answers.popleft())


def decode_head(channel, log, record):
    """The hash of an entry, computed anew."""
    sealed = decode_record_untrusted(record)
    return entry_hash(digest(place_of(channel, log, sealed), sealed.entry.body), sealed.entry.sig)


def forked(host, seq):
    """Another entry *seq* of the host's first log, which the host signed too."""
    other = Host(lineage=host.lineage)
    other.begin()
    while other.writer.size <= seq:
        other.output(b"otherwise")
    assert other.log == host.writers[0].log
    return other.records[other.log][seq]


def shared(outputs=2):
    host = Host()
    host.begin()
    for number in range(outputs):
        host.output(b"%d " % number)
    return host


def reading(host):
    relay = PureRelay(host)
    reader = Reader()
    reader.connect(relay)
    return reader, relay


def later(host, relay, reader):
    """The relay has what the host wrote since, and sends it of the log that is followed."""
    log = reader.follower.known.log
    first = len(relay.has[log])
    relay.update()
    if relay.has[log][first:]:
        reader.take(m.Entries(log, first, relay.has[log][first:]))


def announced(host, relay, reader):
    relay.update()
    reader.take(m.Logs([relay.row(host.log)], more=False))
