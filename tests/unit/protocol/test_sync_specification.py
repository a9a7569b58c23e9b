"""SPEC.md §14, §15 and the code say the same."""

import specification
from cctm.protocol.admission import MAX_LIST_BYTES, MAX_MEMBERS, Verb
from cctm.protocol.link import MAX_LINK
from cctm.protocol.sync.messages import MAX_LIVE, MAX_MESSAGE, MAX_RECORDS_BYTES, MESSAGES, PART_BYTES, LogRow
from cctm.protocol.sync.serving import Reason
from cctm.relay.cursors import MOST_FETCHES, MOST_TAILS
from cctm.relay.main import BURST_BYTES, RATE_BYTES
from cctm.relay.memory import MOST_JOINING_BYTES, MOST_TAIL_BYTES
from cctm.relay.options import GIB, MIB, Options
from cctm.relay.outbox import MOST_LIVE, MOST_LIVE_BYTES
from cctm.relay.room import MOST_LOGS
from cctm.relay.server import NEW_S, PING_S, PING_TIMEOUT_S
from cctm.relay.session import ENDING_S, HANDSHAKE_S, MESSAGE_COST_BYTES
from cctm.relay.store import MOST_WAITING_BYTES
from cctm.relay.tail import TAIL_BYTES

SECTION = specification.section(15)
OPTIONS = Options("")


def test_the_table_of_messages_is_that_of_the_specification():
    assert specification.messages(SECTION) == [
        (number, message.__name__, "c→s" if number < 64 else "s→c", specification.fields(message))
        for number, message in MESSAGES.items()
    ]
    assert specification.row(SECTION) == specification.fields(LogRow)


def test_the_words_behind_the_numbers_are_those_of_the_specification():
    assert specification.numbered(SECTION, "`reason`") == specification.named(Reason)
    assert specification.numbered(SECTION, "Verbs") == specification.named(Verb)


def test_the_limits_are_those_of_the_specification():
    assert (MAX_MESSAGE, MAX_RECORDS_BYTES, PART_BYTES, MAX_LIVE) == (2**20, 2**18, 2**18, 2**16)
    assert "at most 1 MiB" in SECTION
    assert SECTION.count("256 KiB") == 2
    assert f"newest {TAIL_BYTES >> 20} MiB at hand" in SECTION
    assert MOST_LIVE_BYTES == MIB // 4
    assert NEW_S == 10
    assert "a tenth of that each second" in SECTION
    for row in (
        f"| from the connection to Opened | {HANDSHAKE_S:.0f} s |",
        f"| ping · its answer | every {PING_S:.0f} s · {PING_TIMEOUT_S:.0f} s |",
        f"| {OPTIONS.connections:,} · {OPTIONS.connections_per_address}; the operator's choice |",
        f"{MESSAGE_COST_BYTES} more for each message | {RATE_BYTES / MIB:.0f} MiB a second",
        f"{BURST_BYTES / MIB:.0f} MiB at once | delayed |",
        f"| {OPTIONS.channel_bytes // GIB} GiB · {OPTIONS.total_bytes // GIB} GiB; the operator's choice | quota |",
        f"| logs of a channel | {MOST_LOGS:,} | quota |",
        f"on one connection | {MOST_FETCHES} · {MOST_TAILS:,} | rate |",
        f"| {MOST_LIVE}, a quarter of a MiB | the oldest is dropped |",
        f"together | {MOST_JOINING_BYTES // MIB} MiB · {MOST_TAIL_BYTES // MIB} MiB | rate · readers lag sooner |",
        f"| verified and not yet stored | {MOST_WAITING_BYTES // MIB} MiB | delayed |",
        f"| {OPTIONS.idle_days} days; the operator's choice | deleted |",
        f"| Refused, and closing | {ENDING_S:.0f} s |",
    ):
        assert row in SECTION
    assert "`Live.data` is at most 64 KiB" in SECTION
    assert f"at most {MAX_MEMBERS:,}, the whole at most {MAX_LIST_BYTES // 1024} KiB" in SECTION
    assert f"At most {MAX_LINK:,} characters" in specification.section(14)
