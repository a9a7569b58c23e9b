"""cctm.archive.storage: a disk that fails or is full stalls it, and nothing is lost."""

import errno
import os
from pathlib import Path

import pytest

from archive_fixtures import drawn, read_file
from memory_disk import MemoryDisk
from watched_storage import PATIENCE_S, Watched, path_of, payloads_in, ref


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failure_at_any_call_stalls_and_then_all_is_there_once(number):
    clean = MemoryDisk()
    _record_two_logs(clean)
    for call in range(clean.calls):
        disk = MemoryDisk({call: number})
        storage = _record_two_logs(disk)
        assert disk.shown() == clean.shown(), call
        assert len(storage.stored) == 8
        failed = disk.log[call]
        assert storage.errors == ([] if failed == "close" else [number]), failed
        assert storage.resumed.is_set() == bool(storage.errors)


def _record_two_logs(disk):
    storage = Watched("/archive", disk=disk, retry_s=0, segment_bytes=2_000, open_files=2)
    storage.start()
    for index in range(8):
        storage.put(ref(1 + index % 2), drawn("payload", index, size=1_500))
    storage.barrier().result(PATIENCE_S)
    storage.close()
    return storage


def test_after_a_failed_sync_what_it_was_for_is_written_again(start):
    clean = MemoryDisk()
    _record_two_logs(clean)
    for call in [index for index, name in enumerate(clean.log) if name == "sync"]:
        disk = MemoryDisk({call: errno.EIO})
        _record_two_logs(disk)
        assert all(inode.kept == inode.shown for inode in disk.inodes.values())


def test_a_part_that_can_neither_be_written_nor_cut_is_written_over(start):
    disk = MemoryDisk()
    storage = start(disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    disk._failures.update({disk.calls: errno.ENOSPC, disk.calls + 1: errno.EIO})
    storage.put(ref(), b"two" * 100)
    storage.barrier().result(PATIENCE_S)
    (data,) = disk.shown().values()
    assert payloads_in(data) == [b"one", b"two" * 100]


def test_each_new_reason_to_stall_is_told_and_resuming_once(start):
    disk = MemoryDisk({4: errno.ENOSPC, 6: errno.ENOSPC, 8: errno.EIO})
    storage = start(disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    assert storage.errors[0] == errno.ENOSPC
    assert len(storage.errors) == len(set(storage.errors))
    assert storage.resumed.is_set()


def test_while_stalled_no_part_of_a_record_is_left(start):
    disk = MemoryDisk()
    storage = start(disk, retry_s=0.001)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    disk._failures.update({disk.calls: errno.ENOSPC})  # the write, of which half is done
    shown = []
    storage._on_stalled = lambda _: shown.extend(disk.shown().values())
    storage.put(ref(), b"two" * 100)
    storage.barrier().result(PATIENCE_S)
    assert [payloads_in(data) for data in shown] == [[b"one"]]


class Full(MemoryDisk):
    """Takes no byte until told."""

    def __init__(self):
        super().__init__()
        self.is_full = True

    def write(self, fd, data, position):
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(fd, data, position)


def test_while_stalled_a_channel_can_be_removed_and_the_others_go_on(start):
    disk = Full()
    storage = start(disk, retry_s=0.001)
    storage.put(ref(channel=1), b"of the removed")
    storage.put(ref(channel=2), b"of the other")
    assert storage.stalled.wait(PATIENCE_S)
    storage.remove(ref(channel=1).channel).result(PATIENCE_S)
    storage.put(ref(channel=1), b"too late")
    assert storage.stored == []
    disk.is_full = False
    storage.barrier().result(PATIENCE_S)
    assert [stored.ref for stored in storage.stored] == [ref(channel=2)]
    assert [payloads_in(data) for data in disk.shown().values()] == [[b"of the other"]]


def test_closing_while_stalled_says_why_and_leaves_nobody_waiting(start):
    storage = Watched("/archive", disk=Full(), retry_s=PATIENCE_S)
    storage.start()
    storage.put(ref(), b"one")
    waiting = storage.barrier()
    cancelled = storage.barrier()
    cancelled.cancel()
    storage.put(ref(), b"two")
    assert storage.stalled.wait(PATIENCE_S)
    with pytest.raises(OSError, match="No space"):
        storage.close()
    with pytest.raises(OSError, match="No space"):
        waiting.result(PATIENCE_S)
    assert storage.stored == []


def test_the_real_disk_fills_up_and_goes_on_when_there_is_room(tmp_path, small_file_system):
    filler = os.path.join(small_file_system, "filler")
    with open(filler, "wb") as file:
        file.write(bytes(512 << 10))
    archive = Path(small_file_system, "archive")
    archive.mkdir()
    storage = Watched(str(archive), retry_s=0.01)
    storage.start()
    for index in range(12):
        storage.put(ref(), drawn("payload", index, size=64 << 10))
    assert storage.stalled.wait(PATIENCE_S)
    assert storage.errors == [errno.ENOSPC]
    os.unlink(filler)
    storage.barrier().result(PATIENCE_S)
    storage.close()
    assert storage.resumed.is_set()
    data = read_file(path_of(archive, ref()))
    assert payloads_in(data) == [drawn("payload", index, size=64 << 10) for index in range(12)]
