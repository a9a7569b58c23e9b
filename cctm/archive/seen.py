"""When guests of a channel were last here (SPEC.md §6.8).

    seen = canonical [[writer(32), by the wall clock], …], in the order of the writers

Invariant: it is stored only under the device's key; no segment says it.
"""

from collections.abc import Mapping
from typing import Final

from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_array,
    expect_exactly,
    expect_fields,
    expect_int,
)
from cctm.protocol.keys import PUBLIC_BYTES, WriterId

_LIMIT_BYTES: Final = 1 << 20


def encode_seen(seen: Mapping[WriterId, int]) -> bytes:
    return encode(sorted(seen.items()))


def decode_seen_untrusted(data: bytes) -> dict[WriterId, int]:
    """
    Raises:
        MalformedError: it is no list of writers and times.
    """
    pairs = [expect_fields(item, 2) for item in expect_array(decode_untrusted(data, _LIMIT_BYTES))]
    return {WriterId(expect_exactly(who, PUBLIC_BYTES)): expect_int(at) for who, at in pairs}
