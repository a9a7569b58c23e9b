"""At rest nothing can be read without the device key, and nobody else may look."""

import base64
import os
import stat
import zlib

import pytest
import zstandard

from archive_fixtures import DEVICE, Recording, make_home
from cctm.archive.catalogue import About, Catalogue
from cctm.archive.device import load_or_create_device
from cctm.archive.reader import Archive
from cctm.archive.rebuild import rebuild
from cctm.archive.storage import Storage
from cctm.home import HomeError
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Input, Marked, Renamed

MARKERS = {
    "name": b"marker-of-the-name",
    "command": b"marker-of-the-command",
    "directory": b"/marker/of/the/directory",
    "output": b"marker-of-the-output",
    "label": b"marker-of-the-label",
    "new name": b"marker-of-the-new-name",
    "input": b"marker-of-the-input",
}


def views(data):
    """*data* as somebody might look at it: as it is, and whatever in it can be decompressed."""
    yield data
    for position in range(len(data)):
        if data.startswith(b"\x28\xb5\x2f\xfd", position):
            with zstandard.ZstdDecompressor().stream_reader(
                data[position:], read_across_frames=False
            ) as reader:
                try:
                    yield reader.read(1 << 20)
                except zstandard.ZstdError:
                    continue
        for wbits in (
            (zlib.MAX_WBITS, -zlib.MAX_WBITS) if data[position : position + 1] in b"\x78\x4b\xcb" else ()
        ):
            try:
                yield zlib.decompressobj(wbits).decompress(data[position:], 1 << 20)
            except zlib.error:
                continue


def disguises(marker):
    yield marker
    yield marker.hex().encode()
    yield marker.decode().encode("utf-16-le")
    yield marker[::-1]
    for shift in range(3):
        yield base64.b64encode(bytes(shift) + marker)[4:-4]


@pytest.fixture
def home(tmp_path):
    """A home in which a terminal was recorded, catalogued, and its catalogue rebuilt once."""
    home = make_home(tmp_path / "home")
    device = load_or_create_device(home)
    recording = Recording(device=device, name=MARKERS["name"].decode())
    recording.begin()
    recording.opened((MARKERS["command"],), MARKERS["directory"])
    recording.output(MARKERS["output"])
    recording.output(MARKERS["output"] * 100)
    recording.add(
        EntryKind.DATA,
        Marked(0, MARKERS["label"].decode()),
        Renamed(0, MARKERS["new name"].decode()),
        Input(0, b"", 5, MARKERS["input"]),
    )
    recording.name = MARKERS["new name"].decode()
    recording.keyframe(recording.stream)
    storage = Storage(home.archive, on_stalled=print, on_resumed=print)
    storage.start()
    storage.append(recording.logs[0].ref, recording.logs[0].payloads)
    storage.close()
    catalogue = Catalogue.open(home.catalogue, device.wrap_key)
    catalogue.put_about(
        recording.channel,
        About(MARKERS["name"].decode(), (MARKERS["command"],), MARKERS["directory"], 1),
    )
    catalogue.put_writer(recording.channel, recording.writer_key.seed)
    catalogue.put_epoch(recording.channel, recording.epoch)
    catalogue.close()
    rebuild(home, device)
    home_files = [
        os.path.join(directory, name) for directory, _, names in os.walk(home.root) for name in names
    ]
    return home, recording, home_files


def secret_files(home, files):
    return [path for path in files if path != home.device_key]


def test_no_marker_is_in_any_file_however_it_is_looked_at(home):
    place, _, files = home
    assert len(files) >= 4
    for path in secret_files(place, files):
        with open(path, "rb") as file:
            data = file.read()
        for view in views(data):
            for what, marker in MARKERS.items():
                assert not any(disguise in view for disguise in disguises(marker)), (what, path)


def test_the_search_would_find_a_marker_that_was_there():
    marker = MARKERS["output"]
    for data in (
        b"x" + zstandard.compress(marker * 9),
        b"y" + zlib.compress(marker * 9),
        base64.b64encode(b"zz" + marker),
    ):
        assert any(disguise in view for view in views(data) for disguise in disguises(marker))


def test_no_secret_is_in_any_file_but_the_device_key(home):
    place, recording, files = home
    device = load_or_create_device(place)
    secrets = [device.seed, device.wrap_key, recording.writer_key.seed, recording.epoch.secret]
    for path in secret_files(place, files):
        with open(path, "rb") as file:
            data = file.read()
        assert not any(secret in data or secret.hex().encode() in data for secret in secrets), path


def test_with_the_device_key_all_of_it_can_be_read(home):
    place, recording, _ = home
    archive = Archive(place)
    (terminal,) = archive.terminals()
    assert terminal.about.name == MARKERS["new name"].decode()
    assert terminal.about.argv == (MARKERS["command"],)
    assert archive.tail(recording.channel, 20).data == MARKERS["output"][-20:]


def test_no_file_and_no_directory_can_be_entered_by_others(home):
    place, _, files = home
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in files} == {0o600}
    directories = [directory for directory, _, _ in os.walk(place.root)]
    assert {stat.S_IMODE(os.stat(path).st_mode) for path in directories} == {0o700}


def test_another_device_sees_that_something_is_there_and_no_more(home):
    place, recording, _ = home
    archive = Archive(place, DEVICE)
    with pytest.raises(HomeError, match="device key is not the one"):
        archive.terminals()
    os.unlink(place.catalogue)
    assert archive.terminals() == []
    assert archive.tail(recording.channel, 1_000).data == b""
