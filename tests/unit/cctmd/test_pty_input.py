"""What is typed reaches the program in order, however slowly it reads."""

import contextlib
import os

import pytest
import trio
import trio.testing

from cctm.cctmd.pty_input import MAX_WAITING_BYTES, PtyInput
from daemon_parts import open_pty


@pytest.fixture
def slave_and_master():
    master, slave = open_pty()
    os.set_blocking(slave, False)
    yield slave, master
    os.close(slave)


async def read_exactly(slave, size):
    found = b""
    with trio.fail_after(20):
        while len(found) < size:
            await trio.lowlevel.wait_readable(slave)
            found += os.read(slave, 65_536)
    return found


def is_full(pty_input):
    return not pty_input._room.is_set()


async def test_what_the_program_takes_is_written_at_once(slave_and_master, nursery):
    slave, master = slave_and_master
    pty_input = PtyInput(master, nursery)
    pty_input.write(b"ls\r")
    assert os.read(slave, 100) == b"ls\r"
    pty_input.close()


async def test_what_it_does_not_take_waits_and_arrives_in_order(slave_and_master, nursery):
    slave, master = slave_and_master
    pty_input = PtyInput(master, nursery)
    pieces = [b"%06d " % number * 1000 for number in range(30)]
    for piece in pieces:
        pty_input.write(piece)
    assert not is_full(pty_input)
    assert await read_exactly(slave, sum(map(len, pieces))) == b"".join(pieces)
    pty_input.write(b"more")
    assert await read_exactly(slave, 4) == b"more"
    pty_input.close()


async def test_who_writes_more_than_may_wait_is_held_until_the_program_reads(slave_and_master, nursery):
    slave, master = slave_and_master
    pty_input = PtyInput(master, nursery)
    data = bytes(range(1, 251)) * (2 * MAX_WAITING_BYTES // 250)
    pty_input.write(data)
    assert is_full(pty_input)
    assert await read_exactly(slave, len(data)) == data
    with trio.fail_after(20):
        await pty_input.room()
    pty_input.close()


async def test_all_that_wait_for_room_get_it(slave_and_master, nursery):
    slave, master = slave_and_master
    pty_input = PtyInput(master, nursery)
    passed = []

    async def type_as(name):
        pty_input.write(b"x" * (2 * MAX_WAITING_BYTES))
        await pty_input.room()
        passed.append(name)

    nursery.start_soon(type_as, "first")
    nursery.start_soon(type_as, "second")
    await trio.testing.wait_all_tasks_blocked()
    assert passed == []
    await read_exactly(slave, 2 * (2 * MAX_WAITING_BYTES))
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(passed) == ["first", "second"]
    pty_input.close()


async def test_closing_lets_everybody_go_and_what_comes_then_is_for_nobody(slave_and_master, nursery):
    _, master = slave_and_master
    pty_input = PtyInput(master, nursery)
    pty_input.write(b"x" * (2 * MAX_WAITING_BYTES))
    await trio.testing.wait_all_tasks_blocked()
    pty_input.close()
    with trio.fail_after(20):
        await pty_input.room()
    pty_input.write(b"late")
    pty_input.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(master)


async def test_what_is_typed_while_no_program_has_the_terminal_open_waits_without_a_busy_loop(
    nursery, autojump_clock
):
    master, slave = open_pty()
    path = os.ttyname(slave)
    pty_input = PtyInput(master, nursery)
    os.close(slave)
    data = b"x" * 50_000
    pty_input.write(data)
    await trio.sleep(2)  # of trio's own clock; a busy loop would never let it jump
    again = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    found = b""
    while len(found) < len(data) and trio.current_time() < 1000:
        await trio.sleep(1)
        with contextlib.suppress(BlockingIOError):
            found += os.read(again, 65_536)
    assert found == data
    pty_input.close()
    os.close(again)


async def test_what_is_typed_after_the_terminal_is_gone_is_dropped(nursery):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    pty_input = PtyInput(writer, nursery)
    os.close(reader)
    pty_input.write(b"x" * (2 * MAX_WAITING_BYTES))
    assert not is_full(pty_input)
    pty_input.close()
