"""What links are tried on: a log that is written into a real archive, a host that remembers what it was told, and a
way to a relay that can be cut, stopped and led elsewhere."""

from contextlib import asynccontextmanager, contextmanager

import trio

from cctm.archive.storage import LogRef, Storage
from cctm.cctmd.links.outgoing import Outgoing
from cctm.cctmd.links.stored import Position
from cctm.protocol.entry import EntryKind, encode_record
from cctm.protocol.events import Output
from cctm.protocol.keys import Incarnation
from cctm.protocol.log_writer import LogWriter
from cctm.protocol.origin import decode_origin_untrusted
from cctm.relay_choice import RelayChoice
from samples import CHANNEL, EPOCH, HOST, begin, drawn, nonce

DEADLINE_S = 60.0


class WrittenLog:
    """A host's log, stored in *place*, of which Outgoing is told. Nothing is durable before `settle`."""

    def __init__(self, place, outgoing, generation=1, tells=True):
        self.outgoing = outgoing
        self.writer = LogWriter(
            CHANNEL, HOST, EPOCH, Incarnation(drawn(f"incarnation {generation}", 16)), generation, None
        )
        self.ref = LogRef(CHANNEL, self.writer.log, generation)
        self.records = []
        self._tells = tells
        self._place = place
        self._waiting = []
        self._sequence = 0

    def begin(self, needs_disk=True):
        """open, grant, keyframe."""
        self._seal([encode_record(sealed) for sealed in begin(self.writer)], needs_disk)

    def print(self, *sizes, needs_disk=False):
        """An entry for each of *sizes*, of so many bytes that do not compress."""
        self._seal([self._printed(size) for size in sizes], needs_disk)

    def _printed(self, size):
        self._sequence += 1
        data = b"".join(drawn(f"{self._sequence} {part}", 64) for part in range(-(-size // 64)))[:size]
        sealed = self.writer.append(EntryKind.DATA, [Output(0, 0, data)], nonce(self.writer.size))
        return encode_record(sealed)

    def _seal(self, records, needs_disk):
        first = len(self.records)
        self.records += records
        self._waiting.append(records)
        if self._tells:
            self.outgoing.sealed(self.ref, first, records, needs_disk=needs_disk)

    def settle(self):
        """All of it survives a power failure now."""
        stored = []
        storage = Storage(self._place, on_stalled=lambda _: None, on_resumed=lambda: None)
        storage.start()
        for records in self._waiting:
            storage.append(self.ref, records, stored.append)
        self._waiting = []
        storage.close()
        if self._tells:
            behind = Position(len(self.records), stored[-1].segment, stored[-1].end)
            self.outgoing.durable(self.ref.log, len(self.records), behind)
        return self


def written(place, outgoing, *sizes, generation=1):
    """A log that has begun, with entries of *sizes*, all of it on the disk."""
    log = WrittenLog(place, outgoing, generation)
    log.begin()
    if sizes:
        log.print(*sizes)
    return log.settle()


class HostWithMemory:
    """What an uplink told whoever shares."""

    def __init__(self, *known):
        self.known = set(known)
        self.finds = []
        self.lives = []
        self.versions = []
        self._told = trio.Event()

    def known_logs(self):
        return self.known

    def found(self, found):
        self.finds.append(found)
        self._tell()

    def live_came(self, who, data):
        self.lives.append((who, data))
        self._tell()

    def access_stored(self, version):
        self.versions.append(version)
        self._tell()

    def _tell(self):
        told, self._told = self._told, trio.Event()
        told.set()

    async def until(self, fact):
        """Wait until *fact* of this host is so."""
        with trio.fail_after(DEADLINE_S):
            while not fact(self):
                await self._told.wait()


class Way:
    """A TCP proxy in front of a relay: what is dialled stays the same, whatever stands behind it."""

    def __init__(self, listener, nursery):
        self.origin = decode_origin_untrusted(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
        self.passed_bytes = 0  # towards the relay
        self.connections = 0  # so far
        self._target = None
        self._nursery = nursery
        self._scopes = set()
        self._goes = trio.Event()
        self._goes.set()

    def lead_to(self, relay):
        """Have new connections end at *relay*, a RelayProcess; None: nobody is there."""
        self._target = None if relay is None else int(relay.address.rpartition(":")[2])

    def cut(self):
        """End all connections."""
        for scope in list(self._scopes):
            scope.cancel()

    def stop(self):
        """Take nothing more from anybody, and give nothing."""
        self._goes = trio.Event()

    def go_on(self):
        self._goes.set()

    async def serve(self, stream):
        self.connections += 1
        scope = trio.CancelScope()
        self._scopes.add(scope)
        try:
            with scope:
                async with stream:
                    if self._target is None:
                        return
                    async with (
                        await trio.open_tcp_stream("127.0.0.1", self._target) as relay,
                        trio.open_nursery() as both,
                    ):
                        both.start_soon(self._pass_on, stream, relay, both.cancel_scope, True)
                        both.start_soon(self._pass_on, relay, stream, both.cancel_scope, False)
        except (OSError, trio.BrokenResourceError):
            return
        finally:
            self._scopes.discard(scope)

    async def _pass_on(self, source, target, scope, counts):
        try:
            while data := await source.receive_some(65_536):
                await self._goes.wait()
                await target.send_all(data)
                self.passed_bytes += len(data) if counts else 0
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def way():
    """Open for connections."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        one = Way(listener, nursery)
        nursery.start_soon(trio.serve_listeners, one.serve, [listener])
        yield one
        nursery.cancel_scope.cancel()


def to(origin, invite=None):
    """What an uplink asks where to dial."""

    async def where():
        await trio.lowlevel.checkpoint()
        return RelayChoice(origin, invite)

    return where


@contextmanager
def in_time():
    with trio.fail_after(DEADLINE_S):
        yield


def outgoing_of(place):
    """One for the archive in *place*."""
    (place / "archive").mkdir(exist_ok=True)
    return Outgoing(str(place / "archive"))
