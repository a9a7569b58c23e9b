"""cctm.archive.removing: what a crash left of a removal."""

import errno
import os

import pytest

from archive_fixtures import DEVICE, WALL_US, drawn, make_home, small_recording
from cctm.archive.catalogue import About, Catalogue
from cctm.archive.disk import Disk
from cctm.archive.files import list_channels, removed_channels
from cctm.archive.rebuild import open_or_rebuild
from cctm.archive.removing import finish_removals
from cctm.protocol.keys import ChannelId

ABOUT = About("work", (b"bash",), b"/", WALL_US)
ONE, TWO = (small_recording(number=number) for number in (1, 2))


@pytest.fixture
def home(tmp_path):
    home = make_home(tmp_path / "home")
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    for recording in (ONE, TWO):
        recording.write(home)
        catalogue.put_about(recording.channel, ABOUT)
        catalogue.put_writer(recording.channel, recording.writer_key.seed)
    catalogue.close()
    return home


def directory(home, recording):
    return os.path.join(home.archive, recording.channel.hex())


def interrupt(home, recording):
    os.rename(directory(home, recording), directory(home, recording) + ".removed")


def test_a_start_finishes_a_removal_with_its_row(home):
    interrupt(home, ONE)
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert rebuilt is None
    assert catalogue.abouts() == [(TWO.channel, ABOUT)]
    assert catalogue.writer(ONE.channel) is None
    catalogue.close()
    assert os.listdir(home.archive) == [TWO.channel.hex()]


def test_a_rebuild_does_not_bring_back_what_was_removed(home):
    interrupt(home, ONE)
    os.unlink(home.catalogue)
    catalogue = open_or_rebuild(home, DEVICE).catalogue
    assert [channel for channel, _ in catalogue.abouts()] == [TWO.channel]
    catalogue.close()
    assert os.listdir(home.archive) == [TWO.channel.hex()]


def test_a_channel_that_was_begun_again_keeps_its_row(home):
    os.mkdir(directory(home, ONE) + ".removed")
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    assert finish_removals(home.archive, catalogue) == {}
    assert len(catalogue.abouts()) == 2
    catalogue.close()
    assert len(os.listdir(home.archive)) == 2


class Stubborn(Disk):
    def remove_tree(self, path):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def test_what_cannot_be_unlinked_is_forgotten_all_the_same_and_told(home):
    interrupt(home, ONE)
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    failed = finish_removals(home.archive, catalogue, Stubborn())
    assert {channel: error.errno for channel, error in failed.items()} == {ONE.channel: errno.EACCES}
    assert catalogue.abouts() == [(TWO.channel, ABOUT)]
    assert finish_removals(home.archive, catalogue) == {}
    catalogue.close()


class FullCatalogue:
    """It has room to forget once the files of *directory* are gone, and *is_roomy*."""

    def __init__(self, directory, *, is_roomy):
        self.directory = directory
        self.is_roomy = is_roomy
        self.forgotten = []

    def forget(self, channel):
        if not self.is_roomy or os.listdir(self.directory):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.forgotten.append(channel)


def test_on_a_full_disk_a_start_unlinks_first_and_keeps_the_directory_until_it_can_forget(home):
    interrupt(home, ONE)
    removed = directory(home, ONE) + ".removed"
    catalogue = FullCatalogue(removed, is_roomy=False)
    failed = finish_removals(home.archive, catalogue)
    assert {channel: error.errno for channel, error in failed.items()} == {ONE.channel: errno.ENOSPC}
    assert os.listdir(removed) == []
    catalogue.is_roomy = True
    assert finish_removals(home.archive, catalogue) == {}
    assert catalogue.forgotten == [ONE.channel]
    assert os.listdir(home.archive) == [TWO.channel.hex()]


def test_making_room_follows_no_link(home, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    os.symlink(tmp_path / "elsewhere", tmp_path / "link")
    Disk().empty_directory(str(tmp_path / "link"))
    assert os.listdir(tmp_path / "elsewhere") == ["kept"]


def test_only_what_we_would_have_named_is_removed(home):
    names = [".removed", "x.removed", "AB" * 32 + ".removed", "ab" * 31 + ".removed"]
    for name in names:
        os.mkdir(os.path.join(home.archive, name))
    assert removed_channels(home.archive) == []
    os.rmdir(os.path.join(home.archive, names[0]))
    assert removed_channels(os.path.join(home.archive, "nowhere")) == []


def test_what_is_no_directory_is_no_channel(home):
    channel = ChannelId(drawn("a file"))
    open(os.path.join(home.archive, channel.hex()), "w").close()
    os.symlink(directory(home, ONE), os.path.join(home.archive, drawn("a link").hex()))
    assert list_channels(home.archive) == sorted([ONE.channel, TWO.channel])
