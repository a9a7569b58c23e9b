"""cctm.archive.verify: between logs, and what was known of them."""

import os

from archive_fixtures import (
    DEVICE,
    change_file,
    drawn,
    read_file,
    record_spans,
    small_recording,
)
from cctm.archive import walk
from cctm.archive.finding import Fault, Finding
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Keyframe, LogHead
from cctm.protocol.keys import Digest, EpochSecret
from verification import faults, remember, report_on, rewrite


def test_a_log_that_lost_its_end_is_a_rollback(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    remember(home, recording)
    assert faults(archive, recording.channel) == []
    rewrite(path, recording.logs[0].payloads[:-2])
    assert faults(archive, recording.channel) == [(Fault.ROLLED_BACK, len(recording.logs[0].sealed) - 2)]


def test_a_log_that_lost_its_end_and_was_gone_on_from_honestly_is_a_note(archive, home):
    recording = small_recording()
    remember(home, recording)
    log = recording.logs[0]
    lost = log.sealed.pop()
    recording.begin(2, LogHead(log.ref.log, len(log.sealed), lost.prev), offset=0)
    recording.write(home)
    report = report_on(archive, recording.channel)
    assert [finding.fault for finding in report.findings] == [Fault.RECOVERED]
    assert report.is_sound


def test_another_head_than_was_known_is_a_fork(archive, home):
    recording = small_recording()
    recording.write(home)
    remember(home, recording, head=Digest(drawn("other head")))
    assert faults(archive, recording.channel) == [(Fault.FORKED, len(recording.logs[0].sealed) - 1)]


def test_a_known_log_that_is_gone_is_named(archive, home):
    recording = small_recording()
    paths = recording.write(home)
    remember(home, recording)
    os.unlink(paths[0])
    assert faults(archive, recording.channel) == [(Fault.LOG_MISSING, None)]


def test_a_predecessor_that_is_gone_or_short_is_named(archive, home):
    recording = small_recording()
    recording.begin(offset=0)
    first, _ = recording.write(home)
    assert faults(archive, recording.channel) == []
    rewrite(first, recording.logs[0].payloads[:-1])
    assert faults(archive, recording.channel) == [(Fault.ROLLED_BACK, len(recording.logs[0].sealed) - 1)]
    os.unlink(first)
    assert (Fault.LOG_MISSING, None) in faults(archive, recording.channel)


def test_a_predecessor_with_another_head_is_a_fork(archive, home):
    recording = small_recording()
    log = recording.logs[0]
    recording.begin(2, LogHead(log.ref.log, 3, Digest(drawn("other"))), offset=0)
    recording.write(home)
    assert faults(archive, recording.channel) == [(Fault.FORKED, 2)]


def test_a_generation_that_passes_over_its_predecessor_is_named(archive, home):
    recording = small_recording()
    first = LogHead(recording.writer.log, recording.writer.size, recording.writer.head)
    recording.begin(offset=0)
    recording.begin(3, first, offset=0)
    recording.write(home)
    (finding,) = report_on(archive, recording.channel).findings
    assert (finding.fault, finding.detail) == (Fault.PREDECESSOR, "generation 1, not 2")


def test_a_later_generation_without_a_predecessor_is_named(archive, home):
    recording = small_recording()
    recording.writer = None
    recording.begin(2, offset=0)
    recording.write(home)
    assert faults(archive, recording.channel) == [(Fault.PREDECESSOR, None)]


def test_two_logs_of_one_generation_are_a_clone(archive, home):
    recording = small_recording()
    head = LogHead(recording.writer.log, recording.writer.size, recording.writer.head)
    recording.begin(2, head, offset=0)
    recording.begin(2, head, offset=0, clone=1)
    recording.write(home)
    report = report_on(archive, recording.channel)
    assert [finding.fault for finding in report.findings] == [Fault.CLONED]
    assert report.is_sound


def test_verification_changes_no_file(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    change_file(path, lambda data: data.extend(b"\0\0\1\0half"))
    before = read_file(path), os.stat(path).st_mtime_ns
    report_on(archive, recording.channel)
    assert (read_file(path), os.stat(path).st_mtime_ns) == before


def test_batches_are_verified_alike_whatever_their_size(archive, home, monkeypatch):
    recording = small_recording(20)
    (path,) = recording.write(home)
    start, _ = record_spans(read_file(path))[9]
    change_file(path, lambda data: data.__setitem__(start + 50, data[start + 50] ^ 1))
    expected = report_on(archive, recording.channel).findings
    for size in (1, 300, 1_000):
        monkeypatch.setattr(walk, "_BATCH_BYTES", size)
        assert report_on(archive, recording.channel).findings == expected


def test_a_finding_without_a_place_still_reads_as_a_sentence():
    assert str(Finding(Fault.STRANGER, file="a/b")) == "a/b: the file is none of ours"


def test_keys_are_derived_anew_when_too_many_are_kept(archive, home, monkeypatch):
    monkeypatch.setattr("cctm.archive.opening._KEPT_KEYS", 1)
    recording = small_recording()
    recording.begin(offset=0)
    recording.write(home)
    assert faults(archive, recording.channel) == []


def test_a_keyframe_that_names_no_stream_changes_none(archive, home):
    recording = small_recording()
    recording.add(EntryKind.KEYFRAME, Keyframe(0, None, 0, 80, 24, "n", 0, None, None, (), None))
    recording.output(b"goes on")
    recording.write(home)
    assert faults(archive, recording.channel) == []


def test_the_secrets_show_in_no_repr(archive, home):
    recording = small_recording()
    recording.write(home)
    remembered = archive.remembered(recording.channel)
    text = repr((recording.epoch, remembered, DEVICE, EpochSecret(1, drawn("s"))))
    assert drawn("s").hex() not in text
    assert recording.epoch.secret.hex() not in text
