"""cctm.archive.verify and walk: every fault is named with its place."""

import os

import pytest

from archive_fixtures import (
    DEVICE,
    Recording,
    change_file,
    drawn,
    make_home,
    read_file,
    record_spans,
    records,
    small_recording,
    write_file,
    write_log,
)
from cctm.archive import walk
from cctm.archive.catalogue import Catalogue, Checkpoint
from cctm.archive.finding import Fault, Finding
from cctm.archive.reader import Archive
from cctm.archive.segment import MAGIC
from cctm.archive.storage import LogRef
from cctm.archive.verify import verify_channel
from cctm.protocol.entry import Entry, EntryKind, Place, Sealed, digest, encode_record, signed_statement
from cctm.protocol.events import Gap, Keyframe, LogHead, Marked, Output
from cctm.protocol.keys import DeviceKeys, Digest, EpochSecret, WriterKey
from cctm.protocol.log_writer import LogWriter


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def archive(home):
    return Archive(home, DEVICE)


def report_on(archive, channel, **options):
    return verify_channel(archive, channel, pause=options.pop("pause", lambda: None), **options)


def faults(archive, channel):
    """What is found: (fault, entry)."""
    return [(finding.fault, finding.seq) for finding in report_on(archive, channel).findings]


def remember(home, recording, log=-1, size=None, head=None):
    """Have the catalogue know how far a log went."""
    recorded = recording.logs[log]
    writer = recording.writer
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_checkpoint(
        Checkpoint(
            recorded.ref,
            len(recorded.sealed) if size is None else size,
            writer.head if head is None else head,
            *(recording.stream, 0, 1, 0),
            ended=None,
        )
    )
    catalogue.close()


def rewrite(path, payloads):
    write_file(path, MAGIC + records(payloads))


def test_a_whole_terminal_is_sound(archive, home):
    recording = small_recording()
    recording.begin(offset=4)
    recording.output(b"0\r\n")
    recording.rotate()
    recording.output(b"more")
    recording.closed()
    recording.write(home, segment_bytes=700)
    remember(home, recording)
    seen = []
    report = report_on(archive, recording.channel, on_progress=seen.append)
    assert [str(finding) for finding in report.findings if finding.fault is not Fault.OFFSET] == []
    assert (report.logs, report.entries) == (2, sum(len(log.sealed) for log in recording.logs))
    assert report.bytes == sum(seen) == sum(8 + len(p) for log in recording.logs for p in log.payloads)


def test_a_terminal_of_which_there_is_nothing_has_no_faults(archive):
    report = report_on(archive, drawn("nothing"))
    assert report.is_sound
    assert (report.findings, report.logs) == ((), 0)


def test_an_altered_entry_is_named_and_nothing_else(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    payloads = recording.logs[0].payloads
    for index in range(3, len(payloads)):
        changed = [bytearray(payload) for payload in payloads]
        changed[index][-80] ^= 1  # in the body; the checksum is made to fit
        rewrite(path, [bytes(payload) for payload in changed])
        assert faults(archive, recording.channel)[:1] == [(Fault.ALTERED, index)]
        assert {fault for fault, _ in faults(archive, recording.channel)} <= {Fault.ALTERED, Fault.OFFSET}


def test_dropped_entries_are_named_by_number(archive, home):
    recording = small_recording(6)
    (path,) = recording.write(home)
    payloads = recording.logs[0].payloads
    for low, high in ((4, 5), (4, 7), (5, 6)):
        rewrite(path, payloads[:low] + payloads[high:])
        finding = report_on(archive, recording.channel).findings[0]
        numbers = str(low) if high - low == 1 else f"{low} to {high - 1}"
        assert (finding.fault, finding.seq, finding.detail) == (Fault.MISSING, high, numbers)


def test_swapped_and_doubled_entries_are_named(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    payloads = recording.logs[0].payloads
    rewrite(path, [*payloads[:4], payloads[5], payloads[4], *payloads[6:]])
    assert faults(archive, recording.channel)[:2] == [(Fault.MISSING, 5), (Fault.OUT_OF_ORDER, 4)]
    rewrite(path, [*payloads[:5], payloads[4], *payloads[5:]])
    assert faults(archive, recording.channel) == [(Fault.REPEATED, 4)]


def test_an_entry_spliced_in_from_another_terminal_is_named(archive, home):
    recording, other = small_recording(), small_recording(number=2)
    (path,) = recording.write(home)
    payloads, foreign = recording.logs[0].payloads, other.logs[0].payloads[5]
    rewrite(path, [*payloads[:5], foreign, *payloads[6:]])
    assert faults(archive, recording.channel)[0] == (Fault.ALTERED, 5)
    rewrite(path, [*payloads[:5], foreign, *payloads[5:]])
    assert faults(archive, recording.channel) == [(Fault.ALTERED, 5)]


def test_an_entry_spliced_in_from_another_log_of_the_terminal_is_named(archive, home):
    recording = small_recording()
    recording.begin()
    recording.opened()
    recording.output(b"x", offset=0)
    first, _ = recording.write(home)
    ours, theirs = (log.payloads for log in recording.logs)
    rewrite(first, [*ours[:4], theirs[4], *ours[5:]])
    assert faults(archive, recording.channel)[0] == (Fault.ALTERED, 4)


def test_two_histories_are_a_fork_at_the_entry_where_they_part(archive, home):
    """The writer's key is needed for that: a clone that went on in the same log."""
    recording, clone = small_recording(), small_recording()
    recording.output(b"ours")
    clone.output(b"theirs")
    clone.output(b"and more")
    (path,) = recording.write(home)
    ours, theirs = recording.logs[0].payloads, clone.logs[0].payloads
    rewrite(path, [*ours, theirs[-1]])
    assert (Fault.FORKED, len(ours)) in faults(archive, recording.channel)


def test_a_genuine_entry_of_a_kind_that_may_not_stand_there_is_illegal(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    ref, key = recording.logs[0].ref, recording.writer_key
    body = recording.writer._opening.encode()
    place = Place(
        ref.channel, ref.log, recording.writer.size, EntryKind.OPEN, bytes(32), recording.writer.head
    )
    sig = key.sign(signed_statement(ref.channel, digest(place, body)))
    illegal = encode_record(Sealed(Entry(place.seq, place.kind, place.key_id, body, sig), place.prev))
    rewrite(path, [*recording.logs[0].payloads, illegal])
    assert faults(archive, recording.channel) == [(Fault.ILLEGAL, place.seq)]


def test_a_record_that_is_no_entry_is_malformed(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    rewrite(path, [*recording.logs[0].payloads, b"\x96 junk"])
    (finding,) = report_on(archive, recording.channel).findings
    assert finding.fault is Fault.MALFORMED
    assert finding.spot.start == record_spans(read_file(path))[-1][0]


def test_damage_is_named_by_file_and_byte_and_costs_one_entry(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    start, end = record_spans(read_file(path))[5]
    change_file(path, lambda data: data.__setitem__(start + 50, data[start + 50] ^ 1))
    damaged, missing, *rest = report_on(archive, recording.channel).findings
    assert (damaged.fault, damaged.spot.start, damaged.spot.end) == (Fault.DAMAGED, start, end)
    assert (missing.fault, missing.detail) == (Fault.MISSING, "5")
    assert {finding.fault for finding in rest} == {Fault.OFFSET}
    assert os.path.join(home.archive, damaged.spot.file) == path
    text = str(damaged)
    assert f"byte {start}" in text
    assert recording.logs[0].ref.log.hex()[:8] in text
    assert "entry 6" in str(missing)


def test_a_damaged_first_entry_costs_no_other_if_the_owner_is_known_from_elsewhere(archive, home):
    recording = small_recording()
    recording.begin(offset=recording.offset)
    recording.output(b"x")
    first, second = recording.write(home)
    for path in (first, second):
        whole = read_file(path)
        change_file(path, lambda data: data.__setitem__(20, data[20] ^ 1))
        assert {fault for fault, _ in faults(archive, recording.channel)} == {Fault.DAMAGED, Fault.MISSING}
        write_file(path, whole)


def test_a_damaged_first_entry_of_the_only_log_is_made_up_for_by_the_catalogue(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    change_file(path, lambda data: data.__setitem__(20, data[20] ^ 1))
    assert (Fault.UNVERIFIABLE, 1) in faults(archive, recording.channel)
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_writer(recording.channel, recording.writer_key.seed)
    catalogue.close()
    assert {fault for fault, _ in faults(archive, recording.channel)} == {Fault.DAMAGED, Fault.MISSING}


def test_an_open_entry_that_stands_late_still_says_who_wrote_the_log(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    payloads = recording.logs[0].payloads
    rewrite(path, [payloads[1], payloads[0], *payloads[2:]])
    found = faults(archive, recording.channel)
    assert found[0] == (Fault.UNVERIFIABLE, 1)
    assert (Fault.LOCKED, 3) in found  # the grant came before anybody could be held to it


def test_a_log_whose_first_entry_is_of_another_log_is_unverifiable(archive, home):
    recording, other = small_recording(), small_recording(number=2)
    (path,) = recording.write(home)
    payloads = recording.logs[0].payloads
    rewrite(path, [other.logs[0].payloads[0], *payloads[1:]])
    assert faults(archive, recording.channel) == [(Fault.UNVERIFIABLE, 0)]
    body = bytearray(payloads[0])
    body[-70] ^= 1
    rewrite(path, [bytes(body), *payloads[1:]])
    assert faults(archive, recording.channel) == [(Fault.UNVERIFIABLE, 0)]


def test_a_first_entry_that_says_nothing_readable_leaves_the_log_unverifiable(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    first = recording.logs[0].sealed[0]
    nonsense = encode_record(
        Sealed(Entry(0, EntryKind.OPEN, first.entry.key_id, b"\xc0", first.entry.sig), first.prev)
    )
    rewrite(path, [nonsense, *recording.logs[0].payloads[1:]])
    assert faults(archive, recording.channel) == [(Fault.UNVERIFIABLE, 0)]
    assert archive.tail(recording.channel, 10).data == b""


def test_a_file_named_for_another_generation_is_named(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    os.rename(path, path.replace("00000001-", "00000007-"))
    assert faults(archive, recording.channel) == [(Fault.MISNAMED, 0)]


def test_a_missing_segment_is_named(archive, home):
    recording = small_recording(12)
    paths = recording.write(home, segment_bytes=700)
    assert len(paths) > 3
    os.unlink(paths[1])
    found = report_on(archive, recording.channel).findings
    assert (found[0].fault, found[0].detail) == (Fault.SEGMENT_MISSING, "2 to 2")
    assert found[1].fault is Fault.MISSING
    os.unlink(paths[0])
    assert Fault.SEGMENT_MISSING in {fault for fault, _ in faults(archive, recording.channel)}


def test_a_segment_cut_short_before_a_later_one_is_damage(archive, home):
    recording = small_recording(12)
    paths = recording.write(home, segment_bytes=700)
    change_file(paths[1], lambda data: data.__delitem__(slice(-1, None)))
    assert faults(archive, recording.channel)[0][0] is Fault.DAMAGED


def test_a_torn_tail_is_a_note(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    change_file(path, lambda data: data.extend(b"\0\0\1\0half"))
    report = report_on(archive, recording.channel)
    assert [finding.fault for finding in report.findings] == [Fault.TORN]
    assert report.is_sound


def test_a_record_being_written_is_waited_for(archive, home):
    recording = small_recording()
    recording.output(b"the last")
    (path,) = recording.write(home)
    whole = read_file(path)
    for size in (len(whole) - 10, 3):
        write_file(path, whole[:size])
        report = report_on(archive, recording.channel, pause=lambda: write_file(path, whole))
        assert report.findings == ()
        assert report.entries == len(recording.logs[0].sealed)
        write_file(path, whole[:size])
        more = whole + b"\0\0\1\0half"
        assert (
            report_on(archive, recording.channel, pause=lambda more=more: write_file(path, more)).findings
            == ()
        )


def test_a_stranger_among_the_files_is_a_note(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    write_file(os.path.join(os.path.dirname(path), "notes.txt"), b"")
    report = report_on(archive, recording.channel)
    assert [finding.fault for finding in report.findings] == [Fault.STRANGER]
    assert report.is_sound
    assert "notes.txt" in str(report.findings[0])


# -- what does not open, or does not count


def test_an_entry_without_a_grant_for_this_device_is_locked(home):
    recording = small_recording()
    recording.write(home)
    stranger = Archive(home, DeviceKeys.from_seed(drawn("stranger")))
    assert faults(stranger, recording.channel)[:2] == [(Fault.LOCKED, 1), (Fault.LOCKED, 2)]


def test_a_damaged_grant_is_made_up_for_by_the_catalogue(archive, home):
    recording = small_recording()
    (path,) = recording.write(home)
    start, _ = record_spans(read_file(path))[1]
    change_file(path, lambda data: data.__setitem__(start + 200, data[start + 200] ^ 1))
    assert (Fault.LOCKED, 3) in faults(archive, recording.channel)
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_epoch(recording.channel, recording.epoch)
    catalogue.close()
    assert {fault for fault, _ in faults(archive, recording.channel)} == {Fault.DAMAGED, Fault.MISSING}


def test_with_the_secret_at_hand_a_grant_for_others_still_gives_its_table(home):
    recording = Recording()
    recording.begin()
    recording.grant([DeviceKeys.from_seed(drawn("somebody else"))])
    recording.opened()
    recording.write(home)
    assert report_on(Archive(home, DEVICE), recording.channel).findings == ()


def forged(recording, kind, body):
    """A genuine entry with any body."""
    writer = recording.writer
    place = writer.place(kind)
    recording._add(writer._sign(place, digest(place, body), body))


def test_an_entry_that_does_not_open_is_named(archive, home):
    recording = small_recording()
    forged(recording, EntryKind.DATA, bytes(104))
    recording.output(b"goes on")
    recording.write(home)
    assert faults(archive, recording.channel) == [(Fault.UNREADABLE, len(recording.logs[0].sealed) - 2)]


def test_a_grant_that_no_host_makes_is_void(archive, home):
    recording = small_recording()
    forged(recording, EntryKind.GRANT, b"\x92\x90\xc4\x00")
    recording.write(home)
    assert faults(archive, recording.channel)[0][0] is Fault.VOID


def member_log(home, recording, events):
    """A log in the recording's channel, written by somebody else."""
    writer = LogWriter(
        recording.channel, WriterKey.from_seed(drawn("guest")), recording.epoch, drawn("i", size=16), 2, None
    )
    sealed = [writer.append_open(), writer.append(EntryKind.DATA, events, drawn("n", size=24))]
    ref = LogRef(recording.channel, writer.log, 2)
    write_log(home.archive, ref, [encode_record(entry) for entry in sealed])


def test_what_somebody_wrote_who_is_no_member_is_void(archive, home):
    recording = small_recording()
    recording.write(home)
    member_log(home, recording, [Output(0, 0, b"forged")])
    assert faults(archive, recording.channel) == [(Fault.VOID, 1)]
    assert b"forged" not in b"".join(
        p for p in archive.fold_output(recording.channel) if isinstance(p, bytes)
    )


def test_holes_and_conflicting_repetitions_of_the_output_are_named(archive, home):
    recording = small_recording()
    recording.output(b"after a hole", offset=recording.offset + 5)
    recording.output(b"LINE", offset=0)
    recording.add(EntryKind.DATA, Gap(0, recording.offset + 100, 3), Marked(0, "here"))
    recording.write(home)
    found = report_on(archive, recording.channel).findings
    assert {finding.fault for finding in found} == {Fault.OFFSET}
    assert "differ" in found[0].detail
    assert any("5 bytes are missing" in finding.detail for finding in found)


# -- between logs, and what was known


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
