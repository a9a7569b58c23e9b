"""cctm.archive.segment: framing, and finding records again."""

import os

import pytest

from archive_fixtures import drawn, record_spans, records, small_recording
from cctm.archive import segment
from cctm.archive.segment import MAGIC, Damage, Record, SegmentName, TornTail, find_record, frame, scan


@pytest.fixture
def items_of(tmp_path):
    """What a scan finds in a file of the given bytes."""

    def find(data, start=0):
        path = tmp_path / "file.seg"
        path.write_bytes(data)
        fd = os.open(path, os.O_RDONLY)
        try:
            return list(scan(fd, start))
        finally:
            os.close(fd)

    return find


@pytest.fixture
def payloads():
    return small_recording(outputs=3).logs[0].payloads


@pytest.fixture
def whole(payloads):
    return MAGIC + records(payloads)


def test_names_read_back_and_sort_as_a_channel_is_read():
    log = drawn("log")
    names = [SegmentName(g, log, n) for g in (1, 2, 99_999_999, 100_000_000) for n in (1, 2, 1_000_000)]
    assert [SegmentName.parse(str(name)) for name in names] == names
    names.reverse()
    assert sorted(names) == names[::-1]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "00000001",
        f"1-{'a' * 64}-000001.seg",
        f"00000001-{'A' * 64}-000001.seg",
        f"000000001-{'a' * 64}-000001.seg",
        f"00000001-{'a' * 64}-000001.seg.tmp",
        f"٠٠٠٠٠٠٠١-{'a' * 64}-000001.seg",
    ],
)
def test_a_name_that_we_would_not_write_is_none(name):
    assert SegmentName.parse(name) is None


def test_records_come_back_with_their_places(items_of, whole, payloads):
    found = items_of(whole)
    assert [item.payload for item in found] == payloads
    assert [(item.start, item.end) for item in found] == record_spans(whole)


def test_a_scan_may_begin_at_any_record(items_of, whole, payloads):
    for index, (start, end) in enumerate(record_spans(whole)):
        assert [item.payload for item in items_of(whole, start)] == payloads[index:]
        assert [item.payload for item in items_of(whole, end)] == payloads[index + 1 :]


def test_behind_the_end_there_is_nothing(items_of, whole):
    assert items_of(whole, len(whole) + 100) == []


def test_what_is_appended_during_a_scan_is_left_for_the_next(tmp_path, payloads):
    path = tmp_path / "file.seg"
    path.write_bytes(MAGIC + records(payloads)[:-5])
    fd = os.open(path, os.O_RDONLY)
    try:
        scanned = scan(fd)
        found = [next(scanned)]
        path.write_bytes(MAGIC + records(payloads + payloads))
        found += scanned
        assert [item.payload for item in found[:-1]] == payloads[:-1]
        assert isinstance(found[-1], TornTail)
        assert [item.payload for item in scan(fd)] == payloads + payloads
    finally:
        os.close(fd)


def test_an_empty_file_holds_nothing(items_of):
    assert items_of(b"") == []
    assert items_of(MAGIC) == []


def test_a_beginning_of_the_first_bytes_is_a_torn_tail(items_of):
    assert [items_of(MAGIC[:size]) for size in range(1, 8)] == [[TornTail(0, size)] for size in range(1, 8)]


def test_other_first_bytes_are_damage_and_what_follows_is_read(items_of, whole, payloads):
    damage, *rest = items_of(b"X" + whole[1:])
    assert damage == Damage(0, 8)
    assert [item.payload for item in rest] == payloads
    assert items_of(b"XYZ") == [Damage(0, 3)]


def test_every_cut_of_the_last_record_is_a_torn_tail(items_of, whole, payloads):
    start, end = record_spans(whole)[-1]
    for size in range(start + 1, end):
        *before, tail = items_of(whole[:size])
        assert [item.payload for item in before] == payloads[:-1]
        assert tail == TornTail(start, size)


def test_zeros_where_a_record_was_to_come_are_a_torn_tail(items_of, whole):
    for size in (1, 7, 8, 100, 70_000):
        assert items_of(whole + bytes(size))[-1] == TornTail(len(whole), len(whole) + size)


def test_a_flipped_byte_costs_one_record_and_is_no_torn_tail(items_of, whole, payloads):
    for index, (start, end) in enumerate(record_spans(whole)):
        for position in {*range(start, start + 12), end - 1}:
            changed = bytearray(whole)
            changed[position] ^= 0x81
            found = items_of(bytes(changed))
            assert found[index] == Damage(start, end), position
            assert [i.payload for i in found if isinstance(i, Record)] == payloads[:index] + payloads[
                index + 1 :
            ]


def test_the_next_record_is_found_across_the_edge_of_what_is_read_at_once(items_of, payloads, monkeypatch):
    monkeypatch.setattr(segment, "_CHUNK_BYTES", 256)
    data = MAGIC + b"junk" * 300 + records(payloads)
    damage, *rest = items_of(data)
    assert damage == Damage(8, 1208)
    assert [item.payload for item in rest] == payloads


def test_something_that_only_looks_like_a_head_is_passed_over(items_of, payloads):
    bogus = bytearray(records(payloads[:1]))
    bogus[5] ^= 1  # the checksum
    longer = b"\0\0\0\1" + bytes(bogus[4:])  # a length that is not what the head says
    cut_off = records([payloads[0]])[:200]  # its record would go on behind the end
    data = MAGIC + b"junk" + bytes(bogus) + longer + records(payloads[1:])
    damage, *rest = items_of(data)
    assert (damage.start, damage.end) == (8, 8 + 4 + len(bogus) + len(longer))
    assert items_of(MAGIC + b"junk" + cut_off) == [Damage(8, 8 + 4 + 200)]
    assert [item.payload for item in rest] == payloads[1:]


def test_damage_at_the_end_is_not_taken_for_a_torn_tail(items_of, whole):
    start, end = record_spans(whole)[-1]
    huge = whole[:start] + b"\xff" + whole[start + 1 :]
    longer = whole[:start] + (end - start + 1).to_bytes(4, "big") + whole[start + 4 :]
    for data in (huge, longer):
        assert items_of(data)[-1] == Damage(start, end)
    assert items_of(whole + bytes(100) + b"x")[-1] == Damage(len(whole), len(whole) + 101)


def test_a_record_larger_than_what_is_read_at_once_is_whole(items_of):
    payload = drawn("large", size=3 << 20)
    (found,) = items_of(MAGIC + frame(payload) + payload)
    assert found.payload == payload


def test_a_record_is_found_from_any_byte_before_it(tmp_path, whole):
    path = tmp_path / "file.seg"
    path.write_bytes(whole)
    fd = os.open(path, os.O_RDONLY)
    try:
        starts = [start for start, _ in record_spans(whole)]
        for position in range(8, len(whole), 7):
            expected = next((start for start in starts if start >= position), None)
            assert find_record(fd, position) == expected
    finally:
        os.close(fd)


def test_short_reads_are_completed(items_of, whole, payloads, monkeypatch):
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, position: pread(fd, min(size, 100), position))
    assert [item.payload for item in items_of(whole)] == payloads
