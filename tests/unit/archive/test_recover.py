"""cctm.archive.recover: how far the newest log goes."""

import os

import pytest

from archive_fixtures import (
    DEVICE,
    Recording,
    change_file,
    drawn,
    read_file,
    record_spans,
    small_recording,
    write_file,
    write_log,
)
from cctm.archive.disk import Disk
from cctm.archive.finding import Fault
from cctm.archive.opening import Opener
from cctm.archive.recover import StreamPosition, recover_channel
from cctm.archive.segment import MAGIC
from cctm.archive.storage import LogRef
from cctm.protocol.entry import EntryKind, encode_record
from cctm.protocol.events import Gap, How, Keyframe, LogHead, Marked, Opened, Output
from cctm.protocol.keys import WriterKey
from cctm.protocol.log_writer import LogWriter
from memory_disk import MemoryDisk


def recovered(home, recording, checkpoints=(), secrets=(), owner=None, disk=None):
    opener = Opener(recording.channel, DEVICE, secrets)
    return recover_channel(home.archive, recording.channel, list(checkpoints), opener, owner, disk)


def from_checkpoint(home, recording, checkpoint, **options):
    return recovered(home, recording, [checkpoint], recording.secrets, recording.writer_key.public, **options)


def head_of(recording):
    return LogHead(recording.writer.log, recording.writer.size, recording.writer.head)


def test_a_channel_without_files_has_nothing_to_recover(home):
    assert recovered(home, Recording()) is None


def test_the_newest_log_is_taken_stock_of(home):
    recording = small_recording()
    recording.begin(offset=recording.offset)
    recording.output(b"more")
    recording.keyframe(recording.stream)
    paths = recording.write(home, segment_bytes=900)
    found = recovered(home, recording)
    assert found.predecessor == head_of(recording)
    assert found.next_generation == 3
    known = found.checkpoint
    assert (known.ref, known.stream, known.stream_offset) == (
        recording.logs[1].ref,
        recording.stream,
        recording.offset,
    )
    assert (known.segment, known.position) == (int(paths[-1][-10:-4]), len(read_file(paths[-1])))
    assert not known.closed
    assert [place.seq for place in found.keyframes] == [2, 4]
    assert found.findings == ()


def test_keyframes_are_where_they_are_said_to_be(home):
    recording = small_recording()
    recording.keyframe(recording.stream)
    (path,) = recording.write(home)
    spans = record_spans(read_file(path))
    assert [place.position for place in recovered(home, recording).keyframes] == [spans[2][0], spans[-1][0]]


def test_an_ended_terminal_is_closed(home):
    recording = small_recording()
    recording.closed()
    recording.write(home)
    assert recovered(home, recording).checkpoint.closed


def test_how_the_program_ended_is_recovered_with_and_without_a_checkpoint(home):
    recording = small_recording()
    recording.write(home)
    running = recovered(home, recording)
    assert running.ended is None
    recording.closed(7)
    recording.write(home)
    assert recovered(home, recording).ended == (How.EXITED, 7)
    found = from_checkpoint(home, recording, running.checkpoint)
    assert found.ended == (How.EXITED, 7)
    assert from_checkpoint(home, recording, found.checkpoint).ended == (How.EXITED, 7)


def test_the_end_of_an_earlier_stream_is_not_that_of_the_one_in_force(home):
    recording = small_recording()
    recording.closed(7)
    recording.stream, recording.offset = drawn("again", size=16), 0
    recording.opened()
    recording.write(home)
    assert recovered(home, recording).ended is None


def torn_before_its_keyframe(recording):
    """A generation of which only open and grant are on disk."""
    log = recording.begin()
    del log.sealed[2:]
    return log


def test_a_log_without_a_keyframe_leaves_the_stream_to_the_log_before_it(home):
    recording = small_recording()
    recording.closed(7)
    log = torn_before_its_keyframe(recording)
    recording.write(home)
    found = recovered(home, recording)
    assert (found.checkpoint.ref, found.predecessor.size, found.next_generation) == (log.ref, 2, 3)
    assert (found.checkpoint.stream, found.checkpoint.stream_offset) == (recording.stream, 32)
    assert found.ended == (How.EXITED, 7)
    assert [place.ref.generation for place in found.keyframes] == [1]
    assert found.findings == ()
    again = recovered(home, recording, [found.checkpoint], recording.secrets, recording.writer_key.public)
    assert again.checkpoint == found.checkpoint


def test_output_behind_a_damaged_keyframe_goes_on_from_the_log_before_it(home):
    recording = small_recording()
    recording.begin()
    recording.output(b"more")
    _, path = recording.write(home)
    start, _ = record_spans(read_file(path))[2]
    change_file(path, lambda data: data.__setitem__(start + 120, data[start + 120] ^ 1))
    found = recovered(home, recording)
    assert (found.checkpoint.stream, found.checkpoint.stream_offset) == (recording.stream, 36)
    assert found.predecessor == head_of(recording)


def test_where_no_log_names_a_stream_there_is_none(home):
    recording = Recording()
    torn_before_its_keyframe(recording)
    recording.write(home)
    found = recovered(home, recording)
    assert (found.checkpoint.stream, found.checkpoint.stream_offset, found.predecessor.size) == (None, 0, 2)


def test_from_a_checkpoint_on_only_what_follows_is_read(home):
    recording = small_recording()
    recording.write(home)
    checkpoint = recovered(home, recording).checkpoint
    recording.output(b"since")
    recording.keyframe(recording.stream)
    (path,) = recording.write(home)
    change_file(
        path, lambda data: data.__setitem__(slice(400, checkpoint.position), bytes(checkpoint.position - 400))
    )
    found = from_checkpoint(home, recording, checkpoint)
    assert found.predecessor == head_of(recording)
    assert found.checkpoint.stream_offset == recording.offset
    assert len(found.keyframes) == 1
    assert found.findings == ()


def test_nothing_new_needs_no_sync(home):
    recording = small_recording()
    recording.closed()
    recording.write(home)
    checkpoint = recovered(home, recording).checkpoint
    untouched = MemoryDisk()
    found = from_checkpoint(home, recording, checkpoint, disk=untouched)
    assert found.checkpoint == checkpoint
    assert untouched.calls == 0


class Watched(Disk):
    def __init__(self):
        self.synced = []

    def sync(self, fd):
        super().sync(fd)
        self.synced.append(os.readlink(f"/proc/self/fd/{fd}"))

    def sync_directory(self, path):
        super().sync_directory(path)
        self.synced.append(path)


def test_what_is_reported_was_synchronised_first(home):
    recording = small_recording()
    (path,) = recording.write(home)
    disk = Watched()
    recovered(home, recording, disk=disk)
    assert disk.synced == [path, os.path.dirname(path), home.archive]


def test_every_segment_behind_the_checkpoint_is_synchronised(home):
    recording = small_recording(20)
    paths = recording.write(home, segment_bytes=900)
    disk = Watched()
    found = recovered(home, recording, disk=disk)
    assert len(paths) > 3
    assert disk.synced[:-2] == paths
    recording.output(drawn("x", size=2_000))
    recording.output(b"y")
    more = recording.write(home, segment_bytes=900)
    assert len(more) > len(paths)
    disk = Watched()
    from_checkpoint(home, recording, found.checkpoint, disk=disk)
    assert disk.synced[:-2] == more[len(paths) - 1 :]


def test_a_checkpoint_without_the_secrets_or_the_writer_still_recovers(home):
    recording = small_recording()
    recording.rotate()
    recording.write(home)
    checkpoint = recovered(home, recording).checkpoint
    recording.output(b"since")
    recording.write(home)
    for secrets in ((), recording.secrets[:1], recording.secrets):
        found = recovered(home, recording, [checkpoint], secrets)
        assert found.predecessor == head_of(recording)
        assert found.checkpoint.stream_offset == recording.offset
        assert found.findings == ()


def test_a_torn_tail_is_cut_at_whatever_byte_it_was_torn(home):
    recording = small_recording()
    recording.output(b"the last one")
    (path,) = recording.write(home)
    whole = read_file(path)
    start, end = record_spans(whole)[-1]
    head = LogHead(recording.writer.log, recording.writer.size - 1, recording.logs[0].sealed[-1].prev)
    for size in range(start, end):
        write_file(path, whole[:size])
        found = recovered(home, recording)
        assert found.predecessor == head
        assert found.checkpoint.position == start
        assert [finding.fault for finding in found.findings] == ([] if size == start else [Fault.TORN])
        assert read_file(path) == whole[:start]


def test_damage_is_never_cut_and_the_stream_goes_on_at_the_hole(home):
    recording = small_recording()
    (path,) = recording.write(home)
    spans = record_spans(read_file(path))
    change_file(path, lambda data: data.__setitem__(spans[5][0] + 50, data[spans[5][0] + 50] ^ 1))
    before = read_file(path)
    found = recovered(home, recording)
    assert read_file(path) == before
    assert found.predecessor == head_of(recording)
    assert found.checkpoint.stream_offset == len(b"line 0\r\n")
    assert [finding.fault for finding in found.findings] == [Fault.DAMAGED, Fault.MISSING]


def test_a_file_shorter_than_its_checkpoint_is_read_from_the_start_and_named(home):
    recording = small_recording()
    (path,) = recording.write(home)
    checkpoint = recovered(home, recording).checkpoint
    whole = read_file(path)
    write_file(path, whole[: record_spans(whole)[-1][0]])
    found = from_checkpoint(home, recording, checkpoint)
    assert found.predecessor.size == checkpoint.size - 1
    assert [finding.fault for finding in found.findings] == [Fault.ROLLED_BACK]
    later = type(checkpoint)(checkpoint.ref, 99, checkpoint.head, checkpoint.stream, 0, 2, 8, ended=None)
    assert [f.fault for f in from_checkpoint(home, recording, later).findings] == [Fault.ROLLED_BACK]


def test_a_log_that_never_got_an_entry_is_passed_over_but_its_generation_is_not_used_again(home):
    recording = small_recording()
    recording.write(home)
    head = head_of(recording)
    for data, generation in ((b"", 2), (MAGIC[:3], 3), (MAGIC, 4), (MAGIC + b"\0\0\1\0half", 5)):
        ref = LogRef(recording.channel, drawn("stub", generation), generation)
        (path,) = write_log(home.archive, ref, [])
        write_file(path, data)
        found = recovered(home, recording)
        assert (found.predecessor, found.next_generation) == (head, generation + 1)
        assert read_file(path) in {b"", MAGIC}


def test_only_stubs_are_nothing_to_recover(home):
    recording = Recording()
    write_log(home.archive, LogRef(recording.channel, drawn("stub"), 1), [])
    assert recovered(home, recording) is None


def test_a_members_log_is_not_the_hosts(home):
    recording = small_recording()
    recording.write(home)
    guest = LogWriter(
        recording.channel, WriterKey.from_seed(drawn("g")), recording.epoch, drawn("i", size=16), 9, None
    )
    sealed = [guest.append_open(), guest.append(EntryKind.DATA, [Marked(0, "x")], drawn("n", size=24))]
    write_log(
        home.archive, LogRef(recording.channel, guest.log, 9), [encode_record(entry) for entry in sealed]
    )
    found = recovered(home, recording)
    assert (found.predecessor, found.next_generation) == (head_of(recording), 10)


def test_an_entry_that_does_not_open_is_a_finding_and_stays_in_the_chain(home):
    recording = small_recording()
    place = recording.writer.place(EntryKind.DATA)
    from cctm.protocol.entry import digest

    recording._add(recording.writer._sign(place, digest(place, bytes(104)), bytes(104)))
    recording.write(home)
    found = recovered(home, recording)
    assert found.predecessor == head_of(recording)
    assert [finding.fault for finding in found.findings] == [Fault.UNREADABLE]


A, B = drawn("a", size=16), drawn("b", size=16)


def keyframe(stream, offset):
    return Keyframe(0, stream, offset, 80, 24, "n", 0, None, None, (), None)


@pytest.mark.parametrize(
    ("events", "position"),
    [
        ([], (None, 0)),
        ([keyframe(A, 7), Output(0, 7, b"abc")], (A, 10)),
        ([keyframe(None, 7)], (None, 0)),
        ([keyframe(A, 7), keyframe(A, 9)], (A, 7)),
        ([keyframe(A, 7), Output(0, 5, b"a")], (A, 7)),
        ([keyframe(A, 7), Output(0, 8, b"a")], (A, 7)),
        ([keyframe(A, 7), Gap(0, 7, 5), Output(0, 12, b"a")], (A, 13)),
        ([keyframe(A, 7), Gap(0, 7, None), Output(0, 99, b"a")], (A, 100)),
        ([keyframe(A, 7), Gap(0, 8, 5)], (A, 7)),
        ([keyframe(A, 7), Opened(0, (b"sh",), b"/", 80, 24, "n", "t", 0, B), Output(0, 0, b"a")], (B, 1)),
        ([Marked(0, "x")], (None, 0)),
    ],
)
def test_the_stream_is_followed_up_to_its_first_hole(events, position):
    followed = StreamPosition()
    for event in events:
        followed.follow(event)
    assert (followed.stream, followed.offset) == position
