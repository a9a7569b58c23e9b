"""What a relay achieves that lies about entries: the rows of SPEC.md §16.10, one by one.

In each, nothing that the host did not print is ever on the screen, and what is known never goes back.
"""

import dataclasses

import pytest

from cctm.protocol.entry import decode_record_untrusted, encode_record
from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.events import LogHead
from cctm.protocol.keys import DeviceKeys, WriterKey
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import NOTHING_KNOWN, Doubt
from cctm.protocol.sync.follower import State
from cctm.protocol.sync.following import MAX_HELD_BYTES
from cctm.protocol.sync.records import Records, cut_entries
from cctm.protocol.sync.uploading import AppendFrom, Uploading
from samples import CHANNEL, HOST, MEMBER, drawn
from sharing_parts import DEVICE, LINK, Host, Own, PureRelay, Reader, forked

REFUSED = (MalformedError, ChainError)
PRINTED = b"first second third "


def shared():
    host = Host()
    host.begin()
    for word in PRINTED.split():
        host.output(word + b" ")
    return host


def reading(host, size=None):
    """A reader that is level with the first *size* entries of the host's log."""
    relay = PureRelay(host, {host.log: host.records[host.log][:size]})
    reader = Reader()
    reader.connect(relay)
    return reader


def dropped(reader, message):
    """The reader drops the link over *message*, and is none the worse."""
    known, screen, stored = reader.follower.known, reader.screen, dict(reader.stored)
    with pytest.raises(REFUSED):
        reader.take(message)
    assert reader.follower.state is State.APART
    assert (reader.follower.known, reader.screen, reader.stored) == (known, screen, stored)


def recovers(reader, host):
    """Over an honest relay it has all that was printed."""
    reader.connect(PureRelay(host))
    assert reader.screen == PRINTED
    assert reader.follower.known.size == host.writer.size


# --- it flips, truncates, forges, splices, reorders


def flips(record):
    for place in range(len(record)):
        changed = bytearray(record)
        changed[place] ^= 0x20
        yield bytes(changed)


@pytest.mark.parametrize("seq", range(6), ids=["open", "grant", "keyframe", "data", "more data", "the last"])
def test_a_newcomer_refuses_a_record_with_any_byte_changed(seq):
    host = shared()
    records = host.records[host.log]
    step = 1 if len(records[seq]) < 600 else 7
    for changed in list(flips(records[seq]))[::step]:
        reader = Reader()
        reader.offered(PureRelay(host).logs())
        dropped(reader, m.Entries(host.log, 0, [*records[:seq], changed, *records[seq + 1 :]]))
        assert reader.screen is None


@pytest.mark.parametrize("part", ["open", "grant", "keyframe"])
def test_what_is_fetched_by_itself_is_refused_with_any_byte_changed(part):
    host = shared()
    host.keyframe(PRINTED)
    seq = {"open": 0, "grant": 1, "keyframe": 6}[part]
    for changed in list(flips(host.records[host.log][seq]))[::3]:
        reader = Reader()
        reader.offered(PureRelay(host).logs())
        dropped(reader, m.Entries(host.log, seq, [changed]))


def test_a_reader_that_is_level_refuses_what_is_changed_cut_short_or_from_elsewhere():
    host = shared()
    records = host.records[host.log]
    clone = Host(lineage="clone")
    clone.begin()
    clone.output(b"of another log")
    stranger = Host(key=MEMBER)
    stranger.begin()
    stranger.output(b"of another channel")
    wrong = [
        *list(flips(records[5]))[::5],
        *(records[5][:size] for size in range(0, len(records[5]), 9)),
        records[4],  # at the place of the next
        clone.records[clone.log][3],
        stranger.records[stranger.log][3],
        encode_record(dataclasses.replace(decode_record_untrusted(records[5]), prev=drawn("prev"))),
    ]
    for record in wrong:
        reader = reading(host, 5)
        dropped(reader, m.Entries(host.log, 5, [record]))
    recovers(reader, host)


def test_entries_in_another_order_are_refused():
    host = shared()
    records = host.records[host.log]
    reader = reading(host, 4)
    dropped(reader, m.Entries(host.log, 4, [records[5], records[4]]))
    recovers(reader, host)
    dropped(reading(host, 4), m.Entries(host.log, 5, [records[5]]))


def test_a_log_of_somebody_elses_key_does_not_pass_for_the_hosts():
    forger = Host(key=WriterKey.from_seed(drawn("forger")))
    forger.begin()
    forger.output(b"forged")
    relay = PureRelay(forger)
    reader = Reader()
    reader.connect(relay)  # by its own name it is nobody's
    assert (reader.screen, reader.asked) == (None, [])
    reader.offered(m.Logs([relay.row(forger.log, writer=HOST.public)], more=False))
    dropped(reader, m.Entries(forger.log, 0, forger.records[forger.log]))


def test_a_log_under_the_name_of_another_is_refused():
    host = shared()
    reader = Reader()
    reader.offered(m.Logs([PureRelay(host).row(host.log)._replace(log=drawn("another"))], more=False))
    dropped(reader, m.Entries(drawn("another"), 0, host.records[host.log]))


# --- it withholds


@pytest.mark.parametrize("lacking", ["open", "grant", "keyframe"])
def test_without_one_of_the_parts_of_a_first_screen_nothing_is_shown(lacking):
    host = shared()
    host.keyframe(PRINTED)
    records = host.records[host.log]
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    for name, seq in {"open": 0, "grant": 1, "keyframe": 6}.items():
        if name != lacking:
            assert reader.take(m.Entries(host.log, seq, [records[seq]])) == []
    assert (reader.screen, reader.follower.known) == (None, NOTHING_KNOWN)
    reader.connect(PureRelay(host))
    assert reader.screen == PRINTED


def test_an_entry_that_was_offered_and_is_not_there_ends_the_link():
    host = shared()
    host.keyframe(PRINTED)
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    dropped(reader, m.Entries(host.log, 0, []))


def test_no_more_is_held_for_want_of_a_grant_than_the_largest_keyframe_needs():
    host = shared()
    host.keyframe(PRINTED)
    host.keyframe(PRINTED)
    first = host.writer.size
    noise = b"".join(drawn(f"{part}", 64) for part in range(15_000))
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    reader.take(m.Entries(host.log, 7, host.records[host.log][7:8]))
    held = []
    for seq in range(first, first + 60):
        host.output(noise)
        held += cut_entries(Records(host.log, seq, host.records[host.log][seq:]))
    taken = iter(held)
    with pytest.raises(MalformedError):
        [reader.take(part) for part in taken]
    left = sum(len(part.data) for part in taken)
    assert sum(len(part.data) for part in held) - left < MAX_HELD_BYTES + len(noise) + 1_000
    assert (reader.screen, reader.stored) == (None, {})


# --- it doubles and replays


def test_entries_that_come_again_change_nothing():
    host = shared()
    reader = reading(host)
    known = reader.follower.known
    records = host.records[host.log]
    for first in range(len(records)):
        for end in range(first + 1, len(records) + 1):
            assert reader.take(m.Entries(host.log, first, records[first:end])) == []
    assert (reader.screen, reader.follower.known) == (PRINTED, known)


def test_the_parts_of_a_first_screen_may_come_twice():
    host = shared()
    host.keyframe(PRINTED)
    records = host.records[host.log]
    reader = Reader()
    reader.offered(PureRelay(host).logs())
    for seq in (0, 0, 1, 1, 6, 6, 0, 1, 3, 6):
        reader.take(m.Entries(host.log, seq, [records[seq]]))
    assert reader.screen == PRINTED
    assert sorted(reader.stored[host.log]) == [0, 1, 6]


def test_a_lag_that_is_claimed_again_and_again_leads_forward_only():
    host = shared()
    reader = reading(host)
    host.keyframe(b"<skipped>")
    host.output(b"!")
    host.keyframe(PRINTED)
    for keyframe in (6, 8, 2, 6):
        reader.take(m.Lagged(host.log, 9, 1, keyframe))
    dropped(reader, m.Entries(host.log, 7, host.records[host.log][7:8]))
    known = reader.follower.known
    reader.connect(PureRelay(host))
    assert reader.follower.known.size > known.size


# --- it rolls back, or serves an old log


def test_a_log_that_is_cut_back_is_stale_and_the_screen_stays():
    host = shared()
    reader = reading(host)
    for size in range(3, 6):
        reader.connect(PureRelay(host, {host.log: host.records[host.log][:size]}))
        assert Doubt.STALE in reader.follower.doubts
        assert reader.screen == PRINTED


@pytest.mark.parametrize("size", range(3, 6))
def test_after_a_restart_a_log_that_is_cut_back_is_not_shown(size):
    host = shared()
    known = reading(host).follower.known
    reader = Reader(known=known)
    reader.connect(PureRelay(host, {host.log: host.records[host.log][:size]}))
    assert (reader.screen, reader.doubts, reader.follower.known) == (None, [Doubt.STALE], known)


def test_a_newcomer_is_not_served_last_week_as_now():
    host = shared()
    last_week = dict(host.records)
    host.begin(b"<now>")
    reader = Reader(least=(2, 1))
    reader.connect(PureRelay(host, last_week))
    assert (reader.screen, reader.doubts) == (None, [Doubt.STALE])
    reader.connect(PureRelay(host))
    assert reader.screen == b"<now>"


def test_a_newcomer_is_not_served_the_epoch_before_its_own():
    host = shared()
    before = {host.log: list(host.records[host.log])}
    host.rotate(screen=PRINTED)
    reader = Reader(least=(1, 2))
    reader.connect(PureRelay(host, before))
    assert (reader.screen, reader.doubts) == (None, [Doubt.STALE])
    recovers(reader, host)


def test_an_older_grant_does_not_bring_back_an_older_table():
    host = shared()
    host.readers = {DEVICE: 1, LINK: 1}
    early = host.writer.size
    host.grant()
    host.keyframe(PRINTED)
    host.readers = {DEVICE: 1, LINK: 1, DeviceKeys.from_seed(drawn("new")): 1}
    host.grant()
    reader = reading(host)
    newest = reader.learnt[-1].table
    reader.take(m.Entries(host.log, early, host.records[host.log][early : early + 1]))
    again = Reader(known=reader.follower.known)
    again.follower.connected()
    row = PureRelay(host).row(host.log, grant=early)
    again.take(m.Logs([row], more=False))
    again.settle(PureRelay(host))
    assert again.doubts == [Doubt.STALE]
    assert [learnt.table for learnt in again.learnt] == [newest]


# --- it forks (with the host's key)


def test_a_reader_that_sees_both_sides_of_a_fork_says_so_and_shows_the_first():
    host = shared()
    for seq in (3, 4, 5, 6):
        reader = reading(host)
        reader.take(m.Entries(host.log, seq, [forked(host, seq)]))
        assert reader.doubts == [Doubt.FORK]
        assert reader.screen == PRINTED


def test_without_the_hosts_key_there_is_no_fork_only_a_lie():
    host = shared()
    forger = Host(key=WriterKey.from_seed(drawn("forger")))
    forger.begin()
    for _ in range(4):
        forger.output(b"forged")
    for seq in (3, 5, 6):
        reader = reading(host)
        dropped(reader, m.Entries(host.log, seq, [forger.records[forger.log][seq]]))
        assert reader.doubts == []


def test_a_predecessor_that_was_not_written_is_told_as_a_fork():
    host = shared()
    reader = reading(host)
    host.begin(PRINTED, predecessor=LogHead(host.log, 6, drawn("another")))
    reader.connect(PureRelay(host))
    assert reader.doubts == [Doubt.FORK]


# --- it says that it stored and did not; it names logs that are not there


def test_what_was_said_to_be_stored_is_sent_again_if_it_is_not_offered_next_time():
    host = shared()
    for there in range(7):
        upload = Uploading(CHANNEL, HOST.public, [Own(host)], ())
        relay = PureRelay(host, {host.log: host.records[host.log][:there]})
        assert upload.take_untrusted(relay.logs()) == [AppendFrom(host.log, there)]
        upload.take_untrusted(m.Stored(host.log, 6, host.heads[host.log][6]))


def test_a_relay_cannot_make_a_host_believe_in_a_copy_of_itself():
    host = shared()
    stranger = Host(key=MEMBER)
    stranger.begin()
    records = [*host.records[host.log], *stranger.records[stranger.log]]
    for record in [*records, *list(flips(records[0]))[::3]]:
        upload = Uploading(CHANNEL, HOST.public, [Own(host)], ())
        row = PureRelay(host).row(host.log)._replace(log=drawn("invented"), generation=99)
        upload.take_untrusted(m.Logs([row], more=False))
        with pytest.raises(REFUSED):
            upload.take_untrusted(m.Entries(drawn("invented"), 0, [record]))
