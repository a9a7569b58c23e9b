"""cctm.archive.storage: work between the appends, when they are synchronised, and the end."""

import threading

import pytest

from cctm.archive.storage import Sync
from cctm.protocol.errors import LocalError
from memory_disk import MemoryDisk
from watched_storage import PATIENCE_S, Watched, ref


def test_work_runs_when_all_before_it_is_stored_and_gives_its_result(start):
    storage = start()
    storage.put(ref(), b"one")
    assert storage.run(lambda: len(storage.stored)).result(PATIENCE_S) == 1


def test_an_error_of_the_work_is_raised_where_it_is_waited_for(start):
    storage = start()
    failed = storage.run(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result(PATIENCE_S)
    assert storage.run(lambda: "alive").result(PATIENCE_S) == "alive"


def test_work_that_is_cancelled_in_time_does_not_run(start):
    storage = start()
    gate = threading.Event()
    storage.run(lambda: gate.wait(PATIENCE_S))
    ran = []
    cancelled = storage.run(lambda: ran.append(1))
    assert cancelled.cancel()
    gate.set()
    storage.barrier().result(PATIENCE_S)
    assert ran == []


def test_syncs_are_grouped_while_appends_follow_each_other():
    disk = MemoryDisk()
    storage = Watched("/archive", disk=disk, sync_interval_s=PATIENCE_S)
    gate = threading.Event()
    storage.run_aside(lambda: gate.wait(PATIENCE_S))
    for _ in range(500):
        storage.put(ref(), b"x")
    storage.start()
    gate.set()
    storage.close()
    assert len(storage.stored) == 500
    assert disk.log.count("sync") <= 2


def test_an_append_waits_for_its_group_unless_told_otherwise(start):
    storage = start(sync_interval_s=PATIENCE_S)
    storage.put(ref(), b"the last sync is long ago: at once")
    storage.barrier().result(PATIENCE_S)
    storage.put(ref(), b"waits")
    assert storage.run_aside(lambda: len(storage.stored)).result(PATIENCE_S) == 1
    done = threading.Event()
    storage.append(ref(), [b"now"], lambda _: done.set(), sync=Sync.NOW)
    assert done.wait(PATIENCE_S)
    assert len(storage.stored) == 2


def test_a_mebibyte_that_waits_is_synchronised_however_small_its_records(start):
    storage = start(sync_interval_s=PATIENCE_S)
    storage.put(ref(), b"first")
    storage.barrier().result(PATIENCE_S)
    done = threading.Event()
    storage.put(ref(), b"x", weight_bytes=1 << 19)
    storage.append(ref(), [b"y"], lambda _: done.set(), weight_bytes=1 << 19)
    assert done.wait(PATIENCE_S)


def test_a_group_is_synchronised_after_the_interval_without_further_appends(start):
    storage = start(sync_interval_s=0.01)
    storage.put(ref(), b"first")
    storage.barrier().result(PATIENCE_S)
    done = threading.Event()
    storage.append(ref(), [b"x"], lambda _: done.set())
    assert done.wait(PATIENCE_S)


def test_a_closed_storage_takes_nothing_more(start):
    storage = start()
    storage.close()
    storage.close()
    with pytest.raises(LocalError):
        storage.append(ref(), [b"x"])
    with pytest.raises(LocalError):
        storage.barrier()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_is_not_forgotten():
    storage = Watched("/archive", disk=MemoryDisk(), sync_interval_s=PATIENCE_S)
    gate = threading.Event()
    storage.run_aside(lambda: gate.wait(PATIENCE_S))

    later = []

    def raises(_stored):
        later.append(storage.barrier())
        raise ZeroDivisionError

    storage.append(ref(), [b"x"], raises)
    waiting = storage.barrier()
    storage.start()
    gate.set()
    for future in (waiting, *later):
        with pytest.raises(ZeroDivisionError):
            future.result(PATIENCE_S)
    assert later
    with pytest.raises(ZeroDivisionError):
        storage.close()
