"""What a guest knows of a channel that it joined (SPEC.md §16.3): which link, as whom, and what it has seen.

    joined = canonical [origin, secret(16), generation, epoch, seed(32), is enrolled, label, known, parted]

Invariants: it is stored only under the device's key, and nowhere else: no segment says it, so a catalogue that is
rebuilt lacks it. *known* is what must never be seen smaller again (SPEC.md §16.4).
"""

from dataclasses import dataclass, field
from typing import Final

from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_bool,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_int,
    expect_text,
)
from cctm.protocol.keys import SEED_BYTES, ChannelId, DeviceKeys
from cctm.protocol.link import SECRET_BYTES, Link
from cctm.protocol.origin import Origin, decode_origin_untrusted

_LIMIT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Joined:
    """A channel of somebody else's. *seed*: of the keys that are ours there. *known*: opaque here; empty at first.

    *parted*: why nothing more comes of it, as a row of a listing says (SPEC.md §8).
    """

    origin: Origin
    secret: bytes = field(repr=False)
    generation: int
    epoch: int
    seed: bytes = field(repr=False)
    label: str
    is_enrolled: bool = False
    known: bytes = b""
    parted: int = 0

    def link(self, channel: ChannelId) -> Link:
        """The link by which it was joined."""
        return Link(self.origin, channel, self.secret, self.generation, self.epoch)

    @property
    def keys(self) -> DeviceKeys:
        """Ours in this channel."""
        return DeviceKeys.from_seed(self.seed)


def encode_joined(joined: Joined) -> bytes:
    return encode(
        (
            str(joined.origin),
            joined.secret,
            joined.generation,
            joined.epoch,
            joined.seed,
            joined.is_enrolled,
            joined.label,
            joined.known,
            joined.parted,
        )
    )


def decode_joined_untrusted(data: bytes) -> Joined:
    """
    Raises:
        MalformedError: `encode_joined` does not make *data*.
    """
    fields = expect_fields(decode_untrusted(data, _LIMIT_BYTES), 9)
    origin, secret, generation, epoch, seed, is_enrolled, label, known, parted = fields
    return Joined(
        decode_origin_untrusted(expect_text(origin)),
        expect_exactly(secret, SECRET_BYTES),
        expect_int(generation, 1),
        expect_int(epoch, 1),
        expect_exactly(seed, SEED_BYTES),
        expect_text(label),
        expect_bool(is_enrolled),
        expect_bytes(known),
        expect_int(parted),
    )
