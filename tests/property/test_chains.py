"""LogVerifier: a chain is accepted whole however it is cut, and never once it was changed."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol.entry import EntryKind
from cctm.protocol.errors import ChainError
from cctm.protocol.events import LogHead, Paused
from cctm.protocol.log import LogVerifier
from cctm.protocol.log_writer import LogWriter
from samples import EMPTY_KEYFRAME, entries, host_writer, nonce
from strategies import host_chains

pytestmark = pytest.mark.untraced


def verifier_of(writer: LogWriter) -> LogVerifier:
    return LogVerifier(writer.channel, writer.log)


def first_refused(writer, batch, *, one_by_one=False):
    """Where *batch* is refused; and that the verifier is as before."""
    verifier = verifier_of(writer)
    for part in [[entry] for entry in batch] if one_by_one else [batch]:
        before = verifier.known
        try:
            verifier.admit_untrusted(part)
        except ChainError as error:
            assert verifier.known == before
            return error.seq
    raise AssertionError("the chain was accepted")


@given(host_chains(), st.data())
def test_any_split_into_batches_gives_the_same_head(written, data):
    writer, chain = written
    whole = entries(chain)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    verifier = verifier_of(writer)
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        verifier.admit_untrusted(whole[start:end])
    assert verifier.known == LogHead(writer.log, writer.size, writer.head)


def flipped(data, entry):
    """*entry* with one bit of its body, signature or key id changed."""
    field = data.draw(st.sampled_from(["body", "sig", "key_id"]))
    value = bytearray(getattr(entry, field))
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    return dataclasses.replace(entry, **{field: bytes(value)})


@given(host_chains(), st.data(), st.booleans())
def test_a_flipped_bit_is_named_at_its_entry(written, data, one_by_one):
    writer, chain = written
    batch = entries(chain)
    place = data.draw(st.integers(0, len(batch) - 1))
    batch[place] = flipped(data, batch[place])
    assert first_refused(writer, batch, one_by_one=one_by_one) == place


@given(host_chains(1), st.data(), st.booleans())
def test_a_dropped_entry_is_named_at_its_place(written, data, one_by_one):
    writer, chain = written
    batch = entries(chain)
    place = data.draw(st.integers(0, len(batch) - 2))
    del batch[place]
    assert first_refused(writer, batch, one_by_one=one_by_one) == place


@given(host_chains(), st.data(), st.booleans())
def test_a_doubled_entry_is_named_where_it_comes_again(written, data, one_by_one):
    writer, chain = written
    batch = entries(chain)
    place = data.draw(st.integers(0, len(batch) - 1))
    batch.insert(place, batch[place])
    assert first_refused(writer, batch, one_by_one=one_by_one) == place + 1


@given(host_chains(2), st.data(), st.booleans())
def test_two_swapped_entries_are_named_at_the_first(written, data, one_by_one):
    writer, chain = written
    batch = entries(chain)
    first, second = sorted(
        data.draw(st.lists(st.integers(0, len(batch) - 1), min_size=2, max_size=2, unique=True))
    )
    batch[first], batch[second] = batch[second], batch[first]
    assert first_refused(writer, batch, one_by_one=one_by_one) == first


@given(host_chains(1), st.data(), st.booleans())
def test_two_swapped_and_renumbered_entries_are_named_at_the_first(written, data, one_by_one):
    writer, chain = written
    batch = entries(chain)
    first = data.draw(st.integers(1, len(batch) - 2))
    batch[first], batch[first + 1] = (
        dataclasses.replace(batch[first + 1], seq=first),
        dataclasses.replace(batch[first], seq=first + 1),
    )
    assert first_refused(writer, batch, one_by_one=one_by_one) == first


@given(host_chains(1), st.data(), st.booleans())
def test_an_entry_from_a_fork_does_not_continue_the_other_branch(written, data, one_by_one):
    writer, chain = written
    batch = entries(chain)
    fork_at = data.draw(st.integers(3, len(batch) - 1))
    branch = host_writer()
    branch.append_open()
    branch.append_grant(batch[1].body)
    # The same three beginnings, then a branch of another content: each entry of it is validly signed.
    other = [*batch[:2], branch.append(EntryKind.KEYFRAME, [EMPTY_KEYFRAME], nonce(77)).entry]
    other += [
        branch.append(EntryKind.DATA, [Paused(seq)], nonce(seq)).entry for seq in range(3, len(batch) + 1)
    ]
    spliced = [*batch[:fork_at], *other[fork_at:]]
    assert first_refused(writer, spliced, one_by_one=one_by_one) == fork_at


@given(host_chains(), st.data())
def test_a_refused_batch_leaves_the_way_open_for_the_right_one(written, data):
    writer, chain = written
    good = entries(chain)
    verifier = verifier_of(writer)
    start = data.draw(st.integers(0, len(good) - 1))
    verifier.admit_untrusted(good[:start])
    bad = good[start:]
    bad[-1] = flipped(data, bad[-1])
    with pytest.raises(ChainError):
        verifier.admit_untrusted(bad)
    verifier.admit_untrusted(good[start:])
    assert verifier.head == writer.head
