"""cctm.archive.device: the device key's file."""

import multiprocessing
import os
import stat

import pytest

from archive_fixtures import DEVICE, make_home, write_file
from cctm.archive.device import (
    NothingRecordedError,
    decode_device_file_untrusted,
    encode_device_file,
    load_device,
    load_or_create_device,
)
from cctm.home import HomeError
from cctm.protocol.errors import MalformedError


def test_what_was_created_is_loaded_again_and_is_private(home):
    made = load_or_create_device(home)
    assert load_device(home).seed == load_or_create_device(home).seed == made.seed
    assert stat.S_IMODE(os.stat(home.device_key).st_mode) == 0o600
    assert os.listdir(home.root).count("device.key") == len([n for n in os.listdir(home.root) if "key" in n])


def test_two_homes_get_two_keys(tmp_path):
    first, second = (load_or_create_device(make_home(tmp_path / name)) for name in "ab")
    assert first.seed != second.seed


def test_the_file_is_one_line_that_reads_back():
    data = encode_device_file(DEVICE.seed)
    assert data == b"cctm-device-0 " + DEVICE.seed.hex().encode() + b"\n"
    assert decode_device_file_untrusted(data) == DEVICE.seed


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data + b"\n",
        lambda data: data.upper(),
        lambda data: data.replace(b"device-0", b"device-1"),
        lambda data: data[:-2] + b"g\n",
    ],
)
def test_anything_else_is_refused_and_left_alone(home, change):
    data = change(encode_device_file(DEVICE.seed))
    with pytest.raises(MalformedError):
        decode_device_file_untrusted(data)
    write_file(home.device_key, data)
    with pytest.raises(HomeError, match="not a device key"):
        load_or_create_device(home)
    with open(home.device_key, "rb") as file:
        assert file.read() == data


def test_a_missing_key_is_not_made_by_loading(home):
    os.mkdir(os.path.join(home.archive, "00" * 32))
    with pytest.raises(HomeError, match="no device key"):
        load_device(home)
    assert not os.path.exists(home.device_key)


def test_where_nothing_was_recorded_yet_no_key_is_missing(home):
    with pytest.raises(NothingRecordedError, match="Nothing is recorded here yet"):
        load_device(home)
    assert not os.path.exists(home.device_key)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_key_that_others_can_read_or_write_is_refused(home, mode):
    load_or_create_device(home)
    os.chmod(home.device_key, mode)
    with pytest.raises(HomeError, match="Other users"):
        load_device(home)
    assert stat.S_IMODE(os.stat(home.device_key).st_mode) == mode


def test_a_key_of_somebody_else_is_refused(home, monkeypatch):
    load_or_create_device(home)
    uid = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    with pytest.raises(HomeError, match="another user"):
        load_device(home)


def test_a_fifo_in_its_place_is_refused_at_once(home):
    os.mkfifo(home.device_key, 0o600)
    with pytest.raises(HomeError, match="not a file"):
        load_or_create_device(home)


def test_a_link_that_leads_in_a_circle_is_refused(home):
    os.symlink(home.device_key, home.device_key)
    with pytest.raises(HomeError, match="cannot be read"):
        load_device(home)


def test_a_directory_that_is_gone_is_said_in_words(home):
    os.rmdir(home.archive)
    os.rmdir(home.state)
    os.rmdir(home.root)
    with pytest.raises(HomeError, match="cannot be made"):
        load_or_create_device(home)


def test_no_key_is_made_beside_what_another_one_sealed(home):
    channel = os.path.join(home.archive, "ab" * 32)
    os.mkdir(channel)
    with pytest.raises(HomeError, match=r"is missing, though there are terminals .* Restore it"):
        load_or_create_device(home)
    os.rmdir(channel)
    write_file(home.catalogue, b"not empty")
    with pytest.raises(HomeError, match="is missing, though there are terminals"):
        load_or_create_device(home)
    write_file(home.catalogue, b"")
    assert not os.path.exists(home.device_key)
    assert load_or_create_device(home).seed == load_device(home).seed


def test_an_archive_that_cannot_be_looked_into_is_said_in_words(home):
    os.rmdir(home.archive)
    write_file(home.archive, b"")
    with pytest.raises(HomeError, match="cannot be read"):
        load_or_create_device(home)


def test_whoever_looks_while_another_makes_key_and_catalogue_takes_that_key(home, monkeypatch):
    exists = os.path.exists

    def somebody_is_faster(path):
        monkeypatch.setattr(os.path, "exists", exists)
        write_file(home.device_key, encode_device_file(DEVICE.seed))
        write_file(home.catalogue, b"not empty")
        return exists(path)

    monkeypatch.setattr(os.path, "exists", somebody_is_faster)
    assert load_or_create_device(home).seed == DEVICE.seed


def test_a_full_disk_leaves_no_part_of_a_key(home, monkeypatch):
    monkeypatch.setattr(os, "write", lambda _fd, data: len(data) - 1)
    with pytest.raises(HomeError, match="cannot be made"):
        load_or_create_device(home)
    assert not [name for name in os.listdir(home.root) if "key" in name]


def test_whoever_is_second_takes_the_key_of_the_first(home, monkeypatch):
    fsync = os.fsync

    def somebody_is_faster(fd):
        monkeypatch.setattr(os, "fsync", fsync)
        write_file(home.device_key, encode_device_file(DEVICE.seed))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", somebody_is_faster)
    assert load_or_create_device(home).seed == DEVICE.seed
    assert [name for name in os.listdir(home.root) if "key" in name] == ["device.key"]


def _create(root, results):
    results.put(load_or_create_device(make_home(root)).seed)


def test_processes_that_create_it_at_once_have_one_key(home):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_create, args=(home.root, results)) for _ in range(3)]
    for process in processes:
        process.start()
    seeds = {results.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert seeds == {load_device(home).seed}
    assert [name for name in os.listdir(home.root) if "key" in name] == ["device.key"]
