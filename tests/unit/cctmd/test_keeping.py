"""What a mirror stores of somebody else's logs: each record once and in order, and where a reader can begin."""

import os
from contextlib import asynccontextmanager

from archive_fixtures import Recording
from cctm.archive.catalogue import About, Joined
from cctm.archive.files import list_files, segment_path
from cctm.archive.room import Limits
from cctm.archive.segment import Record, scan
from cctm.archive.writing import STRETCH
from cctm.cctmd.joining import keeping as keeping_module
from cctm.cctmd.joining.keeping import Keeping, Reached
from cctm.cctmd.services import wait_for
from cctm.protocol.entry import EntryKind, decode_record_untrusted, digest, entry_hash
from cctm.protocol.events import How
from cctm.protocol.origin import decode_origin_untrusted
from cctm.protocol.sync.chain import place_of
from daemon_parts import running_daemon
from samples import drawn

JOINED = Joined(
    decode_origin_untrusted("https://relay.example"), drawn("secret", 16), 1, 1, drawn("seed"), "ann"
)


def theirs():
    """A log: open, grant, keyframe, opened, five outputs, keyframe, three outputs, grant, keyframe, an output."""
    recording = Recording()
    recording.begin()
    recording.opened()
    for number in range(5):
        recording.output(b"%d" % number)
    recording.keyframe(recording.stream)
    for number in range(3):
        recording.output(b"%d" % number)
    recording.grant()
    recording.keyframe(recording.stream)
    recording.output(b"last")
    return recording


class Kept:
    """A keeping, and what came of it."""

    def __init__(self, services, recording, file_bytes=0):
        self.services = services
        self.recording = recording
        [self.log] = recording.logs
        self.keeping = Keeping(services, recording.channel, (), file_bytes)

    def take(self, first, stop, *, ended=None, stalled=""):
        sealed = self.log.sealed[stop - 1]
        place = place_of(self.recording.channel, self.log.ref.log, sealed)
        head = entry_hash(digest(place, sealed.entry.body), sealed.entry.sig)
        reached = Reached(self.recording.stream, stop, ended)
        self.keeping.take(self.log.ref, first, self.log.payloads[first:stop], head, reached, stalled)
        return head

    async def note(self):
        await wait_for(self.keeping.note(JOINED))

    async def settle(self):
        await wait_for(self.services.storage.barrier())

    def stored(self):
        """The seqs in each segment, by its number."""
        archive, channel = self.services.home.archive, self.recording.channel
        found = {}
        for log in list_files(archive, channel).logs:
            for number in log.segments:
                with open(segment_path(archive, log.ref, number), "rb") as file:
                    found[number] = [seq_of(item) for item in scan(file.fileno()) if isinstance(item, Record)]
        return found

    async def known(self, what):
        catalogue = self.services.catalogue
        return await wait_for(
            self.services.storage.run(lambda: getattr(catalogue, what)(self.recording.channel))
        )


def seq_of(item):
    return decode_record_untrusted(item.payload).entry.seq


@asynccontextmanager
async def keeping_of(place, limits=None, file_bytes=0):
    async with running_daemon(place, limits) as daemon:
        recording = theirs()
        services = daemon.services

        def join():
            services.catalogue.put_about(recording.channel, About("theirs", (), b"", 1))
            services.catalogue.put_joined(recording.channel, JOINED)

        await wait_for(services.storage.run(join))
        yield Kept(services, recording, file_bytes)


def entry_at(services, place):
    """The entry that lies where *place* says."""
    path = segment_path(services.home.archive, place.ref, place.segment)
    with open(path, "rb") as file:
        item = next(scan(file.fileno(), place.position))
    return decode_record_untrusted(item.payload).entry


async def test_each_keyframe_is_noted_where_it_lies(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 15)
        await kept.note()
        places = await kept.known("keyframes")
        kinds = [sealed.entry.kind for sealed in kept.log.sealed]
        wanted = [seq for seq, kind in enumerate(kinds) if kind is EntryKind.KEYFRAME]
        assert [place.seq for place in places] == wanted
        assert len(wanted) == 3
        for place in places:
            entry = entry_at(kept.services, place)
            assert (entry.seq, entry.kind) == (place.seq, EntryKind.KEYFRAME)
            assert (place.stream, place.stream_offset) == (kept.recording.stream, 15)


async def test_a_checkpoint_says_how_far_the_log_is_stored_and_where_that_is(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 6)
        head = kept.take(6, 11, ended=(How.EXITED, 3))
        await kept.note()
        [known] = await kept.known("checkpoints")
        assert (known.ref, known.size, known.head) == (kept.log.ref, 11, head)
        assert (known.stream, known.stream_offset, known.ended) == (
            kept.recording.stream,
            11,
            (How.EXITED, 3),
        )
        path = segment_path(kept.services.home.archive, known.ref, known.segment)
        assert os.stat(path).st_size == known.position
        kept.take(11, 12)
        await kept.settle()
        assert entry_at(kept.services, known).seq == 11  # what comes next lies there


async def test_nothing_is_noted_before_it_is_asked_for(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 15)
        await kept.settle()
        assert (await kept.known("checkpoints"), await kept.known("keyframes")) == ([], [])
        assert not kept.keeping.is_noted
        await kept.note()
        assert kept.keeping.is_noted
        assert (await kept.known("joined")) == JOINED


async def test_a_note_is_owed_for_each_keyframe_and_after_so_many_bytes(tmp_path, monkeypatch):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 2)
        assert kept.keeping.is_noted
        kept.take(2, 3)
        assert not kept.keeping.is_noted
        await kept.note()
        kept.take(3, 5)
        assert kept.keeping.is_noted
        monkeypatch.setattr(keeping_module, "NOTE_BYTES", 1_000)
        kept.take(5, 9)
        assert not kept.keeping.is_noted


async def test_of_a_terminal_that_was_removed_nothing_is_noted(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 15)
        await wait_for(
            kept.services.storage.run(lambda: kept.services.catalogue.forget(kept.recording.channel))
        )
        await kept.note()
        assert (await kept.known("checkpoints"), await kept.known("keyframes")) == ([], [])
        assert await kept.known("joined") is None


async def test_what_comes_again_is_stored_once(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 6)
        kept.take(0, 4)
        kept.take(3, 9)
        await kept.settle()
        assert kept.stored() == {1: list(range(9))}


async def test_what_lies_behind_a_hole_has_segments_of_its_own(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 1)
        kept.take(13, 14)
        kept.take(14, 15)
        kept.take(15, 16)
        await kept.settle()
        assert kept.stored() == {1: [0], STRETCH: [13, 14, 15]}
        await kept.note()
        [place] = await kept.known("keyframes")
        assert (place.segment, entry_at(kept.services, place).seq) == (STRETCH, 14)


async def test_behind_a_hole_it_goes_on_where_a_reader_can_begin(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 4)
        kept.take(6, 8)  # outputs alone say nothing to who lacks those before
        kept.take(7, 11)  # the keyframe in it is a beginning
        await kept.settle()
        assert kept.stored() == {1: [0, 1, 2, 3], STRETCH: [9, 10]}


async def test_while_nothing_can_be_stored_all_is_left_out_up_to_a_keyframe_or_grant(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 4)
        kept.take(4, 5, stalled="disk full")
        kept.take(5, 8)
        kept.take(8, 15)
        await kept.settle()
        assert kept.stored() == {1: [0, 1, 2, 3], STRETCH: [9, 10, 11, 12, 13, 14]}


async def test_above_the_quota_nothing_is_stored(tmp_path):
    async with keeping_of(tmp_path, Limits(0, 1_000), file_bytes=999) as kept:
        kept.take(0, 3)
        kept.take(3, 15)
        await kept.settle()
        assert kept.stored() == {1: [0, 1, 2]}
        assert kept.keeping.file_bytes == 999 + sum(map(len, kept.log.payloads[:3]))


async def test_what_waits_to_be_stored_is_bounded(tmp_path, monkeypatch):
    async with keeping_of(tmp_path) as kept:
        held = kept.services.storage.run_aside(lambda: None)
        await wait_for(held)
        monkeypatch.setattr(keeping_module, "WAITING_BYTES", sum(map(len, kept.log.payloads[:3])))
        kept.take(0, 3)
        kept.take(3, 15)  # too much with those before, or by itself
        await kept.settle()
        assert kept.stored() == {1: [0, 1, 2]}


async def test_a_log_that_was_looked_at_is_gone_on_with(tmp_path):
    async with keeping_of(tmp_path) as kept:
        kept.take(0, 6)
        await kept.note()
        [known] = await kept.known("checkpoints")
        again = Kept(kept.services, kept.recording)
        again.keeping.found(known)
        again.take(4, 9)
        await kept.settle()
        assert kept.stored() == {1: list(range(9))}
