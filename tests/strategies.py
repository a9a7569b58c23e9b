"""What hypothesis draws: values, events, entries and whole logs of the protocol."""

from hypothesis import strategies as st

from cctm.protocol import events as ev
from cctm.protocol.access import Role
from cctm.protocol.entry import Entry, EntryKind, OpenBody, Sealed
from cctm.protocol.grant import Table
from cctm.protocol.keys import EpochSecret, WriterKey, channel_id
from cctm.protocol.log_writer import LogWriter
from samples import begin, host_writer, nonce

u63 = st.integers(0, 2**63 - 1)
half_u63 = st.integers(0, 2**62 - 2_001)  # two of them, and what is printed, end within a stream
hash_bytes = st.binary(min_size=32, max_size=32)
short_bytes = st.binary(max_size=80)
texts = st.text(max_size=40)
cells = st.integers(1, 65_535)
streams = st.binary(min_size=16, max_size=16)
names = st.text(min_size=1, max_size=64).filter(ev.is_name)

# Everything that the codec can carry. Numbers crowd around the places where an encoding grows by a byte.
_edges = st.sampled_from([0, 31, 32, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    _edges,
    _edges.map(lambda n: max(-n, -(2**63))),
    _edges.map(lambda n: -n // 2),
)
_atoms = st.one_of(st.none(), st.booleans(), numbers, st.binary(max_size=300), st.text(max_size=80))
values = st.recursive(_atoms, lambda children: st.lists(children, max_size=20), max_leaves=40)

log_heads = st.builds(ev.LogHead, hash_bytes, u63, hash_bytes)

_by_class = {
    ev.Opened: st.builds(
        ev.Opened,
        u63,
        st.lists(short_bytes, min_size=1, max_size=5).map(tuple),
        short_bytes,
        cells,
        cells,
        names,
        texts,
        u63,
        streams,
    ),
    ev.Output: st.builds(ev.Output, u63, half_u63, st.binary(min_size=1, max_size=2_000)),
    ev.Input: st.builds(ev.Input, u63, short_bytes, u63, st.none() | short_bytes),
    ev.Resized: st.builds(ev.Resized, u63, cells, cells, short_bytes),
    ev.Marked: st.builds(ev.Marked, u63, texts),
    ev.Renamed: st.builds(ev.Renamed, u63, names),
    ev.Control: st.builds(ev.Control, u63, short_bytes),
    ev.Joined: st.builds(ev.Joined, u63, short_bytes, texts),
    ev.Left: st.builds(ev.Left, u63, short_bytes),
    ev.Document: st.builds(ev.Document, u63, short_bytes),
    ev.Keyframe: st.builds(
        ev.Keyframe,
        u63,
        st.none() | streams,
        u63,
        cells,
        cells,
        names,
        u63,
        st.none() | short_bytes,
        st.none() | short_bytes,
        st.lists(log_heads, max_size=4).map(tuple),
        st.none() | short_bytes,
    ),
    ev.Paused: st.builds(ev.Paused, u63),
    ev.Resumed: st.builds(ev.Resumed, u63),
    ev.Gap: st.builds(ev.Gap, u63, half_u63, st.none() | half_u63),
    ev.Closed: st.builds(ev.Closed, u63, st.sampled_from(ev.How), u63),
}

events = st.one_of(*_by_class.values())
event_lists = st.lists(events, min_size=1, max_size=6)
keyframes = _by_class[ev.Keyframe]
data_events = st.one_of(*(s for event, s in _by_class.items() if event not in {ev.Keyframe, ev.Closed}))
data_batches = st.lists(data_events, min_size=1, max_size=4)
closing_batches = st.tuples(st.lists(data_events, max_size=2), _by_class[ev.Closed]).map(
    lambda p: [*p[0], p[1]]
)

kinds_with_events = st.one_of(
    st.tuples(st.just(EntryKind.DATA), data_batches),
    st.tuples(st.just(EntryKind.KEYFRAME), keyframes.map(lambda event: [event])),
    st.tuples(st.just(EntryKind.CLOSE), closing_batches),
)

seeds = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=24, max_size=24)
epochs = st.builds(EpochSecret, st.integers(1, 2**63 - 1), hash_bytes)
open_bodies = st.builds(
    OpenBody,
    hash_bytes,
    st.binary(min_size=16, max_size=16),
    st.integers(1, 2**63 - 1),
    st.none() | log_heads,
)
wire_entries = st.builds(
    Entry,
    u63,
    st.sampled_from(EntryKind),
    hash_bytes,
    st.binary(min_size=1, max_size=300),
    st.binary(min_size=64, max_size=64),
)
sealed_entries = st.builds(Sealed, wire_entries, hash_bytes)
tables = st.builds(
    lambda roles, cuts: Table(roles, tuple(sorted(cuts.values()))),
    st.dictionaries(hash_bytes, st.sampled_from(Role), max_size=5),
    st.dictionaries(hash_bytes, st.none(), max_size=4).flatmap(
        lambda logs: st.fixed_dictionaries(
            {log: st.builds(ev.LogHead, st.just(log), u63, hash_bytes) for log in logs}
        )
    ),
)


@st.composite
def host_chains(draw: st.DrawFn, least: int = 0) -> tuple[LogWriter, list[Sealed]]:
    """A host's log, *least* entries beyond its beginning or more; with its writer, to know head and size."""
    writer = host_writer()
    chain = begin(writer)
    for kind, batch in draw(st.lists(kinds_with_events, min_size=least, max_size=5)):
        chain.append(writer.append(kind, batch, nonce(writer.size)))
    return writer, chain


writers = seeds.map(WriterKey.from_seed)
channels = writers.map(lambda writer: channel_id(writer.public))
