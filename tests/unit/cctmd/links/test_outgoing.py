"""What of a channel's logs may leave, and in which order."""

import os
from contextlib import contextmanager

import pytest
import trio
import trio.testing

from cctm.archive.files import segment_path
from cctm.cctmd.links.outgoing import HELD_BYTES
from cctm.protocol.errors import LocalError
from cctm.protocol.sync.messages import MAX_RECORDS_BYTES
from link_parts import WrittenLog, in_time, outgoing_of, written


@pytest.fixture
def outgoing(tmp_path):
    return outgoing_of(tmp_path)


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "archive")


@contextmanager
def taking(outgoing):
    """All logs, from their beginnings."""
    with outgoing.taking(lambda log: outgoing.take(log.log, 0)):
        for log in list(outgoing.logs):
            outgoing.take(log, 0)
        yield


async def take(outgoing, number):
    """The next *number* records."""
    found = []
    with in_time():
        while len(found) < number:
            run = await outgoing.next()
            found += run.records
    assert len(found) == number
    return found


async def nothing_leaves(outgoing):
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            left = []

            async def wait():
                left.append(await outgoing.next())

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    return left == []


async def test_output_leaves_before_it_is_stored(outgoing, place):
    log = written(place, outgoing)
    with taking(outgoing):
        await take(outgoing, 3)
        log.print(100, 200)
        assert await take(outgoing, 2) == log.records[3:]


async def test_what_needs_the_disk_leaves_when_it_is_there_and_so_does_what_follows(outgoing, place):
    log = WrittenLog(place, outgoing)
    with taking(outgoing):
        log.begin()
        log.print(10)
        assert await nothing_leaves(outgoing)
        log.settle()
        assert await take(outgoing, 4) == log.records
        log.print(10)
        log.print(10, needs_disk=True)
        log.print(10)
        assert await take(outgoing, 1) == log.records[4:5]
        assert await nothing_leaves(outgoing)
        log.settle()
        assert await take(outgoing, 2) == log.records[5:]


async def test_what_was_sealed_while_nobody_took_it_comes_from_the_archive(outgoing, place):
    log = written(place, outgoing, *[50_000] * 20)
    assert outgoing.held_bytes == 0
    with taking(outgoing):
        assert await take(outgoing, 23) == log.records


async def test_what_is_held_is_bounded_and_the_rest_leaves_when_it_is_stored(outgoing, place):
    log = written(place, outgoing)
    with taking(outgoing):
        await take(outgoing, 3)
        for _ in range(40):
            log.print(40_000)
            assert outgoing.held_bytes <= HELD_BYTES
        assert await nothing_leaves(outgoing)
        log.settle()
        assert await take(outgoing, 40) == log.records[3:]
        assert outgoing.held_bytes == 0


async def test_a_record_that_is_larger_than_what_is_held_leaves_alone(outgoing, place):
    log = written(place, outgoing)
    with taking(outgoing):
        await take(outgoing, 3)
        log.print(100, HELD_BYTES + 1, 100)
        log.settle()
        sizes = []
        for _ in range(3):
            run = await outgoing.next()
            sizes.append(len(run.records))
        assert sizes == [1, 1, 1]


async def test_what_goes_at_once_fits_into_a_message(outgoing, place):
    written(place, outgoing, *[30_000] * 50)
    with taking(outgoing):
        left = 53
        while left:
            run = await outgoing.next()
            assert len(run.records) == 1 or sum(map(len, run.records)) <= MAX_RECORDS_BYTES
            left -= len(run.records)


async def test_the_newest_log_goes_first(outgoing, place):
    old = written(place, outgoing, 10, generation=1)
    new = written(place, outgoing, 10, generation=2)
    with taking(outgoing):
        assert await take(outgoing, 4) == new.records
        assert await take(outgoing, 4) == old.records


async def test_a_log_that_nobody_asked_for_stays(outgoing, place):
    old = written(place, outgoing, generation=1)
    new = written(place, outgoing, generation=2)
    with outgoing.taking(lambda _: None):
        outgoing.take(new.ref.log, 1)
        assert await take(outgoing, 2) == new.records[1:]
        assert await nothing_leaves(outgoing)
    assert old.ref.log in outgoing.logs


async def test_a_log_that_begins_meanwhile_is_told_of(outgoing, place):
    begun = []
    with outgoing.taking(begun.append):
        log = written(place, outgoing)
        assert [each.log for each in begun] == [log.ref.log]
        outgoing.take(log.ref.log, 0)
        assert await take(outgoing, 3) == log.records


async def test_an_earlier_log_is_read_from_the_archive(outgoing, place):
    log = WrittenLog(place, outgoing, tells=False)
    log.begin()
    log.settle()
    outgoing.known(log.ref, 3, log.writer.head)
    assert outgoing.logs[log.ref.log].head_at(3) == log.writer.head
    with taking(outgoing):
        assert await take(outgoing, 3) == log.records


async def test_the_hash_at_a_size_is_looked_up_in_the_archive(outgoing, place):
    log = written(place, outgoing, 10)
    own = outgoing.logs[log.ref.log]
    head = log.writer.head
    log.print(10)
    await outgoing.note_head(log.ref.log, 4)
    assert own.head_at(4) is None  # what comes behind is not on the disk yet
    log.settle()
    await outgoing.note_head(log.ref.log, 4)
    assert own.head_at(4) == head


async def test_a_log_that_cannot_be_read_holds_up_no_other(outgoing, place):
    bad = written(place, outgoing, generation=2)
    good = written(place, outgoing, generation=1)
    os.unlink(segment_path(place, bad.ref, 1))
    with taking(outgoing):
        assert await take(outgoing, 3) == good.records
        assert outgoing.lost.ref == bad.ref
        assert await nothing_leaves(outgoing)


async def test_records_that_do_not_follow_are_our_mistake(outgoing, place):
    log = written(place, outgoing)
    with pytest.raises(LocalError):
        outgoing.sealed(log.ref, 5, [b"x"], needs_disk=False)


async def test_only_one_takes(outgoing):
    with taking(outgoing), pytest.raises(LocalError), taking(outgoing):
        pass
