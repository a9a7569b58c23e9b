"""cctm.cctmd.joining.past: how long a relay may take."""

import time

import pytest
import trio

from cctm.cctmd.joining.past import PIECE_S, SILENT_S, outcome_in_time
from cctm.cctmd.links.pacing import Paced
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.past import Gap, Recall
from cctm.protocol.sync.records import PART_BYTES
from samples import CHANNEL, host_writer

LOG = host_writer().log


def paced(messages, every_s):
    """A relay that says each of *messages* so long after the one before, and then nothing any more."""
    waiting = iter(messages)

    async def receive():
        await trio.sleep(every_s)
        for message in waiting:
            return message
        return await trio.sleep_forever()

    return Paced(receive, time.thread_time)


def recall():
    return Recall(CHANNEL, Gap(LOG, 1, 17, bytes(32)), 16)


async def test_a_relay_that_is_silent_is_not_waited_for(autojump_clock):
    began = trio.current_time()
    assert await outcome_in_time(recall(), paced([], 1)) is None
    assert trio.current_time() - began <= SILENT_S


@pytest.mark.parametrize(
    "messages",
    [
        [m.Logs([], more=False)] * 1_000,
        [m.LiveFrom(bytes(32), b"")] * 1_000,
        [
            m.EntryPart(LOG, 1, at, 100 * PART_BYTES, bytes(PART_BYTES))
            for at in range(0, 99 * PART_BYTES, PART_BYTES)
        ],
    ],
)
async def test_nor_is_one_that_says_something_now_and_then(autojump_clock, messages):
    began = trio.current_time()
    assert await outcome_in_time(recall(), paced(messages, SILENT_S - 1)) is None
    assert trio.current_time() - began <= PIECE_S
