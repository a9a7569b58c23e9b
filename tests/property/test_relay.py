"""However a log comes to a relay, what is stored is that log."""

import tempfile
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.protocol.keys import log_id
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.serving import Reason
from relay_parts import HOST_RECORDS, LOG, MEMBER_RECORDS, RefusedByRelay, access, relay_parts
from samples import CHANNEL, HOST, INCARNATION, MEMBER

MEMBER_LOG = log_id(MEMBER.public, CHANNEL, INCARNATION, 1)
RECORDS = {LOG: HOST_RECORDS, MEMBER_LOG: MEMBER_RECORDS}
KEYS = {LOG: HOST, MEMBER_LOG: MEMBER}

# Which log, over which of two connections, from where, how many; and whether the connection is cut without waiting.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([LOG, MEMBER_LOG]),
        st.integers(0, 1),
        st.integers(0, 7),
        st.integers(1, 7),
        st.booleans(),
    ),
    max_size=12,
)


class Writers:
    """Two connections for each log, opened again when they have ended."""

    def __init__(self, parts):
        self._parts = parts
        self._open = {}

    async def of(self, log, which):
        if (log, which) not in self._open:
            self._open[log, which] = await self._parts.open(KEYS[log])
        return self._open[log, which]

    def drop(self, log, which):
        self._open.pop((log, which)).socket.close()


async def stored(parts, log):
    reader = await parts.open()
    return await reader.fetch(log, 0, 99)


async def play(steps, place):
    async with relay_parts(place) as parts:
        owner = await parts.open()
        await owner.send(m.Access(access()))
        await owner.expect(m.AccessStored)
        writers = Writers(parts)
        sizes = dict.fromkeys(RECORDS, 0)  # that were receipted
        refusals = []
        for log, which, first, number, is_cut in steps:
            records = RECORDS[log][first : first + number]
            if not records:
                continue
            writer = await writers.of(log, which)
            await writer.append(log, first, records)
            if is_cut:
                writers.drop(log, which)
                continue
            try:
                sizes[log] = max(sizes[log], (await writer.stored(first + len(records))).size)
            except RefusedByRelay as refused:
                refusals.append((refused.reason, first > sizes[log]))
                writers.drop(log, which)
    assert set(refusals) <= {(Reason.CHAIN, True)}  # for what lies behind a hole, and nothing else
    async with relay_parts(place) as parts:  # it was restarted
        for log, records in RECORDS.items():
            found = await stored(parts, log)
            assert found == records[: len(found)]
            assert len(found) >= sizes[log]
            writer = await parts.open(KEYS[log])
            await writer.append(log, 0, records)
            await writer.stored(len(records))
            assert await stored(parts, log) == records


@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
def test_any_interleaving_of_appends_duplicates_and_cuts_stores_the_same_logs(steps):
    with tempfile.TemporaryDirectory() as place:
        trio.run(play, steps, Path(place))
