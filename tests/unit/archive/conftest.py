"""What the archive's tests share."""

import subprocess

import pytest

from archive_fixtures import DEVICE, make_home
from cctm.archive.reader import Archive
from memory_disk import MemoryDisk
from watched_storage import Watched


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def archive(home):
    return Archive(home, DEVICE)


@pytest.fixture
def start(tmp_path):
    """Start a storage on tmp_path, or on another disk; closed at the end."""
    running = []

    def begin(disk=None, archive=None, **options):
        usual = "/archive" if isinstance(disk, MemoryDisk) else str(tmp_path)
        storage = Watched(archive or usual, disk=disk, **options)
        running.append(storage)
        storage.start()
        return storage

    yield begin
    for storage in running:
        storage.close()


@pytest.fixture
def small_file_system(tmp_path):
    """A file system of one mebibyte, where that may be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a file system is not permitted here")
    yield str(place)
    subprocess.run(["umount", str(place)], check=True)
