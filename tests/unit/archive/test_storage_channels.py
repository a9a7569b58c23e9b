"""cctm.archive.storage: what befalls one channel is no concern of the others."""

import errno
import os

import pytest

from archive_fixtures import drawn, read_file
from cctm.archive.storage import LogRef, Sync
from memory_disk import MemoryDisk
from watched_storage import PATIENCE_S, Watched, payloads_in

OWN_REASONS = [errno.ENOTDIR, errno.EACCES, errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ESTALE]


def ref(channel=1, log=1):
    return LogRef(drawn("channel", channel), drawn("log", log), log)


class BrokenFor(MemoryDisk):
    """One call fails for one channel, until it is mended."""

    def __init__(self, call, number, channel=1):
        super().__init__()
        self.name = call
        self.number = number
        self.hex = ref(channel).channel.hex()
        self.is_mended = False

    def _meets(self, call, place):
        path = self.fds.get(place, place) if isinstance(place, int) else place
        if call == self.name and self.hex in path and not self.is_mended:
            raise OSError(self.number, os.strerror(self.number))

    def make_directory(self, path):
        self._meets("make_directory", path)
        return super().make_directory(path)

    def names(self, path):
        self._meets("names", path)
        return super().names(path)

    def create(self, path):
        self._meets("create", path)
        return super().create(path)

    def open(self, path):
        self._meets("open", path)
        return super().open(path)

    def write(self, fd, data, position):
        self._meets("write", fd)
        return super().write(fd, data, position)

    def sync(self, fd):
        self._meets("sync", fd)
        return super().sync(fd)

    def sync_directory(self, path):
        self._meets("sync_directory", path)
        return super().sync_directory(path)

    def rename(self, old, new):
        self._meets("rename", old)
        return super().rename(old, new)

    def remove_tree(self, path):
        self._meets("remove_tree", path)
        return super().remove_tree(path)


@pytest.mark.parametrize("number", OWN_REASONS)
@pytest.mark.parametrize("call", ["make_directory", "names", "create", "write", "sync", "sync_directory"])
def test_a_broken_channel_is_parked_and_the_others_are_stored(start, call, number):
    disk = BrokenFor(call, number)
    storage = start(disk=disk)
    for index in range(4):
        storage.put(ref(1), b"broken %d" % index)
        storage.put(ref(2), b"well %d" % index)
    storage.barrier().result(PATIENCE_S)
    assert {stored.ref for stored in storage.stored} == {ref(2)}
    assert len(storage.stored) == 4
    assert storage.parked == [(ref(1).channel, number)]
    assert storage.errors == storage.unparked == []
    disk.is_mended = True
    assert storage.is_unparked.wait(PATIENCE_S)
    storage.put(ref(1), b"broken 4")
    storage.barrier().result(PATIENCE_S)
    found = {os.path.basename(os.path.dirname(path)): payloads_in(d) for path, d in disk.shown().items()}
    assert found == {
        ref(1).channel.hex(): [b"broken %d" % index for index in range(5)],
        ref(2).channel.hex(): [b"well %d" % index for index in range(4)],
    }
    assert storage.unparked == [ref(1).channel]
    assert [stored.ref for stored in storage.stored][4:] == [ref(1)] * 5
    assert all(inode.kept == inode.shown for inode in disk.inodes.values())


def test_a_file_in_the_place_of_a_channels_directory_stalls_nobody(start, tmp_path):
    broken = tmp_path / ref(1).channel.hex()
    broken.write_bytes(b"in the way")
    storage = start()
    storage.put(ref(1), b"one")
    storage.put(ref(2), b"two")
    storage.barrier().result(PATIENCE_S)
    assert [stored.ref for stored in storage.stored] == [ref(2)]
    assert storage.parked == [(ref(1).channel, errno.ENOTDIR)]
    broken.unlink()
    assert storage.is_unparked.wait(PATIENCE_S)
    (name,) = os.listdir(broken)
    assert payloads_in(read_file(broken / name)) == [b"one"]


def test_a_new_reason_is_told_and_the_same_one_is_not_told_again(start):
    disk = BrokenFor("write", errno.ELOOP)
    storage = start(disk=disk)
    storage.put(ref(1), b"one")
    assert storage.is_parked.wait(PATIENCE_S)
    while disk.log.count("create") + disk.log.count("open") < 6:  # several attempts were made
        storage.barrier().result(PATIENCE_S)
    storage.is_parked.clear()
    disk.number = errno.EACCES
    assert storage.is_parked.wait(PATIENCE_S)
    assert [number for _, number in storage.parked] == [errno.ELOOP, errno.EACCES]
    disk.is_mended = True


def test_a_full_disk_stalls_all_though_one_channel_is_parked(start):
    disk = BrokenFor("create", errno.EACCES)
    storage = start(disk=disk)
    storage.put(ref(1), b"one")
    storage.barrier().result(PATIENCE_S)
    disk._failures[disk.calls + 1] = errno.ENOSPC
    storage.put(ref(2), b"two")
    storage.barrier().result(PATIENCE_S)
    disk.is_mended = True
    assert storage.is_unparked.wait(PATIENCE_S)
    assert {stored.ref for stored in storage.stored} == {ref(1), ref(2)}
    assert storage.errors == [errno.ENOSPC]


def test_removing_a_parked_channel_drops_what_waits_for_it(start):
    storage = start(disk=BrokenFor("write", errno.ENOENT))
    storage.put(ref(1), b"one")
    storage.barrier().result(PATIENCE_S)
    storage.remove(ref(1).channel).result(PATIENCE_S)
    storage.put(ref(1), b"too late")
    storage.barrier().result(PATIENCE_S)
    storage.close()
    assert storage.stored == storage.unparked == []


def test_closing_says_what_could_not_be_stored_and_stores_the_rest():
    disk = BrokenFor("write", errno.ENOENT)
    storage = Watched(disk=disk, retry_s=PATIENCE_S)
    storage.start()
    storage.put(ref(1), b"one")
    storage.put(ref(2), b"two")
    with pytest.raises(FileNotFoundError):
        storage.close()
    assert [stored.ref for stored in storage.stored] == [ref(2)]


def test_closing_tries_what_is_parked_once_more():
    disk = BrokenFor("write", errno.ENOENT)
    storage = Watched(disk=disk, retry_s=PATIENCE_S)
    storage.start()
    storage.put(ref(1), b"one")
    storage.barrier().result(PATIENCE_S)
    disk.is_mended = True
    storage.close()
    assert [stored.ref for stored in storage.stored] == [ref(1)]


def test_a_broken_channel_takes_no_descriptor_from_the_others(start):
    disk = BrokenFor("sync", errno.ESTALE)
    storage = start(disk=disk, open_files=2, sync_interval_s=PATIENCE_S, retry_s=PATIENCE_S)
    storage.put(ref(3), b"the sync that this has is the last for long")
    storage.barrier().result(PATIENCE_S)
    for log in range(1, 9):
        storage.put(ref(1, log), b"x")
        storage.put(ref(2, log), b"y")
    storage.barrier().result(PATIENCE_S)
    assert sum(stored.ref.channel == ref(2).channel for stored in storage.stored) == 8
    assert disk.most_fds <= 2
    disk.is_mended = True
    storage.close()
    assert sum(stored.ref.channel == ref(1).channel for stored in storage.stored) == 8
    assert all(inode.kept == inode.shown for inode in disk.inodes.values())


# -- removing


def test_the_row_is_forgotten_when_the_files_are_out_of_the_way_and_before_they_are_unlinked(start):
    disk = MemoryDisk()
    storage = start(disk=disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    seen = []

    def forget():
        seen.append((disk.log[-2:], [os.path.dirname(path) for path in disk.shown()]))

    storage.remove(ref().channel, forget).result(PATIENCE_S)
    assert seen == [(["rename", "sync_directory"], [f"/archive/{ref().channel.hex()}.removed"])]
    assert disk.shown() == {}


class ForgetError(Exception):
    pass


def _cannot_forget():
    raise ForgetError


@pytest.mark.parametrize("is_dirty", [False, True])
def test_a_row_that_cannot_be_forgotten_keeps_its_files_and_goes_on(start, is_dirty):
    disk = MemoryDisk()
    storage = start(disk=disk, sync_interval_s=PATIENCE_S)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    if is_dirty:
        storage.put(ref(), b"two")
        storage.run_aside(lambda: None).result(PATIENCE_S)
    with pytest.raises(ForgetError):
        storage.remove(ref().channel, _cannot_forget).result(PATIENCE_S)
    storage.append(ref(), [b"three"], storage.stored.append, sync=Sync.NOW)
    storage.barrier().result(PATIENCE_S)
    (data,) = disk.shown().values()
    assert payloads_in(data) == ([b"one", b"two", b"three"] if is_dirty else [b"one", b"three"])
    assert len(storage.stored) == 2 + is_dirty
    assert all(inode.kept == inode.shown for inode in disk.inodes.values())


@pytest.mark.parametrize("call", ["rename", "remove_tree"])
def test_files_that_cannot_be_moved_away_keep_their_row(start, call):
    disk = BrokenFor(call, errno.EACCES)
    storage = start(disk=disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    forgotten = []
    with pytest.raises(PermissionError):
        storage.remove(ref().channel, lambda: forgotten.append(1)).result(PATIENCE_S)
    assert forgotten == []
    storage.put(ref(), b"two")
    storage.barrier().result(PATIENCE_S)
    assert [payloads_in(data) for data in disk.shown().values()] == [[b"one", b"two"]]


def test_files_that_cannot_be_unlinked_are_left_for_the_next_start(start):
    disk = MemoryDisk()
    storage = start(disk=disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    forgotten = []

    def forget():
        forgotten.append(1)
        disk._failures[disk.calls] = errno.EACCES

    storage.remove(ref().channel, forget).result(PATIENCE_S)
    assert forgotten == [1]
    assert [os.path.dirname(path) for path in disk.shown()] == [f"/archive/{ref().channel.hex()}.removed"]


class FullCatalogue:
    """There is room to forget once the files are gone, and *is_roomy*."""

    def __init__(self, disk, *, is_roomy=True):
        self.disk = disk
        self.is_roomy = is_roomy
        self.forgotten = []

    def forgets(self, name):
        def forget():
            if self.disk.shown() or not self.is_roomy:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.forgotten.append(name)

        return forget


def test_where_there_is_no_room_to_forget_the_files_are_unlinked_first(start):
    disk = MemoryDisk()
    storage = start(disk=disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    catalogue = FullCatalogue(disk)
    storage.remove(ref().channel, catalogue.forgets("it")).result(PATIENCE_S)
    assert catalogue.forgotten == ["it"]
    assert disk.log[-4:] == ["rename", "sync_directory", "empty_directory", "remove_tree"]
    assert disk.directories == {"/archive"}


def test_what_cannot_be_forgotten_even_then_is_with_the_next_removal_and_until_then_its_directory_tells(
    start,
):
    disk = MemoryDisk()
    storage = start(disk=disk)
    for number in (1, 2):
        storage.put(ref(number), b"one")
        storage.barrier().result(PATIENCE_S)
    catalogue = FullCatalogue(disk, is_roomy=False)
    storage.remove(ref(1).channel, catalogue.forgets("first")).result(PATIENCE_S)
    assert catalogue.forgotten == []
    assert f"/archive/{ref(1).channel.hex()}.removed" in disk.directories
    catalogue.is_roomy = True
    storage.remove(ref(2).channel, catalogue.forgets("second")).result(PATIENCE_S)
    assert sorted(catalogue.forgotten) == ["first", "second"]
    assert disk.directories == {"/archive"}


def test_what_could_not_be_forgotten_is_when_the_storage_closes(start):
    disk = MemoryDisk()
    storage = start(disk=disk)
    storage.put(ref(), b"one")
    storage.barrier().result(PATIENCE_S)
    catalogue = FullCatalogue(disk, is_roomy=False)
    storage.remove(ref().channel, catalogue.forgets("it")).result(PATIENCE_S)
    catalogue.is_roomy = True
    storage.close()
    assert catalogue.forgotten == ["it"]
    assert disk.directories == {"/archive"}


def test_whatever_has_the_channels_name_is_removed_but_not_what_it_leads_to(start, tmp_path):
    archive, elsewhere = tmp_path / "archive", tmp_path / "elsewhere"
    archive.mkdir()
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (archive / ref(1).channel.hex()).symlink_to(elsewhere)
    (archive / ref(2).channel.hex()).write_bytes(b"a file")
    (archive / ref(3).channel.hex() / "deeper").mkdir(parents=True)
    storage = start(archive=str(archive))
    for channel in (1, 2, 3):
        storage.remove(ref(channel).channel).result(PATIENCE_S)
    assert os.listdir(archive) == []
    assert os.listdir(elsewhere) == ["kept"]
