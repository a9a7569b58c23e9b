"""What is left of a terminal whose list of members cannot be read."""

from cctm.cctmd.resuming import members_of
from daemon_parts import running_daemon


async def test_a_list_of_members_that_cannot_be_read_costs_the_sharing_and_nothing_else(tmp_path, caplog):
    async with running_daemon(tmp_path) as daemon:
        terminals = daemon.terminals
        channel = bytes(range(32))
        assert members_of(terminals, channel).version == 0
        database = terminals.services.catalogue._database
        database.write("INSERT INTO shares VALUES (?, ?)", (channel, b"damaged"))
        members = members_of(terminals, channel)
        assert not members
        assert members.version > 1_000_000_000  # above any that a relay may have
        assert "share it again" in caplog.text
