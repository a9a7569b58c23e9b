"""cctm.archive.reader: the tail, the end of the output without the history."""

import os

import pytest

from archive_fixtures import (
    Recording,
    change_file,
    drawn,
    early_checkpoint,
    read_file,
    small_recording,
    text_of,
    two_generations,
    write_file,
)
from cctm.archive import reader
from cctm.archive.fold import NO_STREAM
from cctm.archive.reader import Archive
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Input
from cctm.protocol.keys import DeviceKeys


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(reader, "_TAIL_BYTES", 300)


def test_the_tail_is_the_end_of_the_output_however_long(archive, home, small_steps):
    recording = small_recording(40)
    for index in range(10):
        recording.keyframe(recording.stream)
        recording.output(b"after keyframe %d\r\n" % index)
    recording.write(home, segment_bytes=2_000)
    text = text_of(archive, recording.channel)
    for size in (0, 1, 10, 100, 300, len(text), len(text) + 1):
        tail = archive.tail(recording.channel, size)
        assert tail.data == (text[-size:] if size else b"")
        assert (tail.stream, tail.end) == (recording.stream, len(text))


def test_the_tail_reaches_back_over_logs(archive, home, small_steps):
    recording = two_generations()
    recording.begin()
    recording.write(home)
    for size in (3, 8, 13, 18, 99):
        assert archive.tail(recording.channel, size).data == b"first second third"[-size:]


def test_the_tail_ends_where_its_stream_began(archive, home, small_steps):
    recording = two_generations()
    recording.begin(started=False)
    recording.stream, recording.offset = drawn("second stream", size=16), 0
    recording.opened()
    recording.output(b"of the second program")
    recording.write(home)
    assert archive.tail(recording.channel, 1_000).data == b"of the second program"


def test_a_terminal_without_output_has_an_empty_tail(archive, home):
    recording = Recording()
    recording.begin()
    recording.write(home)
    assert archive.tail(recording.channel, 100) == reader.Tail(NO_STREAM, 0, b"")


def test_the_tail_reads_the_end_and_not_the_history(archive, home, monkeypatch):
    recording = small_recording(0)
    for index in range(300):
        recording.output(drawn("history", index, size=8_000))
        if index % 50 == 49:
            recording.keyframe(recording.stream)
    recording.output(b"the end")
    recording.write(home, segment_bytes=500_000)
    read = []
    pread = os.pread

    def counting(fd, size, position):
        data = pread(fd, size, position)
        read.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    assert archive.tail(recording.channel, 7).data == b"the end"
    assert sum(read) < archive.bytes_on_disk(recording.channel) / 2


class Counting:
    """What is read from segments."""

    def __init__(self, monkeypatch):
        self.total = 0
        self._pread = os.pread
        monkeypatch.setattr(os, "pread", self._counting)

    def _counting(self, fd, size, position):
        data = self._pread(fd, size, position)
        self.total += len(data)
        return data

    def during(self, act):
        self.total = 0
        return act(), self.total


def large(outputs=1_500):
    recording = small_recording(0)
    for index in range(outputs):
        recording.output(drawn("history", index, size=8_000))
    return recording


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("segment_bytes", [64 << 20, 700_000])
def test_what_the_tail_reads_depends_on_what_is_asked_for_and_not_on_the_log(
    archive, home, monkeypatch, segment_bytes, is_known
):
    recording = large()
    recording.write(home, segment_bytes)
    if is_known:
        early_checkpoint(home, recording)
    counting = Counting(monkeypatch)
    for size, most in ((0, 700_000), (1, 700_000), (8_000, 700_000), (500_000, 3_500_000)):
        tail, read = counting.during(lambda size=size: archive.tail(recording.channel, size))
        assert (tail.stream, tail.end, len(tail.data)) == (recording.stream, recording.offset, size)
        assert read < most
    whole = b"".join(drawn("history", index, size=8_000) for index in range(1_400, 1_500))
    assert archive.tail(recording.channel, 500_000).data == whole[-500_000:]


def test_thin_output_is_not_looked_for_through_all_that_was_recorded(archive, home, monkeypatch):
    monkeypatch.setattr(reader, "_TAIL_LIMIT_BYTES", 300_000)
    recording = small_recording(3)
    for index in range(800):
        recording.add(EntryKind.DATA, Input(0, recording.writer_key.public, 8_000, drawn(index, size=8_000)))
    recording.write(home)
    size = archive.bytes_on_disk(recording.channel)
    counting = Counting(monkeypatch)
    for wanted in (0, 10):
        tail, read = counting.during(lambda wanted=wanted: archive.tail(recording.channel, wanted))
        assert (tail.stream, tail.data) == (recording.stream, b"")
        assert read < size / 2


def test_a_keyframe_says_where_a_stream_is_that_has_no_output_here(archive, home):
    recording = two_generations()
    recording.begin()
    recording.write(home)
    assert archive.tail(recording.channel, 0) == reader.Tail(recording.stream, recording.offset, b"")


def test_a_torn_end_larger_than_the_first_step_does_not_hide_the_output(archive, home, small_steps):
    recording = small_recording(20)
    (path,) = recording.write(home)
    whole = read_file(path)
    write_file(path, whole + b"\0\0\xff\0" + bytes(3_000))
    tail = archive.tail(recording.channel, 8)
    assert (tail.data, tail.end) == (b"ine 19\r\n", recording.offset)


def test_the_tail_of_a_later_epoch_is_found_by_its_grant(archive, home, small_steps):
    recording = small_recording(3)
    recording.rotate()
    for index in range(30):
        recording.output(b"new %d\r\n" % index)
        if index % 10 == 0:
            recording.keyframe(recording.stream)
    recording.write(home, segment_bytes=1_500)
    assert archive.tail(recording.channel, 8).data == b"new 29\r\n"


def test_the_tail_without_any_key_is_empty(home, small_steps):
    recording = small_recording(20)
    recording.device = None
    recording.write(home)
    stranger = Archive(home, DeviceKeys.from_seed(drawn("stranger")))
    assert stranger.tail(recording.channel, 10).data == b""


def test_the_tail_of_a_log_of_which_nobody_knows_the_writer_is_empty(archive, home, small_steps):
    recording = small_recording(20)
    (path,) = recording.write(home)
    change_file(path, lambda data: data.__setitem__(20, data[20] ^ 1))
    assert archive.tail(recording.channel, 10).data == b""


def test_a_tail_that_ends_inside_the_last_record_is_found_by_going_further_back(archive, home, monkeypatch):
    monkeypatch.setattr(reader, "_TAIL_BYTES", 20)
    recording = small_recording(3)
    recording.write(home)
    assert archive.tail(recording.channel, 6).data == b"ne 2\r\n"
