"""cctm.relay.database and store: what is kept, and when it is said to be."""

import contextlib
import os
import sqlite3

import pytest
import trio

from cctm.protocol.admission import invite_hash
from cctm.protocol.entry import decode_record_untrusted
from cctm.protocol.keys import channel_id
from cctm.relay import invite
from cctm.relay.database import Database, StaleError, UninvitedError
from cctm.relay.metrics import Metrics
from cctm.relay.store import Maker, Store
from cctm.relay.tail import Tail
from relay_parts import HOST_RECORDS, LOG, access, long_chain
from samples import CHANNEL, MEMBER

NOW_S = 1_700_000_000
MAKER = Maker(NOW_S, None, by_invite=False)
SIZE = len(HOST_RECORDS)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "relay.sqlite")


def state_after(number, chain=HOST_RECORDS):
    tail = Tail(CHANNEL, LOG)
    records = chain[:number]
    tail.admit_untrusted([decode_record_untrusted(record) for record in records], records)
    return tail.state


def filled(path):
    database = Database(path)
    with database.transaction():
        database.ensure(CHANNEL, NOW_S, None, by_invite=False)
        database.put_access(CHANNEL, access())
        database.append(CHANNEL, state_after(3), HOST_RECORDS[:3], 1_000)
        database.append(CHANNEL, state_after(SIZE), HOST_RECORDS[3:], 500)
    return database


def test_what_was_written_is_read_by_the_next(path):
    filled(path).close()
    with contextlib.closing(Database(path)) as database:
        state = database.channel(CHANNEL)
        assert (state.access, state.stored_bytes, list(state.logs)) == (access(), 1_500, [state_after(SIZE)])
        assert database.records(LOG, 0, SIZE, 10**9) == HOST_RECORDS
        assert database.total_bytes() == 1_500


def test_records_are_read_by_bytes_and_at_least_one(path):
    with contextlib.closing(filled(path)) as database:
        assert database.records(LOG, 1, SIZE, 1) == HOST_RECORDS[1:2]
        two = len(HOST_RECORDS[1]) + len(HOST_RECORDS[2])
        assert database.records(LOG, 1, SIZE, two) == HOST_RECORDS[1:3]
        assert database.records(LOG, 1, 2, 10**9) == HOST_RECORDS[1:2]
        assert database.records(LOG, SIZE, SIZE + 1, 10**9) == []
        assert database.records(bytes(32), 0, 1, 10**9) == []


def test_what_is_unknown_is_none(path):
    with contextlib.closing(filled(path)) as database:
        assert database.channel(channel_id(MEMBER.public)) is None


def test_nobody_but_the_operator_can_read_the_file(path):
    filled(path).close()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_log_goes_on_only_where_it_ends(path):
    with contextlib.closing(filled(path)) as database:
        for state, records in (
            (state_after(SIZE), HOST_RECORDS),
            (state_after(SIZE), HOST_RECORDS[-1:]),
        ):
            with pytest.raises(StaleError), database.transaction():
                database.append(CHANNEL, state, records, 0)
        assert database.channel(CHANNEL).logs == [state_after(SIZE)]


def test_a_channel_that_is_removed_leaves_nothing(path):
    database = filled(path)
    with database.transaction():
        database.remove(CHANNEL)
    assert database.channel(CHANNEL) is None
    assert database.total_bytes() == 0
    database.close()
    with contextlib.closing(sqlite3.connect(path)) as plain:
        assert [
            plain.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("logs", "records")
        ] == [(0,)] * 2


def test_what_nobody_used_for_long_is_found(path):
    with contextlib.closing(filled(path)) as database:
        assert database.idle(NOW_S, 9) == []
        assert database.idle(NOW_S + 1, 9) == [CHANNEL]
        with database.transaction():
            database.touch(CHANNEL, NOW_S + 5)
        assert database.idle(NOW_S + 1, 9) == []


def test_an_invite_is_good_as_often_and_as_long_as_it_says(path):
    text = invite.make_invite(path, 2, 1).encode()
    with contextlib.closing(Database(path)) as database:
        [(expires_s,)] = database._sql.execute("SELECT expires_s FROM invites").fetchall()
        assert database.is_invited(invite_hash(text), expires_s - 1)
        assert not database.is_invited(invite_hash(text), expires_s)
        assert not database.is_invited(invite_hash(b"another"), 0)
        with database.transaction():
            for channel in (CHANNEL, channel_id(MEMBER.public), CHANNEL):
                database.ensure(channel, 0, invite_hash(text), by_invite=True)
            with pytest.raises(UninvitedError):
                database.ensure(bytes(32), 0, invite_hash(text), by_invite=True)
        dump = "".join(database._sql.iterdump())
        assert text.decode() not in dump
        assert text.hex() not in dump.lower()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 30, b""])
def test_only_what_is_a_store_is_used(path, content):
    with open(path, "wb") as file:
        file.write(content)
    if content:
        with pytest.raises(OSError, match="not a database"):
            Database(path)
    else:
        Database(path).close()


def test_another_program_s_database_is_refused(path):
    with contextlib.closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA user_version = 7")
        plain.commit()
    with pytest.raises(OSError, match="no store"):
        Database(path)


async def test_what_waits_is_written_together_and_in_order(path):
    metrics = Metrics()
    store = Store(path, metrics)
    heard = []
    store.append(
        CHANNEL, state_after(3), HOST_RECORDS[:3], 100, MAKER, lambda outcome: heard.append((1, outcome))
    )
    store.append(
        CHANNEL, state_after(SIZE), HOST_RECORDS[3:], 100, MAKER, lambda outcome: heard.append((2, outcome))
    )
    store.put_access(CHANNEL, access(), MAKER, lambda outcome: heard.append((3, outcome)))
    assert heard == []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        await store.settle()
        nursery.cancel_scope.cancel()
    assert heard == [(1, None), (2, None), (3, None)]
    assert metrics.commits == 1
    state = await store.channel(CHANNEL)
    assert (state.access, list(state.logs)) == (access(), [state_after(SIZE)])
    assert await store.records(LOG, 0, SIZE, 10**9) == HOST_RECORDS
    store.close()


async def test_what_cannot_be_written_is_said_and_does_not_hinder_the_rest(path):
    metrics = Metrics()
    store = Store(path, metrics)
    heard = []
    stale = state_after(SIZE)
    uninvited = Maker(NOW_S, None, by_invite=True)
    store.put_access(channel_id(MEMBER.public), access(), uninvited, heard.append)
    store.append(CHANNEL, state_after(3), HOST_RECORDS[:3], 100, MAKER, heard.append)
    store.append(CHANNEL, stale, HOST_RECORDS[4:], 100, MAKER, heard.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        await store.settle()
        nursery.cancel_scope.cancel()
    assert [type(outcome) for outcome in heard] == [UninvitedError, type(None), StaleError]
    assert metrics.stored_bytes == 100
    assert [log.size for log in (await store.channel(CHANNEL)).logs] == [3]
    store.close()


async def test_when_the_disk_refuses_everybody_hears_it_and_nothing_is_stored(path):
    store = Store(path, Metrics())
    store._writer._sql.execute("PRAGMA max_page_count = 1")  # it is as large as it may be
    heard = []
    records = long_chain(300, 9)
    store.append(CHANNEL, state_after(9, records), records, 100, MAKER, heard.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.run)
        await store.settle()
        assert [isinstance(outcome, OSError) for outcome in heard] == [True]
        assert store.failure is heard[0]
        assert await store.channel(CHANNEL) is None
        store._writer._sql.execute("PRAGMA max_page_count = 100000")
        store.append(CHANNEL, state_after(9, records), records, 100, MAKER, heard.append)
        await store.settle()
        nursery.cancel_scope.cancel()
    assert (heard[1], store.failure) == (None, None)
    store.close()


def test_a_reader_is_opened_while_somebody_writes(path):
    with (
        contextlib.closing(Database(path)) as writer,
        writer.transaction(),
        contextlib.closing(Database(path)) as reader,
    ):
        assert reader.channel(CHANNEL) is None
