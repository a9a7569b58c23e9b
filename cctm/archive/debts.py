"""A debt: an access list that takes somebody away, and that a relay has not confirmed (SPEC.md §16.13).

    debt = canonical [relay, name, seed(32), signed access list]

Invariant: it is all that it takes to deliver the list, also when the terminal's record and keys are deleted.
"""

from dataclasses import dataclass, field
from typing import Final

from cctm.protocol.admission import AccessList, decode_access_untrusted
from cctm.protocol.codec import (
    decode_untrusted,
    encode,
    expect_bytes,
    expect_exactly,
    expect_fields,
    expect_text,
)
from cctm.protocol.keys import SEED_BYTES, ChannelId, WriterKey, channel_id, hash32

_LIMIT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Debt:
    """What one relay is to hear of one channel. *relay*: its origin; empty: this home's own. *name*: the terminal's."""

    relay: str
    name: str
    seed: bytes = field(repr=False)
    signed: bytes = field(repr=False)

    @property
    def key(self) -> WriterKey:
        """The channel's owner's."""
        return WriterKey.from_seed(self.seed)

    @property
    def channel(self) -> ChannelId:
        return channel_id(self.key.public)

    @property
    def access(self) -> AccessList:
        return decode_access_untrusted(self.signed)


def relay_id(relay: str) -> bytes:
    """What a relay is called where its address is not to be read."""
    return hash32(b"cctm debt", relay.encode())


def encode_debt(debt: Debt) -> bytes:
    return encode((debt.relay, debt.name, debt.seed, debt.signed))


def decode_debt_untrusted(data: bytes) -> Debt:
    """
    Raises:
        MalformedError: `encode_debt` does not make *data*.
    """
    relay, name, seed, signed = expect_fields(decode_untrusted(data, _LIMIT_BYTES), 4)
    debt = Debt(expect_text(relay), expect_text(name), expect_exactly(seed, SEED_BYTES), expect_bytes(signed))
    decode_access_untrusted(debt.signed)
    return debt
