"""Any bytes at all: scanning ends, accounts for every byte, and loses no whole record."""

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from archive_fixtures import records, small_recording
from cctm.archive.catalogue import About, State, decode_about_untrusted, encode_about
from cctm.archive.segment import MAGIC, Record, scan
from cctm.protocol.events import How

PAYLOADS = small_recording(outputs=3).logs[0].payloads
WHOLE = MAGIC + records(PAYLOADS)


def scanned(data):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return list(scan(file.fileno()))


@settings(deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: MAGIC + data))
def test_a_scan_of_anything_accounts_for_every_byte(data):
    position = 8 if data.startswith(MAGIC) else 0
    for item in scanned(data):
        assert item.start == position
        assert item.end > item.start
        position = item.end
    assert position == len(data)


@settings(deadline=None)
@given(st.data())
def test_damage_anywhere_costs_only_the_records_it_touches(data):
    low = data.draw(st.integers(0, len(WHOLE)))
    high = data.draw(st.integers(low, min(len(WHOLE), low + 300)))
    junk = data.draw(st.binary(min_size=high - low, max_size=high - low))
    changed = WHOLE[:low] + junk + WHOLE[high:]
    found = [item.payload for item in scanned(changed) if isinstance(item, Record)]
    position, expected = len(MAGIC), []
    for payload in PAYLOADS:
        end = position + 8 + len(payload)
        if changed[position:end] == WHOLE[position:end]:
            expected.append(payload)
        position = end
    assert found == expected


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)))
def test_any_prefix_holds_the_records_that_are_whole(size):
    position, whole = len(MAGIC), 0
    for payload in PAYLOADS:
        position += 8 + len(payload)
        whole += position <= size
    found = scanned(WHOLE[:size])
    assert [item.payload for item in found if isinstance(item, Record)] == PAYLOADS[:whole]


abouts = st.builds(
    About,
    st.text(max_size=30),
    st.lists(st.binary(max_size=20), max_size=4).map(tuple),
    st.binary(max_size=20),
    st.integers(0, 2**63 - 1),
    st.sampled_from(State),
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | st.sampled_from(How),
    st.integers(0, 255),
    st.integers(0, 2**63 - 1),
)


@given(abouts)
def test_what_is_known_about_a_terminal_reads_back(about):
    assert decode_about_untrusted(encode_about(about)) == about
