"""cctm.archive.rebuild: the catalogue from the segments."""

import os
import sqlite3

import pytest

from archive_fixtures import (
    DEVICE,
    WALL_US,
    Recording,
    drawn,
    read_file,
    small_recording,
    write_file,
)
from cctm.archive.catalogue import About, Catalogue, State
from cctm.archive.database import SCHEMA
from cctm.archive.device import encode_device_file
from cctm.archive.opening import Opener
from cctm.archive.reader import Archive
from cctm.archive.rebuild import open_or_rebuild, rebuild, survey
from cctm.archive.recover import recover_channel
from cctm.home import HomeError
from cctm.protocol.entry import EntryKind
from cctm.protocol.events import How, Marked, Renamed
from cctm.protocol.keys import DeviceKeys


def filled(home, *recordings):
    """A catalogue as the daemon would have it."""
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    for recording in recordings:
        catalogue.put_about(recording.channel, About(recording.name, (b"bash",), b"/", WALL_US))
        catalogue.put_writer(recording.channel, recording.writer_key.seed)
    catalogue.close()


def names_in(home):
    return sorted(name for name in os.listdir(home.root) if name.startswith("catalogue"))


def test_a_first_start_makes_an_empty_catalogue(home):
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert (catalogue.abouts(), rebuilt) == ([], None)
    catalogue.close()


def test_a_whole_catalogue_is_opened_as_it_is(home):
    recording = small_recording()
    recording.write(home)
    filled(home, recording)
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert rebuilt is None
    assert catalogue.keyframes(recording.channel) == []
    catalogue.close()


def test_a_missing_catalogue_is_rebuilt_from_the_segments(home):
    recording = small_recording()
    recording.begin(offset=4)
    recording.rotate()
    recording.add(EntryKind.DATA, Renamed(2, "new name"), Marked(3, "x"))
    recording.closed(7)
    recording.write(home, segment_bytes=600)
    Recording(9).begin()
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert (rebuilt.aside, rebuilt.channels, rebuilt.lost) == ("", 1, (recording.channel,))
    about = catalogue.about(recording.channel)
    assert (about.name, about.argv, about.cwd, about.created_us) == ("new name", (b"bash",), b"/", WALL_US)
    assert (about.state, about.how, about.code) == (State.ENDED, How.EXITED, 7)
    assert about.ended_us == WALL_US + 4 + 2 + 3 + 1
    assert about.output_bytes == 32
    assert catalogue.epochs(recording.channel) == recording.secrets
    newest = recover_channel(home.archive, recording.channel, [], Opener(recording.channel, DEVICE))
    assert catalogue.checkpoints(recording.channel)[-1] == newest.checkpoint
    assert [place.seq for place in catalogue.keyframes(recording.channel)] == [2, 2]
    catalogue.close()


def test_a_catalogue_of_an_older_version_is_rebuilt_and_keeps_its_seeds(home):
    recording = small_recording()
    recording.closed(7)
    recording.write(home)
    filled(home, recording)
    connection = sqlite3.connect(home.catalogue)
    connection.execute(f"PRAGMA user_version = {SCHEMA - 1}")
    connection.close()
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert (rebuilt.channels, rebuilt.lost) == (1, ())
    assert catalogue.checkpoints(recording.channel)[0].ended == (How.EXITED, 7)
    catalogue.close()


def test_a_damaged_catalogue_is_set_aside_and_its_readable_seeds_are_kept(home):
    recording = small_recording()
    recording.write(home)
    filled(home, recording)
    connection = sqlite3.connect(home.catalogue)
    connection.execute("DROP TABLE channels")
    connection.execute("PRAGMA application_id = 1")
    connection.close()
    damaged = read_file(home.catalogue)
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert rebuilt.lost == ()
    assert read_file(rebuilt.aside) == damaged
    assert catalogue.writer(recording.channel) == recording.writer_key.seed
    assert [channel for channel, _ in catalogue.abouts()] == [recording.channel]
    catalogue.close()


def test_what_is_set_aside_is_never_written_over(home):
    small_recording().write(home)
    asides = []
    for text in (b"first", b"second"):
        write_file(home.catalogue, text * 5_000)
        opening = open_or_rebuild(home, DEVICE)
        catalogue, rebuilt = opening.catalogue, opening.rebuilt
        catalogue.close()
        asides.append((rebuilt.aside, read_file(rebuilt.aside)[:5]))
    assert len({aside for aside, _ in asides}) == 2
    assert [start for _, start in asides] == [b"first", b"secon"]


def test_seeds_survive_a_rebuild_that_was_interrupted_before_its_end(home):
    recording = small_recording()
    recording.write(home)
    filled(home, recording)
    os.rename(home.catalogue, home.catalogue + ".damaged-1")
    write_file(home.catalogue + ".new", b"half of a new one")
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert rebuilt.lost == ()
    assert catalogue.writer(recording.channel) == recording.writer_key.seed
    catalogue.close()
    assert names_in(home) == ["catalogue.sqlite", "catalogue.sqlite.damaged-1"]


def test_an_interrupted_rebuild_leaves_what_was(home, monkeypatch):
    small_recording().write(home)
    write_file(home.catalogue, b"damaged" * 1_000)

    def dies(_old, _new):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        open_or_rebuild(home, DEVICE)
    assert read_file(home.catalogue) == b"damaged" * 1_000


def test_a_seed_that_is_not_the_channels_is_not_taken_over(home):
    recording, other = small_recording(), small_recording(number=2)
    recording.write(home)
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    catalogue.put_writer(recording.channel, other.writer_key.seed)
    catalogue.put_writer(other.channel, b"short")
    catalogue.close()
    connection = sqlite3.connect(home.catalogue)
    connection.execute("INSERT INTO writers VALUES (?, ?)", (drawn("c"), b"sealed by nobody"))
    connection.commit()
    connection.close()
    assert rebuild(home, DEVICE).lost == (recording.channel,)


def test_rows_that_are_not_even_bytes_are_passed_over(home):
    recording = small_recording()
    recording.write(home)
    connection = sqlite3.connect(home.catalogue)
    connection.execute("CREATE TABLE writers (channel, wrapped)")
    connection.execute("INSERT INTO writers VALUES ('text', 7)")
    connection.commit()
    connection.close()
    assert rebuild(home, DEVICE).lost == (recording.channel,)


def test_a_channel_of_which_nothing_opens_is_not_listed(home):
    recording = small_recording()
    recording.write(home)
    stranger = Archive(home, DeviceKeys.from_seed(drawn("stranger")))
    assert survey(stranger, recording.channel) is None
    rebuild(home, stranger.device)
    assert stranger.terminals() == []


def test_a_log_without_entries_adds_nothing(home):
    recording = small_recording()
    (path,) = recording.write(home)
    write_file(path.replace("00000001-", "00000002-"), b"")
    assert len(survey(Archive(home, DEVICE), recording.channel).checkpoints) == 1


def test_a_terminal_that_was_reopened_keeps_its_beginning(home):
    recording = small_recording(1)
    recording.closed()
    recording.stream, recording.offset = drawn("again", size=16), 0
    recording.opened((b"zsh",), b"/home")
    recording.output(b"x" * 10)
    recording.write(home)
    about = survey(Archive(home, DEVICE), recording.channel).about
    assert (about.argv, about.created_us, about.state) == ((b"zsh",), WALL_US, State.RUNNING)
    assert about.output_bytes == 8 + 10


def test_a_catalogue_that_cannot_be_opened_is_said_in_words(home):
    os.mkdir(home.catalogue)
    with pytest.raises(HomeError, match="cannot be opened"):
        open_or_rebuild(home, DEVICE)


def test_a_newer_catalogue_is_refused_and_not_rebuilt(home):
    filled(home)
    connection = sqlite3.connect(home.catalogue)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(HomeError, match="newer version"):
        open_or_rebuild(home, DEVICE)
    assert names_in(home) == ["catalogue.sqlite"]


def spoil_about(home, recording):
    connection = sqlite3.connect(home.catalogue)
    connection.execute("UPDATE channels SET about = x'00' WHERE channel = ?", (recording.channel,))
    connection.commit()
    connection.close()


def test_an_about_that_does_not_open_is_told_by_the_segments(home):
    one, two, gone = (small_recording(number=number) for number in (1, 2, 3))
    for recording in (one, two):
        recording.write(home)
    filled(home, one, two, gone)
    spoil_about(home, one)
    spoil_about(home, gone)
    write_file(home.device_key, encode_device_file(DEVICE.seed))
    assert {terminal.channel for terminal in Archive(home).terminals()} == {one.channel, two.channel}
    opening = open_or_rebuild(home, DEVICE)
    catalogue, rebuilt = opening.catalogue, opening.rebuilt
    assert rebuilt is None
    assert {channel for channel, _ in catalogue.abouts()} == {one.channel, two.channel}
    assert catalogue.about(one.channel).argv == (b"bash",)
    assert catalogue.unreadable() == [gone.channel]
    assert opening.unreadable == (gone.channel,)
    catalogue.close()


def make_unreadable(path):
    os.unlink(path)
    os.mkdir(path)


def test_a_channel_that_cannot_be_read_keeps_neither_a_reader_nor_a_start_from_the_others(home):
    one, two = (small_recording(number=number) for number in (1, 2))
    (path,) = one.write(home)
    two.write(home)
    filled(home, one, two)
    spoil_about(home, one)
    make_unreadable(path)
    assert [terminal.channel for terminal in Archive(home, DEVICE).terminals()] == [two.channel]
    opening = open_or_rebuild(home, DEVICE)
    catalogue = opening.catalogue
    assert (len(catalogue.abouts()), catalogue.unreadable()) == (1, [one.channel])
    assert (opening.unreadable, opening.unremoved) == ((one.channel,), {})
    catalogue.close()
    rebuilt = rebuild(home, DEVICE)
    assert (rebuilt.channels, rebuilt.unread, rebuilt.lost) == (1, (one.channel,), ())
    catalogue = Catalogue.open(home.catalogue, DEVICE.wrap_key)
    assert catalogue.writer(one.channel) == one.writer_key.seed
    catalogue.close()


def test_another_devices_catalogue_is_refused_and_not_rebuilt(home):
    recording = small_recording()
    recording.write(home)
    filled(home, recording)
    before = read_file(home.catalogue)
    with pytest.raises(HomeError, match="device key is not the one"):
        open_or_rebuild(home, DeviceKeys.from_seed(drawn("stranger")))
    assert read_file(home.catalogue) == before
    assert names_in(home) == ["catalogue.sqlite"]
