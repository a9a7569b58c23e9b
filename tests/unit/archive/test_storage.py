"""cctm.archive.storage: the one thread that writes."""

import errno
import os
import stat
import threading
import time

import pytest

from archive_fixtures import drawn, read_file, record_spans
from cctm.archive.disk import Disk
from cctm.archive.segment import MAGIC
from cctm.archive.storage import LogRef, Storage, Sync
from cctm.protocol.errors import LocalError
from memory_disk import MemoryDisk

PATIENCE_S = 60


def ref(number=1, channel=1):
    return LogRef(drawn("channel", channel), drawn("log", number), number)


def payloads_in(data):
    return [data[start + 8 : end] for start, end in record_spans(data)]


class Watched(Storage):
    """A storage that tells what it reported."""

    def __init__(self, archive, **options):
        self.stored = []
        self.errors = []
        self.stalled = threading.Event()
        self.resumed = threading.Event()
        super().__init__(archive, on_stalled=self._on_stall, on_resumed=self.resumed.set, **options)

    def _on_stall(self, error):
        self.errors.append(error.errno)
        self.stalled.set()

    def put(self, log, *payloads, **options):
        self.append(log, payloads, self.stored.append, **options)


@pytest.fixture
def start(tmp_path):
    """Start a storage on tmp_path, or on another disk; closed at the end."""
    running = []

    def begin(disk=None, **options):
        archive = "/archive" if isinstance(disk, MemoryDisk) else str(tmp_path)
        storage = Watched(archive, disk=disk, retry_s=options.pop("retry_s", 0), **options)
        running.append(storage)
        storage.start()
        return storage

    yield begin
    for storage in running:
        storage.close()


def path_of(tmp_path, log, number=1):
    return str(tmp_path / log.channel.hex() / f"{log.generation:08d}-{log.log.hex()}-{number:06d}.seg")


def test_what_is_appended_lies_in_order_in_the_logs_own_file(start, tmp_path):
    storage = start()
    storage.put(ref(1), b"one", b"two")
    storage.put(ref(2), b"other")
    storage.put(ref(1), b"three")
    storage.barrier().result(PATIENCE_S)
    assert payloads_in(read_file(path_of(tmp_path, ref(1)))) == [b"one", b"two", b"three"]
    assert payloads_in(read_file(path_of(tmp_path, ref(2)))) == [b"other"]


def test_each_append_is_reported_once_with_its_place(start):
    storage = start()
    storage.put(ref(), b"one", b"two")
    storage.put(ref(), b"three")
    storage.barrier().result(PATIENCE_S)
    assert [(s.ref, s.segment, s.start, s.end) for s in storage.stored] == [
        (ref(), 1, 8, 8 + 11 + 11),
        (ref(), 1, 30, 30 + 13),
    ]


def test_nothing_is_reported_before_file_and_names_are_synchronised():
    disk = MemoryDisk()
    reported = []
    storage = Storage("/archive", on_stalled=print, on_resumed=print, disk=disk)
    storage.start()
    storage.append(ref(), [b"one"], lambda _: reported.append(list(disk.log)))
    storage.close()
    (calls,) = reported
    assert calls.count("sync") == 1
    assert calls.count("sync_directory") == 2  # the channel's and the archive
    assert calls.index("write") < calls.index("sync")


def test_files_and_directories_are_private_whatever_the_umask(start, tmp_path):
    before = os.umask(0)
    try:
        storage = start()
        storage.put(ref(), b"one")
        storage.barrier().result(PATIENCE_S)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path_of(tmp_path, ref())).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / ref().channel.hex()).st_mode) == 0o700


def test_a_new_segment_begins_once_the_last_exceeds_its_size(start, tmp_path):
    storage = start(segment_bytes=100)
    for index in range(6):
        storage.put(ref(), bytes([index]) * 50)
    storage.barrier().result(PATIENCE_S)
    names = sorted(os.listdir(tmp_path / ref().channel.hex()))
    assert [name[-10:] for name in names] == ["000001.seg", "000002.seg", "000003.seg"]
    found = [payloads_in(read_file(path_of(tmp_path, ref(), number))) for number in (1, 2, 3)]
    assert [payload[0] for payloads in found for payload in payloads] == list(range(6))
    assert [stored.segment for stored in storage.stored] == [1, 1, 2, 2, 3, 3]


def test_the_default_segment_holds_64_mib(start, tmp_path):
    storage = start()
    piece = bytes(16 << 20)
    for _ in range(6):
        storage.put(ref(), piece)
    storage.barrier().result(PATIENCE_S)
    sizes = [os.stat(path_of(tmp_path, ref(), number)).st_size for number in (1, 2)]
    assert sizes == [8 + 4 * (8 + (16 << 20)), 8 + 2 * (8 + (16 << 20))]


def test_a_log_is_taken_up_where_it_ended(start, tmp_path):
    first = start(segment_bytes=30)
    for text in (b"one", b"two", b"three", b"four"):
        first.put(ref(), text)
    first.close()
    second = start(segment_bytes=30)
    second.put(ref(), b"five")
    second.close()
    names = sorted(os.listdir(tmp_path / ref().channel.hex()))
    found = [p for name in names for p in payloads_in(read_file(tmp_path / ref().channel.hex() / name))]
    assert found == [b"one", b"two", b"three", b"four", b"five"]


def test_a_file_that_was_torn_in_its_first_bytes_is_begun_again(start, tmp_path):
    path = path_of(tmp_path, ref())
    os.mkdir(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(MAGIC[:5])
    storage = start()
    storage.put(ref(), b"one")
    storage.close()
    assert payloads_in(read_file(path)) == [b"one"]


def test_many_logs_need_few_descriptors(start):
    disk = MemoryDisk()
    storage = start(disk, open_files=8)
    for turn in range(3):
        for number in range(1, 100):
            storage.put(ref(number), b"%d" % turn)
    storage.barrier().result(PATIENCE_S)
    assert disk.most_fds <= 8
    assert disk.closed_unsynced == 0
    assert all(payloads_in(data) == [b"0", b"1", b"2"] for data in disk.shown().values())
    assert len(disk.shown()) == 99


def test_a_close_that_fails_loses_nothing(start):
    class Reluctant(MemoryDisk):
        def close(self, fd):
            super().close(fd)
            raise OSError(errno.EIO, "close")

    disk = Reluctant()
    storage = start(disk, open_files=1)
    for number in (1, 2, 1, 2):
        storage.put(ref(number), b"x")
    storage.barrier().result(PATIENCE_S)
    assert [payloads_in(data) for data in disk.shown().values()] == [[b"x", b"x"]] * 2
    assert not storage.errors


def test_work_runs_when_all_before_it_is_stored_and_gives_its_result(start):
    storage = start()
    storage.put(ref(), b"one")
    assert storage.run(lambda: len(storage.stored)).result(PATIENCE_S) == 1


def test_an_error_of_the_work_is_raised_where_it_is_waited_for(start):
    storage = start()
    failed = storage.run(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(PATIENCE_S)
    assert storage.run(lambda: "alive").result(PATIENCE_S) == "alive"


def test_work_that_is_cancelled_in_time_does_not_run(start):
    storage = start()
    gate = threading.Event()
    storage.run(lambda: gate.wait(PATIENCE_S))
    ran = []
    cancelled = storage.run(lambda: ran.append(1))
    assert cancelled.cancel()
    gate.set()
    storage.barrier().result(PATIENCE_S)
    assert ran == []


def test_syncs_are_grouped_while_appends_follow_each_other():
    disk = MemoryDisk()
    storage = Watched("/archive", disk=disk, sync_interval_s=PATIENCE_S)
    gate = threading.Event()
    storage.run_aside(lambda: gate.wait(PATIENCE_S))
    for _ in range(500):
        storage.put(ref(), b"x")
    storage.start()
    gate.set()
    storage.close()
    assert len(storage.stored) == 500
    assert disk.log.count("sync") <= 2


def test_an_append_waits_for_its_group_unless_told_otherwise(start):
    storage = start(sync_interval_s=PATIENCE_S)
    storage.put(ref(), b"the last sync is long ago: at once")
    storage.barrier().result(PATIENCE_S)
    storage.put(ref(), b"waits")
    assert storage.run_aside(lambda: len(storage.stored)).result(PATIENCE_S) == 1
    done = threading.Event()
    storage.append(ref(), [b"now"], lambda _: done.set(), sync=Sync.NOW)
    assert done.wait(PATIENCE_S)
    assert len(storage.stored) == 2


def test_a_mebibyte_that_waits_is_synchronised_however_small_its_records(start):
    storage = start(sync_interval_s=PATIENCE_S)
    storage.put(ref(), b"first")
    storage.barrier().result(PATIENCE_S)
    done = threading.Event()
    storage.put(ref(), b"x", weight_bytes=1 << 19)
    storage.append(ref(), [b"y"], lambda _: done.set(), weight_bytes=1 << 19)
    assert done.wait(PATIENCE_S)


def test_a_group_is_synchronised_after_the_interval_without_further_appends(start):
    storage = start(sync_interval_s=0.01)
    storage.put(ref(), b"first")
    storage.barrier().result(PATIENCE_S)
    done = threading.Event()
    storage.append(ref(), [b"x"], lambda _: done.set())
    assert done.wait(PATIENCE_S)


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


def test_what_was_written_but_not_synchronised_goes_with_its_channel(start):
    disk = MemoryDisk()
    storage = start(disk, sync_interval_s=PATIENCE_S)
    storage.put(ref(channel=1), b"x")
    storage.barrier().result(PATIENCE_S)
    storage.put(ref(channel=1), b"y")
    storage.put(ref(channel=2), b"z")
    storage.remove(ref(channel=1).channel).result(PATIENCE_S)
    storage.barrier().result(PATIENCE_S)
    assert [payloads_in(data) for data in disk.shown().values()] == [[b"z"]]
    assert [stored.ref.channel for stored in storage.stored].count(ref(channel=1).channel) == 1


def test_removing_takes_all_files_and_is_finished_if_it_was_interrupted(start, tmp_path):
    storage = start()
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    left = tmp_path / (ref().channel.hex() + ".removed")
    left.mkdir()
    (left / "half").touch()
    storage.remove(ref().channel).result(PATIENCE_S)
    assert os.listdir(tmp_path) == []
    storage.remove(drawn("never seen")).result(PATIENCE_S)


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


def test_a_closed_storage_takes_nothing_more(start):
    storage = start()
    storage.close()
    storage.close()
    with pytest.raises(LocalError):
        storage.append(ref(), [b"x"])
    with pytest.raises(LocalError):
        storage.barrier()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_is_not_forgotten():
    storage = Watched("/archive", disk=MemoryDisk(), sync_interval_s=PATIENCE_S)
    gate = threading.Event()
    storage.run_aside(lambda: gate.wait(PATIENCE_S))

    later = []

    def raises(_stored):
        later.append(storage.barrier())
        raise ZeroDivisionError

    storage.append(ref(), [b"x"], raises)
    waiting = storage.barrier()
    storage.start()
    gate.set()
    for future in (waiting, *later):
        with pytest.raises(ZeroDivisionError):
            future.result(PATIENCE_S)
    assert later
    with pytest.raises(ZeroDivisionError):
        storage.close()


def test_the_real_disk_fills_up_and_goes_on_when_there_is_room(tmp_path, small_file_system):
    filler = os.path.join(small_file_system, "filler")
    with open(filler, "wb") as file:
        file.write(bytes(512 << 10))
    archive = os.path.join(small_file_system, "archive")
    os.mkdir(archive)
    storage = Watched(archive, retry_s=0.01)
    storage.start()
    for index in range(12):
        storage.put(ref(), drawn("payload", index, size=64 << 10))
    assert storage.stalled.wait(PATIENCE_S)
    assert storage.errors == [errno.ENOSPC]
    os.unlink(filler)
    storage.barrier().result(PATIENCE_S)
    storage.close()
    assert storage.resumed.is_set()
    data = read_file(path_of_str(archive, ref()))
    assert payloads_in(data) == [drawn("payload", index, size=64 << 10) for index in range(12)]


def path_of_str(archive, log):
    return os.path.join(archive, log.channel.hex(), f"{log.generation:08d}-{log.log.hex()}-000001.seg")


def test_the_real_disk_does_what_it_says(tmp_path):
    disk = Disk()
    directory = str(tmp_path / "d")
    assert disk.make_directory(directory)
    assert not disk.make_directory(directory)
    path = os.path.join(directory, "f")
    fd = disk.create(path)
    with pytest.raises(FileExistsError):
        disk.create(path)
    assert disk.write(fd, b"hello", 3) == 5
    disk.cut(fd, 6)
    assert disk.size(fd) == 6
    disk.sync(fd)
    disk.sync_directory(directory)
    disk.close(fd)
    disk.close(disk.open(path))
    assert (disk.names(directory), read_file(path)) == (["f"], b"\0\0\0hel")
    disk.rename(directory, directory + "2")
    disk.remove_tree(directory + "2")
    assert os.listdir(tmp_path) == []


def test_appending_costs_the_caller_little(start):
    storage = start(sync_interval_s=PATIENCE_S)
    storage.barrier().result(PATIENCE_S)
    payload = bytes(8_000)
    began = time.thread_time()
    for _ in range(2_000):
        storage.put(ref(), payload)
    assert (time.thread_time() - began) / 2_000 < 0.000_1
