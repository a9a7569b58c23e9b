"""Power may fail at any moment, and calls may fail before that: what was reported as stored is there."""

import errno
import os
import random
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from archive_fixtures import drawn
from cctm.archive.segment import Record, SegmentName, scan
from cctm.archive.storage import LogRef, Storage, Sync
from memory_disk import MemoryDisk

REFS = [LogRef(drawn("channel", number % 2), drawn("log", number), number + 1) for number in range(3)]

appends = st.tuples(
    st.integers(0, 2), st.lists(st.integers(1, 1_500), min_size=1, max_size=3), st.sampled_from(Sync)
)
failures = st.dictionaries(
    st.integers(0, 60), st.sampled_from([errno.ENOSPC, errno.EIO, errno.EDQUOT]), max_size=4
)


def payloads_of(files, ref):
    """The whole records of *ref* in order, from files as they were left."""
    mine = []
    for path, data in files.items():
        name = SegmentName.parse(os.path.basename(path))
        if name is not None and name.log == ref.log:
            mine.append((name.number, data))
    found = []
    for _, data in sorted(mine):
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            found += [item.payload for item in scan(file.fileno()) if isinstance(item, Record)]
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(appends, min_size=1, max_size=12), failures, st.integers(0, 80), st.integers(0, 2**32))
def test_nothing_reported_as_stored_is_missing_after_a_power_failure(operations, fails, dies_at, seed):
    chance = random.Random(seed)
    appended = {ref: [] for ref in REFS}
    reported = dict.fromkeys(REFS, 0)
    snapshot = []

    def on_call(number):
        if number == dies_at:
            snapshot.append((disk.after_power_failure(chance), dict(reported)))

    disk = MemoryDisk(dict(fails), on_call)
    storage = Storage(
        "/archive",
        disk=disk,
        retry_s=0,
        segment_bytes=2_000,
        open_files=2,
        on_stalled=lambda _: None,
        on_resumed=lambda: None,
    )
    storage.start()
    for number, (which, sizes, sync) in enumerate(operations):
        ref = REFS[which]
        payloads = [drawn(number, index, size=size) for index, size in enumerate(sizes)]
        appended[ref] += payloads
        count = len(appended[ref])
        storage.append(
            ref, payloads, lambda stored, count=count: reported.__setitem__(stored.ref, count), sync=sync
        )
    storage.barrier().result(60)
    storage.close()

    assert reported == {ref: len(payloads) for ref, payloads in appended.items()}
    for ref in REFS:
        assert payloads_of(disk.shown(), ref) == appended[ref]
    for files, stored in snapshot:
        for ref in REFS:
            assert payloads_of(files, ref)[: stored[ref]] == appended[ref][: stored[ref]]
