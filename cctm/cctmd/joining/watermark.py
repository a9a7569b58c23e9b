"""The watermark as it is stored: how far this device has seen a channel (SPEC.md §16.4).

known = canonical [generation, log(32), size, head(32), grant]        empty: nothing was seen yet
"""

from typing import Final

from cctm.protocol.codec import decode_untrusted, encode, expect_exactly, expect_fields, expect_int
from cctm.protocol.keys import HASH_BYTES, Digest, LogId
from cctm.protocol.sync.follower import NOTHING_KNOWN, Known

_LIMIT_BYTES: Final = 256


def encode_known(known: Known) -> bytes:
    return encode((known.generation, known.log, known.size, known.head, known.grant))


def decode_known_untrusted(data: bytes) -> Known:
    """
    Raises:
        MalformedError: `encode_known` does not make *data*.
    """
    if not data:
        return NOTHING_KNOWN
    generation, log, size, head, grant = expect_fields(decode_untrusted(data, _LIMIT_BYTES), 5)
    return Known(
        expect_int(generation),
        LogId(expect_exactly(log, HASH_BYTES)),
        expect_int(size),
        Digest(expect_exactly(head, HASH_BYTES)),
        expect_int(grant),
    )
