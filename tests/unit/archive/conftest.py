"""What the archive's tests share."""

import subprocess

import pytest


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
