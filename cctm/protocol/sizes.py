"""How large what is sealed becomes (SPEC.md §4.2). Needs no key: whoever only passes entries on bounds them by this.

    pad(x) = x ‖ zero bytes, up to max(64, PADMÉ(len x))

*Not* protected: lengths leak up to PADMÉ, at most 12 %.
"""

from typing import Final

NONCE_BYTES: Final = 24
TAG_BYTES: Final = 16
SEALED_OVERHEAD_BYTES: Final = NONCE_BYTES + TAG_BYTES
CODE_HEAD_BYTES: Final = 9
PAD_FLOOR_BYTES: Final = 64


def padme(size: int) -> int:
    """The size to which *size* is rounded up: at most 12 % more, and few sizes are left to tell apart.

    Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
        2019.
    """
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (size + mask) & ~mask


def padded_size(size: int) -> int:
    return max(PAD_FLOOR_BYTES, padme(size))
