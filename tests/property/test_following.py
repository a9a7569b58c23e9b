"""Whatever a connection does, and over whichever relays a reader comes: it ends with what the host wrote."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cctm.protocol.errors import ChainError, MalformedError
from cctm.protocol.sync import messages as m
from cctm.protocol.sync.followed import Doubt
from cctm.protocol.sync.uploading import AppendFrom, Uploading
from samples import CHANNEL, HOST
from sharing_parts import DEVICE, GUEST, LINK, Host, Own, PureRelay, Reader

pytestmark = pytest.mark.untraced

# --- a host's life

ACTS = st.lists(
    st.sampled_from(["output"] * 6 + ["keyframe", "grant", "rotate", "restart", "crash"]), max_size=25
)


def play(acts):
    """A host that did *acts*, and everything that it ever printed: which is what its keyframes show."""
    host = Host({DEVICE: 1, LINK: 1})
    host.begin()
    printed = b""
    for number, act in enumerate(acts):
        match act:
            case "output":
                host.output(b"%d;" % number)
                printed += b"%d;" % number
            case "keyframe":
                host.keyframe(printed)
            case "grant":
                host.readers |= {GUEST: 1}
                host.grant()
            case "rotate":
                host.rotate(screen=printed)
            case "restart":
                host.begin(printed)
            case "crash":  # the end of what was printed is repeated by the keeper
                host.end = max(0, host.end - 3)
                host.begin(None)
                if printed[host.end :]:
                    host.output(printed[host.end :])
                host.keyframe(printed)
    return host, printed


# --- its way to a reader

FAULTS = st.sampled_from(["none"] * 8 + ["cut", "drop", "double", "swap", "replay"])
PATHS = st.lists(st.tuples(st.integers(0, 2), st.lists(FAULTS, max_size=12), st.booleans()), max_size=6)


def beginnings(size, host):
    """What a relay has that got so much of each log."""
    return {log: records[: size % (len(records) + 1)] for log, records in host.records.items()}


def walk(reader, relay, faults):
    """One connection, with one fault or none at each message; until it is dropped, or all was said."""
    reader.follower.connected()
    reader.asked = []
    faults = deque(faults)
    said = []
    messages = deque([relay.logs()])
    try:
        while messages:
            message = messages.popleft()
            match faults.popleft() if faults else "none":
                case "cut":
                    return
                case "drop":
                    continue
                case "double":
                    messages.appendleft(message)
                case "swap" if messages:
                    messages.insert(1, message)
                    message = messages.popleft()
                case "replay" if said:
                    messages.append(said[0])
            said.append(message)
            reader.take(message)
            messages += (answer for ask in reader.asked for answer in answers(relay, ask))
            reader.asked = []
    except (MalformedError, ChainError):
        return


def answers(relay, ask):
    """In messages of one record, so that there is something to lose."""
    for answer in relay.answers(ask):
        if not answer.records:
            yield answer
        for seq, record in enumerate(answer.records, answer.first):
            yield m.Entries(answer.log, seq, [record])


@given(ACTS, st.lists(st.integers(0, 40), min_size=3, max_size=3), PATHS)
@settings(max_examples=100, deadline=None)
def test_over_any_relays_with_any_faults_a_reader_ends_with_what_the_host_printed(acts, behind, paths):
    host, printed = play(acts)
    relays = [PureRelay(host, beginnings(size, host)) for size in behind]
    reader = Reader()
    known = (0, 0)
    for which, faults, restarts in paths:
        if restarts:
            stored = reader.stored
            reader = Reader(known=reader.follower.known)
            reader.stored = stored
        walk(reader, relays[which], faults)
        now = (reader.follower.known.generation, reader.follower.known.size)
        assert now >= known
        known = now
        assert printed.startswith(reader.screen or b"")
    reader.connect(PureRelay(host))
    assert reader.screen == printed
    assert not set(reader.doubts) & {Doubt.FORK, Doubt.CONFLICT, Doubt.VOID, Doubt.NO_KEY}
    for log, records in reader.stored.items():
        assert all(host.records[log][seq] == record for seq, record in records.items())
    assert reader.follower.known.log == host.log
    assert reader.follower.known.size == host.writer.size


# --- its way to a relay


CUTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), max_size=5)


@given(ACTS, CUTS)
@settings(max_examples=100, deadline=None)
def test_however_connections_are_cut_and_a_relay_loses_data_it_ends_with_all_logs(acts, cuts):
    host, _ = play(acts)
    relay = PureRelay(host, {})
    for sent, kept in [*cuts, (None, None)]:
        upload = Uploading(CHANNEL, HOST.public, [Own(host, log) for log in host.records], ())
        effects = upload.take_untrusted(relay.logs())
        assert all(isinstance(effect, AppendFrom) for effect in effects)
        queue = [(e.log, seq) for e in effects for seq in range(e.seq, len(host.records[e.log]))]
        for log, seq in queue[:sent]:
            there = relay.has.setdefault(log, [])
            assert len(there) == seq, "what is appended continues what is there"
            there.append(host.records[log][seq])
        if kept is not None:
            relay.has = {
                log: records[: max(0, len(records) - kept % 7)] for log, records in relay.has.items()
            }
    assert relay.has == host.records
