"""cctm.archive.reader: reading without the daemon."""

import os

import pytest

from archive_fixtures import (
    DEVICE,
    change_file,
    drawn,
    early_checkpoint,
    make_home,
    read_file,
    record_spans,
    small_recording,
    text_of,
    two_generations,
    write_file,
)
from cctm.archive import reader
from cctm.archive.catalogue import About, Catalogue, State
from cctm.archive.device import encode_device_file
from cctm.archive.files import list_channels, list_files
from cctm.archive.finding import Fault, Finding
from cctm.archive.fold import Hole
from cctm.archive.reader import Archive, Terminal
from cctm.archive.targets import NoSuchTerminalError
from cctm.home import HomeError
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Gap, LogHead, Opened
from cctm.protocol.keys import ChannelId


@pytest.fixture
def home(tmp_path):
    home = make_home(tmp_path / "home")
    write_file(home.device_key, encode_device_file(DEVICE.seed))
    return home


@pytest.fixture
def archive(home):
    return Archive(home)


def test_without_a_device_key_there_is_no_archive(tmp_path):
    with pytest.raises(HomeError, match="Nothing is recorded here yet"):
        Archive(make_home(tmp_path / "other"))


def test_entries_come_opened_in_the_order_of_generation_and_seq(archive, home):
    recording = two_generations()
    recording.write(home, segment_bytes=500)
    entries = list(archive.entries(recording.channel))
    assert [(entry.spot.ref.generation, entry.seq) for entry in entries] == [
        *((1, seq) for seq in range(6)),
        *((2, seq) for seq in range(4)),
    ]
    assert {entry.writer for entry in entries} == {recording.writer_key.public}
    assert [entry.kind for entry in entries[:3]] == [EntryKind.OPEN, EntryKind.GRANT, EntryKind.KEYFRAME]
    assert isinstance(entries[3].events[0], Opened)


def test_logs_of_one_generation_are_ordered_by_their_id(archive, home):
    recording = small_recording()
    for clone in range(4):
        recording.begin(2, clone=clone, offset=0)
    recording.write(home)
    logs = [log.ref for log in archive.logs(recording.channel)]
    assert logs[1:] == sorted(logs[1:], key=lambda ref: ref.log)


def test_the_output_comes_out_once_over_all_logs(archive, home):
    recording = two_generations()
    recording.write(home)
    assert list(archive.fold_output(recording.channel)) == [b"first ", b"second ", b"third"]


def test_what_a_crash_damaged_is_filled_from_what_the_next_log_repeats(archive, home):
    recording = small_recording(0)
    for piece in (b"aaaa", b"bbbb", b"cccc"):
        recording.output(piece)
    recording.begin(offset=4)
    recording.output(b"bbbbccccdddd")
    first, _ = recording.write(home)
    start, _ = record_spans(read_file(first))[5]
    change_file(first, lambda data: data.__setitem__(start + 50, data[start + 50] ^ 1))
    pieces = list(archive.fold_output(recording.channel))
    assert b"".join(pieces) == b"aaaabbbbccccdddd"


def test_damage_is_handed_out_between_the_entries_and_the_rest_is_read(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    start, _ = record_spans(read_file(path))[5]
    change_file(path, lambda data: data.__setitem__(start + 50, data[start + 50] ^ 1))
    entries = list(archive.entries(recording.channel))
    assert [entry.fault for entry in entries if isinstance(entry, Finding)] == [Fault.DAMAGED, Fault.MISSING]
    pieces = list(archive.fold_output(recording.channel))
    assert pieces[1] == Hole(recording.stream, 8, 8, declared=False)
    assert text_of(archive, recording.channel) == b"line 0\r\nline 2\r\nline 3\r\n"


def test_reading_needs_no_catalogue_and_makes_none(archive, home):
    recording = two_generations()
    recording.write(home)
    assert text_of(archive, recording.channel) == b"first second third"
    archive.terminals()
    assert not os.path.exists(home.catalogue)


def put_about(home, channel, about):
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_about(channel, about)
    catalogue.close()


def test_terminals_are_those_of_the_catalogue(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    about = About("in the catalogue", (b"x",), b"/", 7)
    put_about(home, recording.channel, about)
    assert archive.terminals() == [Terminal(recording.channel, about, os.path.getsize(path))]


def test_without_a_usable_catalogue_terminals_are_those_of_the_segments(archive, home):
    one, two = small_recording(number=1), small_recording(number=2)
    two.closed(3)
    for recording in (one, two):
        recording.write(home)
    for _ in range(2):
        found = {terminal.channel: terminal.about for terminal in archive.terminals()}
        assert {channel: about.state for channel, about in found.items()} == {
            one.channel: State.RUNNING,
            two.channel: State.ENDED,
        }
        assert {about.name for about in found.values()} == {"work"}
        write_file(home.catalogue, b"damaged" * 1_000)


def test_an_archive_that_was_never_written_to_is_empty(archive, home):
    os.rmdir(home.archive)
    assert archive.terminals() == []
    assert list(archive.entries(ChannelId(drawn("none")))) == []
    assert archive.tail(ChannelId(drawn("none")), 10).data == b""


def test_files_that_are_none_of_ours_are_no_channels(home):
    for name in ("x", "ab" * 31, "AB" * 32, "ab" * 32 + ".removed"):
        os.mkdir(os.path.join(home.archive, name))
    assert list_channels(home.archive) == []
    assert list_files(home.archive, ChannelId(drawn("none"))).logs == ()


def test_a_file_removed_while_its_size_is_asked_for_counts_nothing(archive, home, monkeypatch):
    recording = two_generations()
    first, second = recording.write(home)
    size = os.path.getsize(second)
    listed = list_files(home.archive, recording.channel)
    os.unlink(first)
    monkeypatch.setattr(reader, "list_files", lambda _archive, _channel: listed)
    assert archive.bytes_on_disk(recording.channel) == size


def test_the_archive_resolves_names_and_ids_among_its_terminals(archive, home):
    recording = small_recording()
    recording.write(home)
    assert archive.resolve("work").channel == recording.channel
    assert archive.resolve(recording.channel.hex()[:4]).channel == recording.channel
    with pytest.raises(NoSuchTerminalError):
        archive.resolve(recording.channel.hex()[:3])


def test_what_was_cut_off_since_it_was_known_is_named_and_missing_from_the_output(archive, home):
    recording = two_generations()
    _, path = recording.write(home)
    early_checkpoint(home, recording)
    assert not [entry for entry in archive.entries(recording.channel) if isinstance(entry, Finding)]
    start, _ = record_spans(read_file(path))[-1]
    write_file(path, read_file(path)[:start])
    last = list(archive.entries(recording.channel))[-1]
    assert (last.fault, last.seq, last.is_note) == (Fault.ROLLED_BACK, 3, False)
    pieces = list(archive.fold_output(recording.channel))
    assert pieces == [b"first ", b"second ", Hole(recording.stream, 13, 5, declared=False)]


def test_a_log_of_which_all_files_are_gone_is_named_and_missing_from_the_output(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    early_checkpoint(home, recording)
    os.unlink(path)
    (found,) = archive.entries(recording.channel)
    assert (found.fault, found.is_note) == (Fault.LOG_MISSING, False)
    assert list(archive.fold_output(recording.channel)) == [
        Hole(recording.stream, 0, recording.offset, declared=False)
    ]


def test_a_shorter_log_that_was_gone_on_from_is_a_note(archive, home):
    recording = small_recording()
    recording.write(home)
    early_checkpoint(home, recording)
    log = recording.logs[0]
    lost = log.sealed.pop()
    recording.begin(2, LogHead(log.ref.log, len(log.sealed), lost.prev), offset=0)
    recording.write(home)
    last = list(archive.entries(recording.channel))[-1]
    assert (last.fault, last.is_note) == (Fault.RECOVERED, True)


def test_where_a_gap_of_unknown_length_ends_the_record_nothing_is_said_of_its_end(archive, home):
    recording = small_recording()
    recording.add(EntryKind.DATA, Gap(0, recording.offset, None))
    recording.write(home)
    early_checkpoint(home, recording)
    *_, last = archive.fold_output(recording.channel)
    assert last == Hole(recording.stream, recording.offset, None, declared=True)
