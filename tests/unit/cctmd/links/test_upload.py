"""cctm.cctmd.links.upload: what a relay says to a host, and what that may cost."""

import pytest
import trio

from cctm.cctmd.links.pacing import AT_ONCE, PER_SECOND
from cctm.cctmd.links.upload import Upload
from cctm.cctmd.links.urgent import Urgent
from cctm.protocol.sync import messages as m
from link_parts import HostWithMemory, outgoing_of
from samples import CHANNEL, HOST

MOST = 100_000


class Flood:
    """A relay that has nothing of ours, says so, and then the same for ever."""

    access_version = 0

    def __init__(self, message):
        self.message = message
        self.said = 0

    async def receive(self):
        self.said += 1
        assert self.said < MOST, "nothing holds it up"
        # As long as there is something to read, reading costs no wait.
        return m.Logs([], more=False) if self.said == 1 else self.message

    async def send(self, message):
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("message", [m.AccessStored(0), m.LiveFrom(bytes(32), b"")])
async def test_of_a_flood_of_any_message_as_many_are_taken_as_may_be(tmp_path, autojump_clock, message):
    flood = Flood(message)
    upload = Upload(CHANNEL, HOST.public, flood, outgoing_of(tmp_path), Urgent(), HostWithMemory())
    with trio.move_on_after(10):
        await upload.take_stock()
        await upload.run()
    assert abs(flood.said - (AT_ONCE + 10 * PER_SECOND)) <= 3
