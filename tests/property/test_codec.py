"""One value, one encoding: held against msgpack's own decoder."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctm.protocol.codec import Value, decode_untrusted, encode
from cctm.protocol.errors import MalformedError
from strategies import values

pytestmark = pytest.mark.untraced


@given(values)
def test_every_value_comes_back(value: Value):
    assert decode_untrusted(encode(value), 1_000_000) == value


def canonical_by_msgpack(data: bytes) -> bool:
    """Whether msgpack decodes *data* to what the format allows, and encodes that to *data* again."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=False)
        return allowed(value, 16) and msgpack.packb(value) == data
    except (ValueError, TypeError, msgpack.UnpackException):  # a list cannot be a key
        return False


def allowed(value: object, depth: int) -> bool:
    if type(value) is list:
        return depth > 0 and all(allowed(item, depth - 1) for item in value)
    return value is None or type(value) in {bool, int, bytes, str}


@given(st.binary(max_size=60))
def test_random_bytes_are_judged_as_msgpack_and_a_second_encoding_judge_them(data):
    judge(data)


@given(values, st.data())
def test_changed_encodings_are_judged_as_msgpack_and_a_second_encoding_judge_them(value, data):
    encoded = bytearray(encode(value))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    judge(bytes(encoded))


def judge(data: bytes) -> None:
    try:
        value = decode_untrusted(data, 1_000_000)
    except MalformedError:
        assert not canonical_by_msgpack(data)
    else:
        assert canonical_by_msgpack(data)
        assert encode(value) == data
