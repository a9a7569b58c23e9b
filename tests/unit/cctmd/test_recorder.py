"""What is added to a recorder is on disk, in order, once, and verifies."""

import os
from itertools import pairwise

import pytest

from archive_fixtures import DEVICE, make_home
from cctm.archive.opening import OpenedEntry
from cctm.archive.reader import Archive
from cctm.archive.storage import Storage, Sync
from cctm.archive.verify import verify_channel
from cctm.cctmd.recorder import BATCH_BYTES, BATCH_US, ChannelKeys, Recorder, Screen
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import Closed, Gap, How, Input, Keyframe, Opened, Output, Resized
from cctm.protocol.keys import EpochSecret, StreamId, WriterKey, channel_id
from daemon_parts import SetClock

STREAM = StreamId(bytes(range(16)))


class Recording:
    """A recorder, its storage, and what came to be on disk."""

    def __init__(self, place):
        self.home = make_home(place / "home")
        self.storage = Storage(self.home.archive, on_stalled=lambda _: None, on_resumed=lambda: None)
        self.storage.start()
        self.clock = SetClock()
        writer = WriterKey.from_seed(os.urandom(32))
        self.keys = ChannelKeys(channel_id(writer.public), writer, (EpochSecret(1, os.urandom(32)),), DEVICE)
        self.durables = []
        self.recorder = self.begin()

    def begin(self, offset=0, predecessor=None, generation=1):
        return Recorder(
            self.keys,
            self.storage,
            self.clock,
            self.durables.append,
            screen=Screen(STREAM, 80, 24, "work"),
            offset=offset,
            predecessor=predecessor,
            generation=generation,
        )

    def open(self):
        self.recorder.event(
            lambda dt_us: Opened(dt_us, (b"cat",), b"/", 80, 24, "work", "xterm", self.clock.wall, STREAM)
        )

    @property
    def entries(self):
        self.storage.barrier().result(20)
        found = list(Archive(self.home, DEVICE).entries(self.keys.channel))
        assert all(isinstance(entry, OpenedEntry) for entry in found), found
        return found

    @property
    def events(self):
        """All but keyframes."""
        return [event for entry in self.entries for event in entry.events if not isinstance(event, Keyframe)]

    @property
    def printed(self):
        return b"".join(event.data for event in self.events if isinstance(event, Output))

    def verify(self):
        self.storage.barrier().result(20)
        report = verify_channel(Archive(self.home, DEVICE), self.keys.channel)
        assert report.findings == ()
        return report


@pytest.fixture
def recording(tmp_path):
    one = Recording(tmp_path)
    yield one
    one.storage.close()


def test_a_terminal_in_which_nothing_happens_has_no_log(recording):
    recording.recorder.seal()
    recording.storage.barrier().result(20)
    assert recording.recorder.log is None
    assert recording.recorder.sealed_size == 0
    assert not recording.recorder.pending
    assert os.listdir(recording.home.archive) == []


def test_the_first_event_begins_the_log_with_open_grant_and_keyframe(recording):
    recording.open()
    assert recording.recorder.log is None
    recording.recorder.seal()
    assert [entry.kind for entry in recording.entries] == [
        EntryKind.OPEN,
        EntryKind.GRANT,
        EntryKind.KEYFRAME,
        EntryKind.DATA,
    ]
    assert recording.recorder.sealed_size == 4
    [keyframe] = recording.entries[2].events
    assert (keyframe.stream, keyframe.offset, keyframe.cols, keyframe.rows) == (STREAM, 0, 80, 24)
    assert (keyframe.name, keyframe.wall_us, keyframe.screen) == ("work", recording.clock.wall, b"")
    recording.verify()


def test_a_log_that_goes_on_names_its_predecessor_and_does_not_invent_a_screen(recording):
    recording.open()
    recording.recorder.output(b"before")
    recording.recorder.seal()
    recording.storage.barrier().result(20)
    head = recording.durables[-1].head
    recording.recorder = recording.begin(offset=6, predecessor=head, generation=2)
    recording.recorder.output(b" after")
    recording.recorder.seal()
    keyframe = recording.entries[6].events[0]
    assert (keyframe.offset, keyframe.screen, keyframe.vector) == (6, None, (head,))
    assert recording.printed == b"before after"
    assert recording.verify().logs == 2


def test_output_and_events_keep_their_order(recording):
    recorder = recording.recorder
    recording.open()
    recorder.output(b"one ")
    recorder.output(b"two")
    recorder.event(lambda dt_us: Resized(dt_us, 100, 30, b""))
    recorder.output(b"three")
    recorder.seal()
    recorder.output(b"four")
    recorder.close(How.EXITED, 3)
    found = recording.events[1:]
    assert [(type(event).__name__, getattr(event, "offset", None)) for event in found] == [
        ("Output", 0),
        ("Resized", None),
        ("Output", 7),
        ("Output", 12),
        ("Closed", None),
    ]
    assert found[0].data == b"one two"
    assert isinstance(found[-1], Closed)
    assert (found[-1].how, found[-1].code) == (How.EXITED, 3)
    assert recording.entries[-1].kind is EntryKind.CLOSE
    recording.verify()


# What the clock says at each piece of output: backwards, forwards, across a suspend of a day, backwards again.
JUMPS_US = [0, 5, 5, -1_000_000, -500_000, 3, 86_400_000_000, 86_399_999_999, 10, 86_400_000_007]


def test_times_never_go_backwards_whatever_the_clock_does(recording):
    start = recording.clock.now
    recording.open()
    for number, jump_us in enumerate(JUMPS_US):
        recording.clock.now = start + jump_us
        recording.recorder.output(b"%d" % number)
        recording.recorder.seal()
    found = recording.events
    assert found[0].dt_us == 0
    assert [event.dt_us for event in found[1:]] == [0, 5, 0, 0, 0, 0, 86_400_000_000 - 5, 0, 0, 7]
    assert recording.printed == b"0123456789"
    recording.verify()


def test_output_has_the_time_of_its_first_byte(recording):
    recording.open()
    recording.clock.now += 100
    recording.recorder.output(b"a")
    recording.clock.now += 1000
    recording.recorder.output(b"b")
    recording.clock.now += 50
    recording.recorder.event(lambda dt_us: Resized(dt_us, 1, 1, b""))
    recording.recorder.seal()
    assert [event.dt_us for event in recording.events] == [0, 100, 1050]


def test_a_quiet_terminal_is_sealed_at_once_and_a_busy_one_in_batches(recording):
    recorder = recording.recorder
    assert recorder.due
    recording.open()
    recorder.seal()
    recorder.output(b"key")
    assert not recorder.due
    recording.clock.now += BATCH_US
    assert recorder.due
    recorder.seal()
    assert not recorder.due


def test_a_flood_is_cut_into_entries_of_a_batch(recording):
    recorder = recording.recorder
    recording.open()
    data = bytes(range(256)) * 4096
    for start in range(0, len(data), 10_000):
        recorder.output(data[start : start + 10_000])
    recorder.seal()
    assert recording.printed == data
    assert all(
        sum(len(event.data) for event in entry.events if isinstance(event, Output)) < 2 * BATCH_BYTES
        for entry in recording.entries
    )
    outputs = [event for event in recording.events if isinstance(event, Output)]
    assert all(before.offset + len(before.data) == after.offset for before, after in pairwise(outputs))
    recording.verify()


def test_any_number_of_events_of_any_size_is_cut_into_entries_that_may_be_made(recording):
    recorder = recording.recorder
    recording.open()
    for number in range(10_000):
        recorder.event(lambda dt_us, number=number: Resized(dt_us, 1 + number, 24, b""))
    for _ in range(100):
        recorder.event(lambda dt_us: Input(dt_us, b"", 60_000, b"k" * 60_000))
    recorder.seal()
    found = recording.events
    assert [event.cols for event in found if isinstance(event, Resized)] == list(range(1, 10_001))
    assert sum(event.length for event in found if isinstance(event, Input)) == 6_000_000
    recording.verify()


def test_while_it_is_held_nothing_is_sealed_and_nothing_is_lost(recording):
    recorder = recording.recorder
    recording.open()
    recorder.held = True
    recorder.output(b"waits ")
    recorder.seal()
    recorder.seal(Sync.NOW)
    assert recorder.pending
    assert recorder.log is None
    recorder.output(b"too")
    recorder.held = False
    recorder.seal()
    assert recording.printed == b"waits too"
    assert not recorder.pending
    recording.verify()


def test_each_entry_is_told_to_be_durable_once_and_how_far_the_stream_is_stored(recording):
    recorder = recording.recorder
    recording.open()
    recorder.seal()
    for _ in range(5):
        recorder.output(b"x" * 10)
        recorder.seal()
    recording.storage.barrier().result(20)
    assert [durable.offset for durable in recording.durables] == [0, 10, 20, 30, 40, 50]
    assert [durable.head.size for durable in recording.durables] == [4, 5, 6, 7, 8, 9]
    assert {durable.generation for durable in recording.durables} == {1}
    ends = [0, *(durable.place.end for durable in recording.durables)]
    assert all(durable.place.start >= end for durable, end in zip(recording.durables, ends, strict=False))


def test_what_was_lost_is_a_gap_and_the_stream_goes_on_behind_it(recording):
    recorder = recording.recorder
    recording.open()
    recorder.output(b"before")
    recorder.event(lambda dt_us: Gap(dt_us, 6, 94))
    recorder.skip_to(100)
    recorder.output(b"behind")
    recorder.seal()
    assert recorder.offset == 106
    assert [event.offset for event in recording.events[1:]] == [0, 6, 100]
    recording.verify()


def test_no_two_logs_share_an_incarnation(tmp_path):
    logs = set()
    for number in range(2):
        one = Recording(tmp_path / str(number))
        one.open()
        one.recorder.seal()
        logs.add(one.entries[0].spot.ref.log)
        one.storage.close()
    assert len(logs) == 2


def test_what_is_passed_on_fails_alone_and_the_record_goes_on(recording, caplog):
    taken = []

    def take(batch):
        taken.append(batch)
        raise ZeroDivisionError

    recording.recorder.on_sealed = take
    recording.open()
    recording.recorder.output(b"first")
    recording.recorder.seal(Sync.NOW)
    recording.clock.now += BATCH_US
    recording.recorder.output(b"second")
    recording.recorder.seal(Sync.NOW)
    assert [event.data for event in recording.events if isinstance(event, Output)] == [b"first", b"second"]
    assert len(taken) == 1
    assert "is passed on no longer" in caplog.text
