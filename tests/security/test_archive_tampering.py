"""Whatever is done to the files of a terminal, `verify` names it; no changed byte is harmless."""

import itertools
import zlib

import pytest

from archive_fixtures import (
    DEVICE,
    Recording,
    make_home,
    read_file,
    record_spans,
    records,
    write_file,
)
from cctm.archive.catalogue import Catalogue, Checkpoint
from cctm.archive.finding import Fault
from cctm.archive.reader import Archive
from cctm.archive.segment import FRAME, MAGIC
from cctm.archive.verify import verify_channel
from cctm.protocol.events import How

pytestmark = pytest.mark.untraced


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def recording(home):
    """The smallest that has everything, with its end known to the catalogue, as the daemon leaves it."""
    recording = Recording()
    recording.begin()
    recording.opened()
    recording.output(b"one")
    recording.closed()
    recording.write(home)
    log = recording.logs[0]
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_checkpoint(
        Checkpoint(
            log.ref, len(log.sealed), recording.writer.head, recording.stream, 3, 1, 0, ended=(How.EXITED, 0)
        )
    )
    catalogue.close()
    return recording


@pytest.fixture
def path(home, recording):
    return recording.write(home)[0]


def findings(home, recording):
    return verify_channel(Archive(home, DEVICE), recording.channel, pause=lambda: None).findings


def names_record(found, index, start, end):
    """Whether one of *found* names the record by its bytes or the entry by its number."""
    return any(
        (finding.spot is not None and finding.spot.start <= start < finding.spot.end <= end)
        or finding.seq == index
        or (finding.fault is Fault.MISSING and str(index) in finding.detail)
        for finding in found
    )


def test_each_flipped_byte_is_named_with_its_place(home, recording, path):
    whole = read_file(path)
    spans = [(0, len(MAGIC)), *record_spans(whole)]
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        write_file(path, bytes(changed))
        index, (start, end) = next(
            (index - 1, span) for index, span in enumerate(spans) if span[0] <= position < span[1]
        )
        assert names_record(findings(home, recording), index, start, end), position


def test_each_flipped_byte_under_a_new_checksum_is_named_with_its_place(home, recording, path):
    whole = read_file(path)
    for index, (start, end) in enumerate(record_spans(whole)):
        for position in range(start + FRAME.size, end):
            changed = bytearray(whole)
            changed[position] ^= 0x80 >> position % 8
            crc = zlib.crc32(changed[start + FRAME.size : end])
            changed[start + 4 : start + 8] = crc.to_bytes(4, "big")
            write_file(path, bytes(changed))
            found = findings(home, recording)
            assert names_record(found, index, start, end), position
            assert not all(finding.is_note for finding in found), position


def test_each_cut_is_named(home, recording, path):
    whole = read_file(path)
    for size in range(len(whole)):
        write_file(path, whole[:size])
        assert not all(finding.is_note for finding in findings(home, recording)), size


def test_each_dropped_doubled_or_swapped_record_is_named(home, recording, path):
    payloads = recording.logs[0].payloads
    for index in range(len(payloads)):
        write_file(path, MAGIC + records(payloads[:index] + payloads[index + 1 :]))
        assert not all(finding.is_note for finding in findings(home, recording)), ("dropped", index)
        for to in range(len(payloads) + 1):
            write_file(path, MAGIC + records([*payloads[:to], payloads[index], *payloads[to:]]))
            assert findings(home, recording), ("doubled", index, to)
    for order in itertools.permutations(range(len(payloads))):
        if order[0] == 0 and list(order) != sorted(order):
            write_file(path, MAGIC + records([payloads[index] for index in order]))
            assert not all(finding.is_note for finding in findings(home, recording)), order


def test_each_record_of_another_terminal_is_named_wherever_it_is_put(home, recording, path):
    other = Recording(2)
    other.begin()
    other.opened()
    other.output(b"one")
    other.closed()
    ours, theirs = recording.logs[0].payloads, other.logs[0].payloads
    for index, foreign in enumerate(theirs):
        write_file(path, MAGIC + records([*ours[:index], foreign, *ours[index + 1 :]]))
        found = findings(home, recording)
        assert any(finding.fault in {Fault.ALTERED, Fault.UNVERIFIABLE} for finding in found), index


def test_the_catalogue_set_back_to_less_hides_no_fault_of_the_files(home, recording, path):
    """Without what the catalogue knew, only cuts at the end of the newest log go unnoticed."""
    for name in ("", "-wal", "-shm"):
        write_file(home.catalogue + name, b"")
    payloads = recording.logs[0].payloads
    write_file(path, MAGIC + records(payloads[:4] + payloads[5:]))
    assert Fault.MISSING in {finding.fault for finding in findings(home, recording)}
    write_file(path, MAGIC + records(payloads[:-1]))
    assert findings(home, recording) == ()


def test_two_copies_of_one_home_that_went_on_apart_are_both_read_and_reported(home, recording):
    """Their logs have the same generation; somebody put the files together."""
    size, head = recording.writer.size, recording.writer.head
    from cctm.protocol.events import LogHead

    for clone, text in enumerate((b"here", b"there")):
        recording.offset = 3
        recording.begin(2, LogHead(recording.logs[0].ref.log, size, head), clone=clone)
        recording.output(text)
    recording.write(home)
    found = findings(home, recording)
    assert {finding.fault for finding in found} == {Fault.CLONED, Fault.OFFSET}
    entries = list(Archive(home, DEVICE).entries(recording.channel))
    assert len(entries) == sum(len(log.sealed) for log in recording.logs)
