"""Whoever can write a segment cannot make reading it cost more than a few times its size."""

import os
import tempfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_fixtures import records, small_recording
from cctm.archive import segment
from cctm.archive.segment import FRAME, MAGIC, Damage, Record, find_record, scan

PAYLOADS = small_recording(outputs=3).logs[0].payloads
TIMES = 14  # the size of the file: 4 for claims, 6 for small ones, the rest for what is proven, twice


class Counting:
    """The zlib and os that `segment` sees, with what goes through them counted."""

    def __init__(self):
        self.hashed = 0
        self.read = 0

    def crc32(self, data):
        self.hashed += len(data)
        return zlib.crc32(data)

    def pread(self, fd, length, position):
        data = os.pread(fd, length, position)
        self.read += len(data)
        return data

    fstat = staticmethod(os.fstat)


def work_on(data, act):
    counting = Counting()
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        file.write(data)
        file.flush()
        patch.setattr(segment, "zlib", counting)
        patch.setattr(segment, "os", counting)
        result = act(file.fileno())
    return result, counting


def head(body_bytes):
    """The first fields of a payload with a body of that size."""
    return (
        b"\x96\x05\x03\xc4\x20"
        + bytes(32)
        + b"\xc4\x20"
        + bytes(32)
        + b"\xc6"
        + body_bytes.to_bytes(4, "big")
    )


def claims(size):
    """Heads one after the other, each of which claims all that follows."""
    step = FRAME.size + len(head(0))
    parts = []
    for position in range(0, size - step, step):
        payload_bytes = size - position - FRAME.size
        body_bytes = payload_bytes - len(head(0)) - 66
        if body_bytes < 0:
            break
        parts.append(FRAME.pack(payload_bytes, 1) + head(body_bytes))
    return b"".join(parts).ljust(size, b"x")


def alternating(size):
    """Frames that claim all that follows, each before a record that is whole."""
    (one, *_) = sorted(records([payload]) for payload in PAYLOADS)
    parts = []
    total = 0
    while total < size:
        parts.append(FRAME.pack(size - total - FRAME.size, 1) + one)
        total += len(parts[-1])
    return b"".join(parts)


@pytest.mark.parametrize("make", [claims, alternating])
@pytest.mark.parametrize("size", [100_000, 400_000, 1_600_000])
def test_claims_that_overlap_cost_a_few_times_the_files_size(make, size):
    data = MAGIC + make(size)
    items, work = work_on(data, lambda fd: list(scan(fd)))
    assert work.hashed < TIMES * len(data)
    assert work.read < 2 * TIMES * len(data)
    assert (items[0].start, items[-1].end) == (8, len(data))


def test_looking_for_one_record_costs_a_few_times_what_is_looked_at():
    data = MAGIC + claims(400_000)
    found, work = work_on(data, lambda fd: find_record(fd, 8))
    assert found is None
    assert work.hashed < TIMES * len(data)


def test_small_records_are_found_behind_claims_that_spent_nearly_all():
    small = [payload for payload in PAYLOADS if len(payload) <= 512]
    data = MAGIC + claims(400_000) + records(small)
    items, _ = work_on(data, lambda fd: list(scan(fd)))
    assert len(small) > 3
    assert [item.payload for item in items if isinstance(item, Record)] == small


def test_damage_to_every_second_record_costs_no_other():
    payloads = [small_recording(outputs=40).logs[0].payloads[4 + index] for index in range(40)]
    data = bytearray(MAGIC)
    for index, payload in enumerate(payloads):
        record = bytearray(records([payload]))
        if index % 2:
            record[100] ^= 1
        data += record
    items, work = work_on(bytes(data), lambda fd: list(scan(fd)))
    assert [item.payload for item in items if isinstance(item, Record)] == payloads[::2]
    assert work.hashed < 3 * len(data)


pieces = st.one_of(
    st.integers(0, 4_000).map(lambda size: FRAME.pack(size, 1)),
    st.integers(0, 4_000).map(lambda size: FRAME.pack(len(head(0)) + size + 66, 1) + head(size)),
    st.sampled_from(PAYLOADS).map(lambda payload: records([payload])),
    st.binary(max_size=60),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=60))
def test_no_bytes_cost_more_and_every_byte_is_accounted_for(parts):
    data = MAGIC + b"".join(parts)
    items, work = work_on(data, lambda fd: list(scan(fd)))
    assert work.hashed <= TIMES * len(data)
    position = len(MAGIC)
    for item in items:
        assert item.start == position
        position = item.end
    assert position == len(data)


def test_a_claim_that_is_not_believed_is_damage_to_the_end():
    data = MAGIC + claims(50_000)
    items, _ = work_on(data, lambda fd: list(scan(fd)))
    assert items == [Damage(8, len(data))]
