"""Records read again from the archive."""

import os

import pytest

from cctm.archive.files import segment_path
from cctm.archive.storage import Storage
from cctm.cctmd.links.stored import LostRecordError, Position, StoredLog
from link_parts import WrittenLog, outgoing_of, written

ALL = 1 << 40


@pytest.fixture
def log(tmp_path):
    outgoing = outgoing_of(tmp_path)
    return written(str(tmp_path / "archive"), outgoing, *[1_000] * 40)


def stored(tmp_path, log):
    return StoredLog(str(tmp_path / "archive"), log.ref)


def test_all_records_are_read_in_order(tmp_path, log):
    assert list(stored(tmp_path, log).read(0, len(log.records), ALL)) == log.records


def test_reading_begins_anywhere(tmp_path, log):
    here = stored(tmp_path, log)
    for first in (7, 39, 3, 42, 0):
        assert list(here.read(first, len(log.records), ALL)) == log.records[first:]


def test_what_is_read_at_once_is_bounded(tmp_path, log):
    here = stored(tmp_path, log)
    assert sum(map(len, here.read(5, 43, 4_000))) <= 4_000
    assert list(here.read(5, 43, 1)) == log.records[5:6]


def test_reading_goes_on_where_it_ended(tmp_path, log):
    here = stored(tmp_path, log)
    found = []
    while len(found) < len(log.records):
        found += here.read(len(found), len(log.records), 5_000)
    assert found == log.records


def test_a_place_that_is_known_saves_reading_what_is_before_it(tmp_path, log):
    path = segment_path(str(tmp_path / "archive"), log.ref, 1)
    size = os.stat(path).st_size
    more = WrittenLog(str(tmp_path / "archive"), log.outgoing, tells=False)
    more.writer, more._sequence = log.writer, 10**6
    more.print(*[600_000] * 3)
    more.settle()
    here = stored(tmp_path, log)
    behind = Position(43, 1, size + 2 * (os.stat(path).st_size - size) // 3)
    here.note(Position(45, behind.segment, behind.at))
    with open(path, "r+b") as file:
        file.write(bytes(size))  # nothing of it can be read any more
    assert list(here.read(45, 46, ALL)) == more.records[2:]


def test_reading_goes_on_in_the_next_segment(tmp_path):
    log = WrittenLog(str(tmp_path), None, tells=False)
    log.begin()
    log.print(*[3_000] * 9)
    storage = Storage(str(tmp_path), on_stalled=lambda _: None, on_resumed=lambda: None, segment_bytes=8_000)
    storage.start()
    for record in log.records:
        storage.append(log.ref, [record])
    storage.close()
    assert len(list((tmp_path / log.ref.channel.hex()).iterdir())) > 2
    here = StoredLog(str(tmp_path), log.ref)
    assert list(here.read(0, 12, ALL)) == log.records
    assert list(here.read(10, 12, ALL)) == log.records[10:]
    (tmp_path / log.ref.channel.hex() / f"00000001-{log.ref.log.hex()}-000002.seg").unlink()
    with pytest.raises(LostRecordError):
        StoredLog(str(tmp_path), log.ref).read(10, 12, ALL)


def test_the_hash_before_a_record_is_what_it_names(tmp_path, log):
    here = stored(tmp_path, log)
    more = WrittenLog(str(tmp_path / "archive"), log.outgoing, tells=False)
    more.writer = log.writer
    head = more.writer.head
    more.print(10)
    more.settle()
    assert here.head_at(43) == head


def test_what_is_damaged_is_lost_and_what_is_before_it_is_not(tmp_path, log):
    path = segment_path(str(tmp_path / "archive"), log.ref, 1)
    with open(path, "r+b") as file:
        file.seek(os.stat(path).st_size // 2)
        file.write(b"\xff" * 64)
    here = stored(tmp_path, log)
    found = here.read(0, len(log.records), ALL)
    assert list(found) == log.records[: len(found)]
    with pytest.raises(LostRecordError) as caught:
        here.read(len(found), len(log.records), ALL)
    assert caught.value.seq == len(found)


def test_a_log_that_is_gone_is_lost(tmp_path, log):
    os.unlink(segment_path(str(tmp_path / "archive"), log.ref, 1))
    with pytest.raises(LostRecordError):
        stored(tmp_path, log).read(0, 1, ALL)
