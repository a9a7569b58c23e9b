"""cctm.archive.storage: what is appended lies in files, in order and durable."""

import errno
import os
import stat
import time

import pytest

from archive_fixtures import drawn, read_file
from cctm.archive.disk import Disk
from cctm.archive.segment import MAGIC
from cctm.archive.storage import Storage
from memory_disk import MemoryDisk
from watched_storage import PATIENCE_S, path_of, payloads_in, ref


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


@pytest.mark.untraced
def test_appending_costs_the_caller_little(start):
    storage = start(sync_interval_s=PATIENCE_S)
    storage.barrier().result(PATIENCE_S)
    payload = bytes(8_000)
    began = time.thread_time()
    for _ in range(2_000):
        storage.put(ref(), payload)
    assert (time.thread_time() - began) / 2_000 < 0.000_1
