"""cctm.archive.past: what is not here yet of a channel that was joined; and how it is written into its place."""

import contextlib
import errno
import os
import random

import pytest

from archive_fixtures import Recording, read_file, two_generations
from cctm.archive.files import PART_SUFFIX, segment_path
from cctm.archive.past import newest_missing
from cctm.archive.segment import SEGMENT_BYTES, frame
from cctm.archive.storage import Joint
from cctm.archive.writing import STRETCH, SegmentWriter
from cctm.protocol.entry import digest, entry_hash
from cctm.protocol.sync.chain import place_of
from memory_disk import MemoryDisk
from watched_storage import PATIENCE_S, path_of, payloads_in, ref


def head_before(recording, log, seq):
    """The hash of the entry before *seq*."""
    sealed = log.sealed[seq - 1]
    return entry_hash(
        digest(place_of(recording.channel, log.ref.log, sealed), sealed.entry.body), sealed.entry.sig
    )


def missing_of(home, recording):
    found = newest_missing(home.archive, recording.channel)
    return None if found is None else (found.gap.floor, found.gap.end, found.number)


@pytest.fixture
def recording():
    recording = two_generations()
    for _ in range(10):
        recording.output(b"more")
    return recording


@pytest.fixture
def storage(start, home):
    return start(archive=home.archive)


def settle(storage):
    storage.barrier().result(PATIENCE_S)


def test_of_nothing_nothing_is_missing(home, recording):
    assert newest_missing(home.archive, recording.channel) is None


def test_what_lies_before_a_keyframe_is_missing_then_what_lies_before_that_then_the_log_before(
    home, recording, storage
):
    older, newer = recording.logs
    payloads = newer.payloads
    storage.put(newer.ref, payloads[0])
    storage.put(newer.ref, payloads[4], joint=Joint.BEHIND_A_HOLE)
    storage.put(newer.ref, *payloads[8:10], joint=Joint.BEHIND_A_HOLE)
    storage.put(newer.ref, payloads[10])
    settle(storage)
    assert missing_of(home, recording) == (5, 8, 2 * STRETCH - 1)
    found = newest_missing(home.archive, recording.channel)
    assert (found.ref, found.owner) == (newer.ref, recording.writer_key.public)
    assert found.gap.head == head_before(recording, newer, 8)
    storage.fill([(newer.ref, 2 * STRETCH - 1, payloads[6:8])]).result(PATIENCE_S)
    assert missing_of(home, recording) == (5, 6, 2 * STRETCH - 2)
    storage.fill([(newer.ref, 2 * STRETCH - 2, payloads[5:6])]).result(PATIENCE_S)
    assert missing_of(home, recording) == (1, 4, STRETCH - 1)
    storage.fill([(newer.ref, STRETCH - 1, payloads[1:4])]).result(PATIENCE_S)
    found = newest_missing(home.archive, recording.channel)
    size = len(older.sealed)
    assert (found.ref, found.gap.log, found.number) == (None, older.ref.log, STRETCH - 1)
    assert (found.gap.floor, found.gap.end, found.gap.head) == (0, size, head_before(recording, older, size))
    storage.fill([(older.ref, 1, older.payloads[:1])]).result(PATIENCE_S)
    assert missing_of(home, recording) == (1, size, STRETCH - 1)
    storage.fill([(older.ref, STRETCH - 1, older.payloads[1:])]).result(PATIENCE_S)
    assert missing_of(home, recording) is None


def test_the_newest_log_is_not_missed_beyond_what_is_here(home, recording, storage):
    _, newer = recording.logs
    storage.put(newer.ref, *newer.payloads[:3])
    settle(storage)
    assert newest_missing(home.archive, recording.channel).gap.log != newer.ref.log


@pytest.mark.parametrize("damage", [b"", b"CCTMSEG\0", b"x" * 50])
def test_where_a_segment_cannot_be_read_nothing_is_asked_for(home, recording, storage, damage):
    _, newer = recording.logs
    storage.put(newer.ref, newer.payloads[0])
    storage.put(newer.ref, newer.payloads[4], joint=Joint.BEHIND_A_HOLE)
    settle(storage)
    with open(segment_path(home.archive, newer.ref, STRETCH), "wb") as file:
        file.write(damage)
    found = newest_missing(home.archive, recording.channel)
    assert found is None or found.gap.log != newer.ref.log


def test_what_a_host_makes_look_like_a_record_within_a_record_is_not_the_last(home, storage):
    recording = Recording()
    recording.begin()
    older = recording.logs[0]
    early = older.payloads[1]
    body = random.Random(0).randbytes(70_000) + frame(early) + early
    older.sealed.append(recording.writer.append_grant(body))
    recording.begin()
    newer = recording.logs[1]
    storage.put(older.ref, *older.payloads)
    storage.put(newer.ref, *newer.payloads)
    settle(storage)
    assert missing_of(home, recording) is None


# --- how it is written


def test_what_follows_stays_in_its_segment_and_what_lies_behind_a_hole_gets_its_own(start, tmp_path):
    storage = start()
    storage.put(ref(), b"one")
    storage.put(ref(), b"two", joint=Joint.BEHIND_A_HOLE)
    storage.put(ref(), b"three")
    storage.put(ref(), b"four", joint=Joint.BEHIND_A_HOLE)
    settle(storage)
    for number, payloads in ((1, [b"one"]), (STRETCH, [b"two", b"three"]), (2 * STRETCH, [b"four"])):
        assert payloads_in(read_file(path_of(tmp_path, ref(), number))) == payloads
    assert [stored.segment for stored in storage.stored] == [1, STRETCH, STRETCH, 2 * STRETCH]


def test_the_next_start_goes_on_in_the_last_segment_or_behind_it(start, tmp_path):
    first = start()
    first.put(ref(), b"one", joint=Joint.BEHIND_A_HOLE)
    first.close()
    storage = start()
    storage.put(ref(), b"two")
    storage.put(ref(), b"three", joint=Joint.BEHIND_A_HOLE)
    settle(storage)
    assert payloads_in(read_file(path_of(tmp_path, ref(), STRETCH))) == [b"one", b"two"]
    assert payloads_in(read_file(path_of(tmp_path, ref(), 2 * STRETCH))) == [b"three"]


@pytest.mark.parametrize("call", range(8))
def test_an_append_behind_a_hole_that_is_tried_again_leaves_no_empty_place(call):
    writer = SegmentWriter("/archive", MemoryDisk({call: errno.ENOSPC}), SEGMENT_BYTES, 8)
    attempts = 0
    stored = None
    while stored is None:
        attempts += 1
        with contextlib.suppress(OSError):
            stored = writer.append(ref(), [b"one"], Joint.BEHIND_A_HOLE)
    assert (stored.segment, attempts <= 2) == (STRETCH, True)


def test_a_whole_segment_is_there_after_a_power_failure_or_not_at_all():
    disk = MemoryDisk()
    writer = SegmentWriter("/archive", disk, SEGMENT_BYTES, 8)
    writer.append(ref(), [b"before"])
    writer.sync()
    n_bytes = writer.fill(ref(), 7, [b"one", b"two"])
    path = path_of_number(7)
    for seed in range(20):
        found = disk.after_power_failure(random.Random(seed))
        assert payloads_in(found[path]) == [b"one", b"two"]
        assert len(found[path]) == n_bytes


def test_an_attempt_that_a_crash_ended_is_written_over(start, tmp_path):
    storage = start()
    storage.put(ref(), b"before")
    settle(storage)
    part = path_of(tmp_path, ref(), 7) + PART_SUFFIX
    with open(part, "wb") as file:
        file.write(b"x" * 1_000)
    storage.fill([(ref(), 7, [b"one"])]).result(PATIENCE_S)
    assert payloads_in(read_file(path_of(tmp_path, ref(), 7))) == [b"one"]
    assert not os.path.exists(part)


def test_of_a_channel_that_is_gone_nothing_is_written(start):
    storage = start()
    storage.put(ref(), b"before")
    settle(storage)
    storage.remove(ref().channel).result(PATIENCE_S)
    with pytest.raises(OSError, match="No such file"):
        storage.fill([(ref(), 7, [b"one"])]).result(PATIENCE_S)


def path_of_number(number):
    return segment_path("/archive", ref(), number)
