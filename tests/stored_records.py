"""What is stored of a shared terminal at the host, at the guest and at the relay; and that it is the same."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cctm.archive.device import load_device
from cctm.archive.files import list_files, segment_path
from cctm.archive.fold import Hole
from cctm.archive.reader import Archive
from cctm.archive.segment import LogRef, Record, scan
from cctm.home import Home
from cctm.protocol.entry import decode_record_untrusted
from cctm.protocol.ids import ChannelId, LogId
from cctm.relay.database import Database
from machine import Machine


def records_of(machine: Machine, channel: ChannelId) -> dict[LogRef, dict[int, bytes]]:
    """The records of each log as they lie on a machine's disk, by seq."""
    archive = Home.locate(machine.env).archive
    return {
        log.ref: {
            decode_record_untrusted(record).entry.seq: record
            for number in log.segments
            for record in _scanned(segment_path(archive, log.ref, number))
        }
        for log in list_files(archive, channel).logs
    }


def _scanned(path: str) -> Iterator[bytes]:
    fd = os.open(path, os.O_RDONLY)
    try:
        for item in scan(fd):
            assert isinstance(item, Record), item
            yield item.payload
    finally:
        os.close(fd)


def records_at(store: Path, channel: ChannelId) -> dict[LogId, list[bytes]]:
    """The records of each log in a relay's database."""
    database = Database(str(store))
    try:
        state = database.channel(channel)
        assert state is not None
        return {log.log: database.records(log.log, 0, log.size, 1 << 40) for log in state.logs}
    finally:
        database.close()


@dataclass(slots=True)
class Compared:
    """How much was compared."""

    logs: int = 0
    at_relay: int = 0
    at_guest: int = 0
    more_at_relay: int = 0  # a crash took them from the host before they were on its disk


def check_records(host: Machine, guest: Machine, store: Path, channel: ChannelId) -> Compared:
    """What relay and guest have is what the host wrote; the relay has all that is shared."""
    own, there, seen = records_of(host, channel), records_at(store, channel), records_of(guest, channel)
    compared = Compared()
    first = min(ref.generation for ref in own if ref.log in there)
    assert set(there) == {ref.log for ref in own if ref.generation >= first}
    for ref, records in own.items():
        assert sorted(records) == list(range(len(records)))
        if ref.generation < first:
            continue
        compared.logs += 1
        compared.at_relay += len(there[ref.log])
        compared.more_at_relay += max(0, len(there[ref.log]) - len(records))
        assert len(there[ref.log]) >= len(records), (ref, len(there[ref.log]), len(records))
        for seq, record in records.items():
            assert there[ref.log][seq] == record, (ref, seq)
    for ref, records in seen.items():
        compared.at_guest += len(records)
        for seq, record in records.items():
            assert there[ref.log][seq] == record, (ref, seq)
    return compared


def check_output(machine: Machine, channel: ChannelId, wanted: bytes) -> list[Hole]:
    """What a machine can read of the stream is *wanted* at each place; where it has holes."""
    home = Home.locate(machine.env)
    at, holes = 0, []
    for piece in Archive(home, load_device(home)).fold_output(channel):
        if isinstance(piece, Hole):
            holes.append(piece)
            assert piece.length is not None
            at = piece.offset + piece.length
        else:
            assert isinstance(piece, bytes), piece
            assert wanted[at : at + len(piece)] == piece, at
            at += len(piece)
    assert at == len(wanted)
    return holes
