"""cctm.protocol.log: chains, written and verified."""

import dataclasses

import pytest

from cctm.protocol.contents import open_events
from cctm.protocol.entry import EntryKind, Place, decode_open_body_untrusted
from cctm.protocol.errors import ChainError, Flaw, LocalError
from cctm.protocol.events import Keyframe, LogHead, Marked, Output
from cctm.protocol.grant import open_grant_untrusted
from cctm.protocol.keys import NO_KEY, ZERO, Digest, LogId, entry_key, log_id
from cctm.protocol.log import LogVerifier, Verdict, compare, may_stand
from cctm.protocol.log_writer import LogWriter
from samples import (
    CHANNEL,
    CLOSED,
    DATA_EVENTS,
    DEVICE,
    EMPTY_KEYFRAME,
    EPOCH,
    HOST,
    INCARNATION,
    MEMBER,
    NEXT_EPOCH,
    OTHER_CHANNEL,
    OUTPUT,
    PREDECESSOR,
    append_grant,
    begin,
    drawn,
    entries,
    host_log,
    host_writer,
    member_log,
    nonce,
)

LOG = log_id(HOST.public, CHANNEL, INCARNATION, 1)
MEMBER_LOG = log_id(MEMBER.public, CHANNEL, INCARNATION, 1)
CHAIN = entries(host_log())


def refusal(verifier, batch, prevs=None):
    """Where and why *batch* is refused; and that nothing changed."""
    before = (verifier.writer, verifier.size, verifier.head)
    with pytest.raises(ChainError) as caught:
        verifier.admit_untrusted(batch, prevs)
    assert (verifier.writer, verifier.size, verifier.head) == before
    return caught.value.seq, caught.value.flaw


def test_a_writer_counts_and_chains():
    writer = host_writer()
    assert (writer.log, writer.size, writer.head) == (LOG, 0, ZERO)
    chain = begin(writer)
    for count in range(5):
        before = writer.head
        chain.append(writer.append(EntryKind.DATA, [OUTPUT], nonce(count)))
        assert (writer.size, chain[-1].prev) == (len(chain), before)
    assert [sealed.entry.seq for sealed in chain] == list(range(8))
    assert len({sealed.prev for sealed in chain} | {writer.head}) == 9


def test_what_a_writer_appends_opens_with_the_epochs_key():
    writer = host_writer()
    begin(writer)
    place = writer.place(EntryKind.DATA)
    sealed = writer.append(EntryKind.DATA, DATA_EVENTS, nonce(1))
    assert open_events(place, entry_key(EPOCH, CHANNEL, LOG), sealed.entry.body) == list(DATA_EVENTS)


def test_open_names_the_writer_and_the_log_before():
    writer = host_writer(2, PREDECESSOR)
    opening = decode_open_body_untrusted(writer.append_open().entry.body)
    assert (opening.writer, opening.generation, opening.predecessor) == (HOST.public, 2, PREDECESSOR)


def test_a_rotation_seals_under_the_new_epoch_from_its_grant_on():
    writer = host_writer()
    chain = begin(writer)
    writer.rotate(NEXT_EPOCH)
    place = writer.place(EntryKind.GRANT)
    granted = append_grant(writer, NEXT_EPOCH)
    assert open_grant_untrusted(DEVICE, place, granted.entry.body).secrets == (EPOCH, NEXT_EPOCH)
    place = writer.place(EntryKind.KEYFRAME)
    sealed = writer.append(EntryKind.KEYFRAME, [EMPTY_KEYFRAME], nonce(9))
    assert sealed.entry.key_id == NEXT_EPOCH.key_id
    assert open_events(place, entry_key(NEXT_EPOCH, CHANNEL, LOG), sealed.entry.body) == [EMPTY_KEYFRAME]
    verifier = LogVerifier(CHANNEL, LOG)
    verifier.admit_untrusted(entries([*chain, granted, sealed]))
    assert verifier.known == LogHead(LOG, writer.size, writer.head)


def test_nothing_is_sealed_under_an_epoch_that_was_not_granted():
    writer = host_writer()
    begin(writer)
    writer.rotate(NEXT_EPOCH)
    with pytest.raises(LocalError):
        writer.append(EntryKind.DATA, [OUTPUT], nonce(1))
    append_grant(writer, NEXT_EPOCH)
    assert writer.append(EntryKind.DATA, [OUTPUT], nonce(1)).entry.seq == 4


def test_a_member_follows_the_hosts_epochs_without_granting():
    writer = LogWriter(CHANNEL, MEMBER, EPOCH, INCARNATION, 1, None)
    writer.append_open()
    writer.rotate(NEXT_EPOCH)
    sealed = writer.append(EntryKind.DATA, [Marked(0, "x")], nonce(1))
    assert sealed.entry.key_id == NEXT_EPOCH.key_id


@pytest.mark.parametrize("kind", EntryKind)
def test_a_host_log_begins_open_grant_keyframe(kind):
    assert may_stand(kind, 0, host=True) is (kind is EntryKind.OPEN)
    assert may_stand(kind, 1, host=True) is (kind is EntryKind.GRANT)
    assert may_stand(kind, 2, host=True) is (kind is EntryKind.KEYFRAME)
    assert may_stand(kind, 3, host=True) is (kind is not EntryKind.OPEN)


@pytest.mark.parametrize("kind", EntryKind)
def test_a_members_log_is_open_and_data(kind):
    assert may_stand(kind, 0, host=False) is (kind is EntryKind.OPEN)
    for seq in (1, 2, 3):
        assert may_stand(kind, seq, host=False) is (kind is EntryKind.DATA)


def test_a_writer_refuses_an_entry_that_may_not_stand_there_and_goes_on():
    writer = host_writer()
    with pytest.raises(LocalError):
        writer.append(EntryKind.DATA, [OUTPUT], nonce(1))
    writer.append_open()
    with pytest.raises(LocalError):
        writer.append_open()
    with pytest.raises(LocalError):
        writer.append(EntryKind.KEYFRAME, [EMPTY_KEYFRAME], nonce(1))
    append_grant(writer)
    with pytest.raises(LocalError):
        writer.append_grant(b"again")
    writer.append(EntryKind.KEYFRAME, [EMPTY_KEYFRAME], nonce(1))
    with pytest.raises(LocalError):
        writer.append(EntryKind.DATA, [Output(0, 0, b"")], nonce(1))
    assert writer.size == 3
    assert writer.append(EntryKind.DATA, [OUTPUT], nonce(1)).entry.seq == 3


def test_a_member_cannot_write_as_the_host():
    writer = LogWriter(CHANNEL, MEMBER, EPOCH, INCARNATION, 1, None)
    writer.append_open()
    with pytest.raises(LocalError):
        writer.append_grant(b"grant")
    with pytest.raises(LocalError):
        writer.append(EntryKind.CLOSE, [CLOSED], nonce(1))


def test_a_verifier_accepts_a_log_and_learns_its_writer():
    verifier = LogVerifier(CHANNEL, LOG)
    verifier.admit_untrusted(CHAIN)
    assert verifier.writer == HOST.public
    assert verifier.size == len(CHAIN)
    verifier = LogVerifier(CHANNEL, MEMBER_LOG)
    verifier.admit_untrusted(entries(member_log()))
    assert verifier.writer == MEMBER.public


def test_a_verifier_goes_on_where_it_stopped():
    first = LogVerifier(CHANNEL, LOG)
    first.admit_untrusted(CHAIN[:3])
    second = LogVerifier(CHANNEL, LOG, first.writer, first.size, first.head)
    second.admit_untrusted(CHAIN[3:])
    second.admit_untrusted([])
    whole = LogVerifier(CHANNEL, LOG, HOST.public)
    whole.admit_untrusted(CHAIN)
    assert second.known == whole.known


def test_a_verifier_cannot_go_on_without_a_writer():
    with pytest.raises(LocalError):
        LogVerifier(CHANNEL, LOG, None, 1)


def test_records_are_admitted_with_their_predecessors():
    chain = host_log()
    verifier = LogVerifier(CHANNEL, LOG)
    verifier.admit_sealed_untrusted(chain)
    assert verifier.size == len(chain)
    wrong = [*chain[:3], dataclasses.replace(chain[3], prev=Digest(drawn("x"))), *chain[4:]]
    with pytest.raises(ChainError) as caught:
        LogVerifier(CHANNEL, LOG).admit_sealed_untrusted(wrong)
    assert (caught.value.seq, caught.value.flaw) == (3, Flaw.PREV)


def test_predecessors_are_given_for_all_entries_or_none():
    with pytest.raises(LocalError):
        LogVerifier(CHANNEL, LOG).admit_untrusted(CHAIN, [ZERO])


def test_a_log_that_does_not_start_at_its_start_is_refused():
    assert refusal(LogVerifier(CHANNEL, LOG), CHAIN[1:]) == (0, Flaw.SEQ)
    moved = dataclasses.replace(CHAIN[1], seq=0)
    assert refusal(LogVerifier(CHANNEL, LOG), [moved]) == (0, Flaw.KIND)


def test_an_open_body_that_does_not_parse_is_refused():
    broken = dataclasses.replace(CHAIN[0], body=CHAIN[0].body[:-1])
    assert refusal(LogVerifier(CHANNEL, LOG), [broken]) == (0, Flaw.OPEN_BODY)


@pytest.mark.parametrize(
    "verifier",
    [
        LogVerifier(CHANNEL, LogId(drawn("another log"))),
        LogVerifier(OTHER_CHANNEL, LOG),
        LogVerifier(CHANNEL, LOG, MEMBER.public),
    ],
)
def test_a_log_id_commits_to_channel_and_writer(verifier):
    assert refusal(verifier, CHAIN) == (0, Flaw.WRITER)


def test_a_missing_doubled_or_swapped_entry_is_named():
    assert refusal(LogVerifier(CHANNEL, LOG), [*CHAIN[:3], *CHAIN[4:]]) == (3, Flaw.SEQ)
    assert refusal(LogVerifier(CHANNEL, LOG), [*CHAIN[:4], *CHAIN[3:]]) == (4, Flaw.SEQ)
    assert refusal(LogVerifier(CHANNEL, LOG), [*CHAIN[:3], CHAIN[4], CHAIN[3]]) == (3, Flaw.SEQ)


def test_an_entry_of_a_kind_that_may_not_stand_there_is_named():
    for index, kind in ((1, EntryKind.DATA), (2, EntryKind.DATA), (3, EntryKind.OPEN)):
        chain = [*CHAIN]
        chain[index] = dataclasses.replace(chain[index], kind=kind)
        assert refusal(LogVerifier(CHANNEL, LOG), chain) == (index, Flaw.KIND)


def test_open_names_no_key_and_every_other_entry_one():
    for index, key_id in ((0, EPOCH.key_id), (3, NO_KEY)):
        chain = [*CHAIN]
        chain[index] = dataclasses.replace(chain[index], key_id=key_id)
        assert refusal(LogVerifier(CHANNEL, LOG), chain) == (index, Flaw.KEY)


@pytest.mark.parametrize("index", range(len(CHAIN)))
def test_a_changed_entry_is_named_wherever_it_stands(index):
    changed = dataclasses.replace(CHAIN[index], sig=bytes(64))
    chain = [*CHAIN[:index], changed, *CHAIN[index + 1 :]]
    assert refusal(LogVerifier(CHANNEL, LOG), chain) == (index, Flaw.SIGNATURE)


def test_a_changed_entry_before_a_gap_is_named_rather_than_the_gap():
    changed = dataclasses.replace(CHAIN[2], body=CHAIN[2].body[:-1] + b"x")
    assert refusal(LogVerifier(CHANNEL, LOG), [*CHAIN[:2], changed, CHAIN[4]]) == (2, Flaw.SIGNATURE)


def test_an_entry_of_another_generation_of_the_same_writer_does_not_fit():
    other = entries(host_log(generation=2))
    chain = [*CHAIN[:3], other[3], *CHAIN[4:]]
    assert refusal(LogVerifier(CHANNEL, LOG), chain) == (3, Flaw.SIGNATURE)


OURS = LogHead(LOG, 5, Digest(drawn("five")))
SAME_PLACE = LogHead(LOG, 5, Digest(drawn("another five")))
LONGER = LogHead(LOG, 6, Digest(drawn("six")))
SHORTER = LogHead(LOG, 4, Digest(drawn("four")))


@pytest.mark.parametrize(
    ("theirs", "at_shorter", "successor", "verdict"),
    [
        (OURS, None, None, Verdict.SAME),
        (SAME_PLACE, None, None, Verdict.FORK),
        (LONGER, None, None, Verdict.AHEAD),
        (LONGER, OURS.head, None, Verdict.AHEAD),
        (LONGER, SAME_PLACE.head, None, Verdict.FORK),
        (SHORTER, None, None, Verdict.ROLLBACK),
        (SHORTER, SHORTER.head, None, Verdict.ROLLBACK),
        (SHORTER, drawn("x"), None, Verdict.FORK),
        (SHORTER, SHORTER.head, SHORTER, Verdict.RECOVERED),
        (SHORTER, SHORTER.head, OURS, Verdict.ROLLBACK),
        (SHORTER, drawn("x"), SHORTER, Verdict.FORK),
    ],
)
def test_heads_compare(theirs, at_shorter, successor, verdict):
    assert compare(OURS, theirs, at_shorter, successor) is verdict


def test_heads_of_two_logs_do_not_compare():
    with pytest.raises(LocalError):
        compare(OURS, LogHead(MEMBER_LOG, 5, OURS.head))


def test_a_place_is_where_the_next_entry_will_stand():
    writer = host_writer()
    assert writer.place(EntryKind.OPEN) == Place(CHANNEL, LOG, 0, EntryKind.OPEN, NO_KEY, ZERO)
    begin(writer)
    assert writer.place(EntryKind.DATA) == Place(CHANNEL, LOG, 3, EntryKind.DATA, EPOCH.key_id, writer.head)


def test_a_keyframe_may_come_again():
    writer = host_writer()
    begin(writer)
    again = dataclasses.replace(EMPTY_KEYFRAME, offset=9)
    assert isinstance(again, Keyframe)
    assert writer.append(EntryKind.KEYFRAME, [again], nonce(5)).entry.seq == 3
