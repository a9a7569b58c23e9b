"""cctm.protocol.sync.chain and keyring: what a reader verifies, and what it can open."""

import dataclasses

import pytest

from cctm.protocol.entry import EntryKind, decode_record_untrusted
from cctm.protocol.errors import ChainError, Flaw, OpenError
from cctm.protocol.ids import NO_KEY
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.chain import HEADS, Chain, place_of, verify_alone_untrusted
from cctm.protocol.sync.followed import Doubt
from cctm.protocol.sync.keyring import Keyring
from samples import CHANNEL, HOST
from sharing_parts import DEVICE, GUEST, LINK, STRANGER, Host, PureRelay, Reader, secret


def sealed(host):
    return [decode_record_untrusted(record) for record in host.records[host.log]]


def shared():
    host = Host()
    host.begin()
    host.output(b"one")
    host.output(b"two")
    return host


def begun(host, first=0, end=None):
    chain = Chain(CHANNEL, host.log, HOST.public)
    entries = sealed(host)[first:end]
    chain.begin(entries[0])
    assert chain.take_untrusted(entries) == (entries, None)
    return chain


@pytest.mark.parametrize("first", range(5))
def test_a_chain_may_begin_at_any_entry(first):
    host = shared()
    chain = begun(host, first)
    assert (chain.base, chain.size, chain.head) == (first, 5, host.writer.head)
    assert [chain.head_at(size) for size in range(first, 7)] == [*host.heads[host.log][first:], None]
    assert chain.head_at(first - 1) is None


def test_what_came_before_the_remembered_hashes_is_neither_compared_nor_taken():
    host = shared()
    for _ in range(HEADS):
        host.output(b".")
    chain = begun(host)
    assert chain.head_at(3) is None
    changed = dataclasses.replace(sealed(host)[3], prev=bytes(32))
    fresh, fork = chain.take_untrusted([changed])
    assert (list(fresh), fork) == ([], None)
    assert chain.head == host.writer.head


@pytest.mark.parametrize("changed", [{"kind": EntryKind.OPEN}, {"key_id": NO_KEY}, {"sig": bytes(64)}])
def test_an_entry_that_no_host_log_has_does_not_stand_alone(changed):
    host = shared()
    one = sealed(host)[3]
    assert verify_alone_untrusted(CHANNEL, host.log, HOST.public, one) == host.heads[host.log][4]
    one = dataclasses.replace(one, entry=dataclasses.replace(one.entry, **changed))
    flaw = {"kind": Flaw.KIND, "key_id": Flaw.KEY, "sig": Flaw.SIGNATURE}[next(iter(changed))]
    with pytest.raises(ChainError) as caught:
        verify_alone_untrusted(CHANNEL, host.log, HOST.public, one)
    assert (caught.value.seq, caught.value.flaw) == (3, flaw)


def test_an_entry_asked_for_alone_that_is_no_grant_is_refused():
    host = shared()
    host.keyframe()
    reader = Reader()
    reader.offered(m.Logs([PureRelay(host).row(host.log, grant=3)], more=False))
    with pytest.raises(ChainError):
        reader.take(m.Entries(host.log, 3, host.records[host.log][3:4]))


# --- keys


def grant_of(host, seq):
    one = sealed(host)[seq]
    return place_of(CHANNEL, host.log, one), one.entry.body


def test_the_first_device_that_has_a_box_opens_a_grant():
    host = shared()
    for devices, box in (((LINK,), LINK), ((STRANGER, LINK), LINK), ((DEVICE, LINK), DEVICE)):
        ring = Keyring(CHANNEL, devices)
        opened = ring.open_grant_untrusted(*grant_of(host, 1))
        assert (opened.epoch, opened.secrets, opened.box) == (secret(1), (secret(1),), box.box_public)
    assert Keyring(CHANNEL, (STRANGER,)).open_grant_untrusted(*grant_of(host, 1)) is None


def test_nothing_is_learnt_by_opening_alone():
    host = shared()
    ring = Keyring(CHANNEL, (LINK,))
    opened = ring.open_grant_untrusted(*grant_of(host, 1))
    assert ring.open_entry(*grant_of(host, 3)) is None
    ring.learn(opened)
    [event] = ring.open_entry(*grant_of(host, 3))
    assert event.data == b"one"
    assert ring.enrolled == {LINK.box_public}


def test_a_box_that_the_table_promises_is_looked_for_until_it_is_found():
    host = shared()
    ring = Keyring(CHANNEL, (GUEST, LINK))
    ring.learn(ring.open_grant_untrusted(*grant_of(host, 1)))
    host.grant()
    assert ring.open_grant_untrusted(*grant_of(host, 5)).box is None
    host.readers |= {GUEST: 1}
    host.grant()
    opened = ring.open_grant_untrusted(*grant_of(host, 6))
    assert (opened.box, opened.secrets) == (GUEST.box_public, ())
    ring.learn(opened)
    assert ring.open_grant_untrusted(*grant_of(host, 6)).box is None


def test_a_known_epochs_grant_with_another_table_is_void():
    host = shared()
    ring = Keyring(CHANNEL, (LINK,))
    ring.learn(ring.open_grant_untrusted(*grant_of(host, 1)))
    host.grant()
    place, _ = grant_of(host, 5)
    with pytest.raises(OpenError):
        ring.open_grant_untrusted(place, grant_of(host, 1)[1])


def test_who_has_the_past_reads_it_under_the_newest_grant():
    host = Host({DEVICE: 1})
    host.begin()
    host.output(b"the past ")
    host.rotate({DEVICE: 1, LINK: 1}, None)
    relay = PureRelay(host)
    reader = Reader()
    reader.offered(m.Logs([relay.row(host.log, keyframe=2)], more=False))
    reader.settle(relay)
    assert reader.screen == b"the past "
    assert reader.learnt[0].secrets == (secret(1), secret(2))
    assert reader.doubts == []
    assert Doubt.NO_KEY not in reader.follower.doubts
