"""Control messages: whatever is said arrives as it was said, however it is cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol.control.frames import LENGTH_BYTES, FrameReader, decode_message_untrusted, encode_message
from cctm.protocol.errors import MalformedError
from control_messages import messages


@given(messages)
def test_every_message_comes_back(message):
    found = decode_message_untrusted(encode_message(message)[LENGTH_BYTES:])
    assert type(found) is type(message)
    assert found == message


@given(st.lists(messages, max_size=5), st.lists(st.integers(0, 5_000), max_size=8))
def test_any_cut_gives_the_same_messages(said, places):
    stream = b"".join(map(encode_message, said))
    cuts = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    reader = FrameReader()
    found = [
        message
        for start, end in itertools.pairwise(cuts)
        for message in reader.receive_untrusted(stream[start:end])
    ]
    assert list(map(type, found)) == list(map(type, said))
    assert found == said


@given(st.binary(max_size=200), st.integers(0, 200))
def test_bytes_from_anywhere_are_read_or_refused_at_the_same_place_however_cut(data, cut):
    def read(*pieces):
        reader, found = FrameReader(), []
        try:
            for piece in pieces:
                found.extend(reader.receive_untrusted(piece))
        except MalformedError:
            found.append("refused")
        return found

    assert read(data) == read(data[:cut], data[cut:])
