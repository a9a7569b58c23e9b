"""cctm.relay.memory: how much is held for others, together."""

from cctm.protocol.entry import decode_record_untrusted
from cctm.relay.memory import Allowance, TailMemory
from cctm.relay.tail import Tail
from relay_parts import HOST_RECORDS, LOG
from samples import CHANNEL

SIZE = len(HOST_RECORDS)
BYTES = sum(map(len, HOST_RECORDS))


def tail(stored=SIZE):
    made = Tail(CHANNEL, LOG)
    made.admit_untrusted([decode_record_untrusted(record) for record in HOST_RECORDS], HOST_RECORDS)
    made.note_stored(stored)
    return made


def test_the_longest_silent_gives_up_first():
    memory = TailMemory(2 * BYTES)
    silent, other, newest = tail(), tail(), tail()
    for one in (silent, other):
        memory.note(one)
    assert (silent.held_bytes, other.held_bytes) == (BYTES, BYTES)
    memory.note(newest)
    assert [one.held_bytes for one in (silent, other, newest)] == [0, BYTES, BYTES]
    assert (silent.first, silent.size) == (SIZE, SIZE)


def test_what_is_not_stored_is_not_given_up():
    memory = TailMemory(0)
    half = tail(stored=3)
    memory.note(half)
    assert half.first == 3
    assert half.from_memory(3, SIZE) == HOST_RECORDS[3:]
    half.note_stored(SIZE)
    memory.note(half)
    assert half.held_bytes == 0


def test_who_is_forgotten_makes_room():
    memory = TailMemory(BYTES)
    gone, here = tail(), tail()
    memory.note(gone)
    memory.forget(gone)
    memory.note(here)
    assert here.held_bytes == BYTES


def test_an_allowance_is_taken_and_given_back():
    allowance = Allowance(10)
    assert allowance.take(10)
    assert not allowance.take(1)
    assert allowance.take(-1)
    assert allowance.take(-5)
    assert allowance.take(5)


def test_messages_that_are_shared_count_too():
    memory = TailMemory(BYTES)
    reading = tail()
    [frame] = reading.frames(0, HOST_RECORDS)
    assert reading.held_bytes == BYTES + len(frame)
    memory.note(reading)
    assert reading.held_bytes == 0
