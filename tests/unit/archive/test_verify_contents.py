"""cctm.archive.verify: entries that do not open, or do not count."""

from archive_fixtures import (
    DEVICE,
    Recording,
    change_file,
    drawn,
    read_file,
    record_spans,
    small_recording,
    write_log,
)
from cctm.archive.catalogue import Catalogue
from cctm.archive.finding import Fault
from cctm.archive.reader import Archive
from cctm.archive.storage import LogRef
from cctm.protocol.entry import EntryKind, digest, encode_record
from cctm.protocol.events import Gap, Marked, Output
from cctm.protocol.keys import DeviceKeys, WriterKey
from cctm.protocol.log_writer import LogWriter
from verification import faults, report_on


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
