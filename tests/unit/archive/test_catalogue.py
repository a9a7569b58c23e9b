"""cctm.archive.catalogue: what is written down twice."""

import os
import sqlite3
import stat
from dataclasses import replace

import pytest

from archive_fixtures import DEVICE, drawn, read_file, write_file
from cctm.archive.catalogue import (
    About,
    Catalogue,
    CatalogueDamagedError,
    CatalogueMissingError,
    Checkpoint,
    KeyframePlace,
    State,
)
from cctm.archive.database import SCHEMA
from cctm.archive.debts import Debt
from cctm.archive.storage import LogRef
from cctm.home import HomeError
from cctm.protocol.admission import AccessList, sign_access
from cctm.protocol.events import How
from cctm.protocol.keys import EpochSecret
from samples import CHANNEL, HOST

ONE, TWO = drawn("one"), drawn("two")
ABOUT = About("name", (b"vim", b"\xff"), b"/tmp", 5)
ENDED = About("name", (b"vim",), b"/", 5, State.ENDED, 9, How.SIGNALLED, 15, 1_000)
REF = LogRef(ONE, drawn("log"), 3)
CHECKPOINT = Checkpoint(
    REF, 7, drawn("head"), drawn("stream", size=16), 99, 2, 1_234, ended=(How.SIGNALLED, 15)
)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "what? a #name%41.sqlite")


@pytest.fixture
def catalogue(path):
    opened = Catalogue.open(path, DEVICE.wrap_key)
    yield opened
    opened.close()


def reopened(path):
    return Catalogue.open_read_only(path, DEVICE.wrap_key)


def test_what_is_put_is_had_by_a_reader_at_once(catalogue, path):
    catalogue.put_about(ONE, ABOUT)
    catalogue.put_about(TWO, ABOUT)
    catalogue.put_about(ONE, ENDED)
    catalogue.put_writer(ONE, drawn("seed"))
    catalogue.put_epoch(ONE, EpochSecret(10, drawn("e10")))
    catalogue.put_epoch(ONE, EpochSecret(9, drawn("e9")))
    catalogue.put_checkpoint(CHECKPOINT)
    reader = reopened(path)
    assert reader.abouts() == [(ONE, ENDED), (TWO, ABOUT)]
    assert (reader.about(ONE), reader.about(drawn("none"))) == (ENDED, None)
    assert (reader.writer(ONE), reader.writer(TWO)) == (drawn("seed"), None)
    assert reader.epochs(ONE) == [EpochSecret(9, drawn("e9")), EpochSecret(10, drawn("e10"))]
    assert (reader.checkpoints(ONE), reader.checkpoints(TWO)) == ([CHECKPOINT], [])
    reader.close()


def test_a_checkpoint_replaces_the_last_one_of_its_log(catalogue):
    older = Checkpoint(REF, 6, drawn("older"), None, 0, 1, 8, ended=None)
    catalogue.put_checkpoint(older)
    catalogue.put_checkpoint(CHECKPOINT)
    assert catalogue.checkpoints(ONE) == [CHECKPOINT]


def test_keyframes_come_in_the_order_of_reading(catalogue):
    places = [
        KeyframePlace(LogRef(ONE, drawn("log", log), generation), seq, 1, 8, stream, 0)
        for generation, log, seq, stream in [
            *((1, "a", 2, None), (1, "a", 30, drawn("s", size=16))),
            (2, "b", 2, None),
        ]
    ]
    for place in reversed(places):
        catalogue.put_keyframe(place)
    assert catalogue.keyframes(ONE) == places


def test_what_is_forgotten_is_gone_with_its_secrets(catalogue):
    for channel in (ONE, TWO):
        catalogue.put_about(channel, ABOUT)
        catalogue.put_writer(channel, drawn("seed"))
        catalogue.put_epoch(channel, EpochSecret(1, drawn("e")))
        catalogue.put_checkpoint(
            Checkpoint(LogRef(channel, drawn("l"), 1), 0, ONE, None, 0, 1, 0, ended=None)
        )
        catalogue.put_keyframe(KeyframePlace(LogRef(channel, drawn("l"), 1), 2, 1, 8, None, 0))
    catalogue.forget(ONE)
    assert catalogue.about(ONE) is catalogue.writer(ONE) is None
    assert catalogue.epochs(ONE) == catalogue.checkpoints(ONE) == catalogue.keyframes(ONE) == []
    assert catalogue.abouts() == [(TWO, ABOUT)]
    assert catalogue.writer(TWO) == drawn("seed")
    assert len(catalogue.epochs(TWO)) == len(catalogue.checkpoints(TWO)) == len(catalogue.keyframes(TWO)) == 1


def put_all(catalogue, channels):
    with catalogue.transaction():
        for channel in channels:
            catalogue.put_about(channel, ABOUT)


def test_a_transaction_is_written_whole_or_not_at_all(catalogue):
    with pytest.raises(ZeroDivisionError):
        put_all(catalogue, (ONE if number else 1 // 0 for number in (1, 0)))
    assert catalogue.abouts() == []
    with catalogue.transaction():
        catalogue.put_about(ONE, ABOUT)
    assert catalogue.abouts() == [(ONE, ABOUT)]


def test_all_its_files_are_private_whatever_the_umask(path):
    before = os.umask(0)
    try:
        catalogue = Catalogue.open(path, DEVICE.wrap_key)
        catalogue.put_about(ONE, ABOUT)
        files = [path, path + "-wal", path + "-shm"]
        assert {stat.S_IMODE(os.stat(file).st_mode) for file in files} == {0o600}
        catalogue.close()
    finally:
        os.umask(before)


def test_another_device_cannot_read_it(catalogue, path):
    catalogue.put_about(ONE, ABOUT)
    catalogue.put_writer(ONE, drawn("seed"))
    stranger = Catalogue.open_read_only(path, drawn("another key"))
    for read in (lambda: stranger.about(ONE), lambda: stranger.writer(ONE)):
        with pytest.raises(CatalogueDamagedError):
            read()
    for read in (stranger.abouts, stranger.unreadable):
        with pytest.raises(HomeError, match=r"device key is not the one .* Restore device\.key"):
            read()
    stranger.close()


def spoil(catalogue, table, column, channel):
    catalogue._database.connection.execute(
        f"UPDATE {table} SET {column} = x'00' WHERE channel = ?", (channel,)
    )


def test_a_row_that_does_not_open_hides_no_other(catalogue):
    for channel in (ONE, TWO):
        catalogue.put_about(channel, ABOUT)
        catalogue.put_writer(channel, drawn("seed"))
        catalogue.put_epoch(channel, EpochSecret(1, drawn("e")))
    assert catalogue.unreadable() == []
    for table, column in (("channels", "about"), ("writers", "wrapped"), ("epochs", "wrapped")):
        spoil(catalogue, table, column, ONE)
    assert (catalogue.abouts(), catalogue.unreadable()) == ([(TWO, ABOUT)], [ONE])
    for read in (catalogue.about, catalogue.writer, catalogue.epochs):
        with pytest.raises(CatalogueDamagedError):
            read(ONE)
    assert (catalogue.writer(TWO), len(catalogue.epochs(TWO))) == (drawn("seed"), 1)


@pytest.mark.parametrize("secret", ["writer", "epoch"])
def test_damage_to_every_row_is_not_taken_for_another_devices_key(catalogue, secret):
    catalogue.put_about(ONE, ABOUT)
    spoil(catalogue, "channels", "about", ONE)
    with pytest.raises(HomeError):
        catalogue.abouts()
    if secret == "writer":
        catalogue.put_writer(ONE, drawn("seed"))
    else:
        catalogue.put_epoch(ONE, EpochSecret(1, drawn("e")))
    assert (catalogue.abouts(), catalogue.unreadable()) == ([], [ONE])


def test_an_empty_one_is_any_devices(catalogue, path):
    stranger = Catalogue.open_read_only(path, drawn("another key"))
    assert stranger.abouts() == stranger.unreadable() == []
    stranger.close()


def test_what_is_sealed_for_one_channel_does_not_pass_for_another(catalogue, path):
    catalogue.put_about(ONE, ABOUT)
    catalogue.put_about(TWO, ENDED)
    catalogue.put_writer(ONE, drawn("seed"))
    catalogue._database.connection.execute(
        "UPDATE channels SET about = (SELECT about FROM channels WHERE channel = ?)", (ONE,)
    )
    catalogue._database.connection.execute("UPDATE writers SET channel = ?", (TWO,))
    assert catalogue.about(ONE) == ABOUT
    with pytest.raises(CatalogueDamagedError):
        catalogue.about(TWO)
    with pytest.raises(CatalogueDamagedError):
        catalogue.writer(TWO)


def test_values_of_a_wrong_size_are_damage(catalogue):
    catalogue.put_checkpoint(CHECKPOINT)
    catalogue._database.connection.execute("UPDATE logs SET head = x'00'")
    with pytest.raises(CatalogueDamagedError):
        catalogue.checkpoints(ONE)


def test_a_newer_one_is_refused_in_words_and_left_alone(catalogue, path):
    catalogue._database.connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    catalogue.close()
    before = read_file(path)
    for opening in (Catalogue.open, Catalogue.open_read_only):
        with pytest.raises(HomeError, match="newer version"):
            opening(path, DEVICE.wrap_key)
    assert read_file(path) == before


def test_an_older_one_is_damage_so_that_it_is_rebuilt(catalogue, path):
    catalogue._database.connection.execute(f"PRAGMA user_version = {SCHEMA - 1}")
    for opening in (Catalogue.open, Catalogue.open_read_only):
        with pytest.raises(CatalogueDamagedError):
            opening(path, DEVICE.wrap_key)


@pytest.mark.parametrize("ended", [None, *((how, 255) for how in How)])
def test_a_checkpoint_says_how_the_program_ended(catalogue, ended):
    known = replace(CHECKPOINT, ended=ended)
    catalogue.put_checkpoint(known)
    assert catalogue.checkpoints(ONE) == [known]
    assert known.closed == (ended is not None)


def test_an_end_that_nobody_knows_is_damage(catalogue):
    catalogue.put_checkpoint(CHECKPOINT)
    catalogue._database.connection.execute("UPDATE logs SET how = 99")
    with pytest.raises(CatalogueDamagedError):
        catalogue.checkpoints(ONE)


def test_another_programs_database_is_damage(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    for opening in (Catalogue.open, Catalogue.open_read_only):
        with pytest.raises(CatalogueDamagedError):
            opening(path, DEVICE.wrap_key)


def test_a_file_that_is_no_database_is_damage(path):
    write_file(path, b"no database " * 1_000)
    for opening in (Catalogue.open, Catalogue.open_read_only):
        with pytest.raises(CatalogueDamagedError):
            opening(path, DEVICE.wrap_key)


def test_a_damaged_page_is_found_when_opened_for_writing(catalogue, path):
    with catalogue.transaction():
        for number in range(300):
            catalogue.put_about(drawn(number), ABOUT)
    catalogue.close()
    data = bytearray(read_file(path))
    for page in range(3, len(data) // 4096, 2):
        data[page * 4096 : page * 4096 + 200] = bytes(200)
    write_file(path, bytes(data))
    with pytest.raises(CatalogueDamagedError):
        Catalogue.open(path, DEVICE.wrap_key)


def test_a_missing_one_is_not_made_by_reading(path):
    with pytest.raises(CatalogueMissingError):
        reopened(path)
    assert not os.path.exists(path)


def test_a_reader_changes_no_byte_and_works_in_a_directory_that_it_cannot_write_to(catalogue, path):
    catalogue.put_about(ONE, ABOUT)
    catalogue.close()
    before = read_file(path)
    os.chmod(os.path.dirname(path), 0o500)
    try:
        reader = reopened(path)
        assert reader.abouts() == [(ONE, ABOUT)]
        with pytest.raises(OSError, match="Read-only"):
            reader.put_about(TWO, ABOUT)
        reader.close()
    finally:
        os.chmod(os.path.dirname(path), 0o700)
    assert read_file(path) == before


def fill(path):
    with open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_an_os_error_and_changes_nothing(small_file_system):
    path = os.path.join(small_file_system, "catalogue")
    catalogue = Catalogue.open(path, DEVICE.wrap_key)
    catalogue.put_about(ONE, ABOUT)
    with pytest.raises(OSError, match="No space"):
        fill(os.path.join(small_file_system, "filler"))
    with pytest.raises(OSError, match=r"No space|Input/output"):
        put_all(catalogue, map(drawn, range(5_000)))
    assert catalogue.abouts() == [(ONE, ABOUT)]
    os.unlink(os.path.join(small_file_system, "filler"))
    catalogue.put_about(TWO, ABOUT)
    assert len(catalogue.abouts()) == 2
    catalogue.close()


def debt(version, relay="https://relay.example"):
    access = AccessList(HOST.public, version, {}, None)
    return Debt(relay, "work", HOST.seed, sign_access(access, HOST))


def test_what_is_owed_outlives_the_channel_and_hides_who_is_owed(catalogue, path):
    catalogue.put_debt(debt(1))
    catalogue.put_debt(debt(2))
    catalogue.put_debt(debt(3, ""))
    catalogue.forget(CHANNEL)
    assert sorted(catalogue.debts(), key=lambda one: one.relay) == [debt(3, ""), debt(2)]
    catalogue.forget_debt(CHANNEL, "https://relay.example", 1)
    assert len(catalogue.debts()) == 2
    catalogue.forget_debt(CHANNEL, "https://relay.example", 2)
    assert catalogue.debts() == [debt(3, "")]
    catalogue.put_debt(debt(4))
    catalogue.close()
    assert b"relay.example" not in read_file(path)


def test_what_is_owed_and_does_not_open_hides_nothing_else(catalogue):
    catalogue.put_debt(debt(1))
    catalogue._database.write("INSERT INTO debts VALUES (?, ?, ?, ?)", (ONE, TWO, 1, b"damaged"))
    assert catalogue.debts() == [debt(1)]


def test_a_catalogue_from_before_there_were_debts_is_not_rebuilt(catalogue, path):
    catalogue.put_about(ONE, ABOUT)
    for table in ("debts", "seen"):
        catalogue._database.connection.execute(f"DROP TABLE {table}")
    catalogue.close()
    again = Catalogue.open(path, DEVICE.wrap_key)
    assert (again.abouts(), again.debts(), again.seen(ONE)) == ([(ONE, ABOUT)], [], {})
    again.close()


def test_when_guests_were_here_is_known_until_the_terminal_is_forgotten(catalogue):
    catalogue.put_seen(ONE, {TWO: 7, ONE: 5})
    assert catalogue.seen(ONE) == {ONE: 5, TWO: 7}
    assert catalogue.seen(TWO) == {}
    catalogue._database.write("INSERT INTO seen VALUES (?, ?)", (TWO, b"damaged"))
    assert catalogue.seen(TWO) == {}
    catalogue.forget(ONE)
    assert catalogue.seen(ONE) == {}
