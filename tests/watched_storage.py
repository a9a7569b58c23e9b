"""A storage that tells what it reported, and what lies where it wrote."""

import threading

from archive_fixtures import drawn, record_spans
from cctm.archive.storage import LogRef, Storage

PATIENCE_S = 60


def ref(number=1, channel=1):
    """The log of the generation *number*."""
    return LogRef(drawn("channel", channel), drawn("log", number), number)


def path_of(archive, log, number=1):
    """The segment of that number, in the archive in the directory *archive* (a Path)."""
    return str(archive / log.channel.hex() / f"{log.generation:08d}-{log.log.hex()}-{number:06d}.seg")


def payloads_in(data):
    """The records of a segment."""
    return [data[start + 8 : end] for start, end in record_spans(data)]


class Watched(Storage):
    def __init__(self, archive="/archive", **options):
        self.stored = []
        self.errors = []  # numbers, of what stalled it
        self.stalled = threading.Event()
        self.resumed = threading.Event()
        self.parked = []  # (channel, number)
        self.unparked = []
        self.is_parked = threading.Event()
        self.is_unparked = threading.Event()
        options.setdefault("retry_s", 0.001)
        super().__init__(
            archive,
            on_stalled=self._on_stall,
            on_resumed=self.resumed.set,
            on_parked=self._on_park,
            on_unparked=self._on_unpark,
            **options,
        )

    def _on_stall(self, error):
        self.errors.append(error.errno)
        self.stalled.set()

    def _on_park(self, channel, error):
        self.parked.append((channel, error.errno))
        self.is_parked.set()

    def _on_unpark(self, channel):
        self.unparked.append(channel)
        self.is_unparked.set()

    def put(self, log, *payloads, **options):
        self.append(log, payloads, self.stored.append, **options)
